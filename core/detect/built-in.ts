// The built-in detectors by name.

import type { Detector } from './detector.ts'
import { email } from './email.ts'
import { DETECTOR_NAMES, type DetectorName } from './names.ts'

const BUILT_IN: Readonly<Partial<Record<DetectorName, Detector>>> = { email }

/** These detectors, in the order of `DETECTOR_NAMES`. What one of them needs is loaded for it alone: the rules of phone numbers are large. */
export async function detectorsNamed(names: Iterable<DetectorName>): Promise<readonly Detector[]> {
  const wanted = new Set(names)
  const found = DETECTOR_NAMES.filter((name) => wanted.has(name)).map((name) => BUILT_IN[name])
  return found.filter((detector) => detector !== undefined)
}
