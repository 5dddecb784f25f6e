// What schemas cannot say of durations, and several components ask of theirs.

import type { ConfigFault } from '../component.ts'
import { parseDuration } from './duration.ts'

type Path = ConfigFault['path']

/** Where 0 would be no time at all, and not for ever. */
export function zeroFaults(path: Path, duration: string, example: string): readonly ConfigFault[] {
  return parseDuration(duration) === 0 ? [{ path, message: `is 0; accepted: a duration above 0, such as ${example}` }] : []
}

/** The first that is not longer than the one before it. */
export function ascendingFaults(path: Path, durations: readonly string[]): readonly ConfigFault[] {
  const at = durations.findIndex((duration, i) => i > 0 && parseDuration(duration) <= parseDuration(durations[i - 1]!))
  if (at < 0) return []
  return [{ path: [...path, at], message: `is ${durations[at]}, behind ${durations[at - 1]}; accepted: durations that ascend` }]
}
