// Which of its execution's thresholds a message crosses: outcome.ts asks, part.ts remembers, logs.ts writes the alerts.

import type { Execution } from './execution.ts'
import type { Measurements } from './measurements.ts'
import type { Message } from './message.ts'
import type { Crossings } from './pieces.ts'
import type { Threshold } from './thresholds.ts'

/** Something past a threshold. */
export interface Crossing {
  readonly threshold: Threshold
  readonly value: number
  /** The metric's name, or `duration_ms` for what the clock says. */
  readonly metric: string
}

export interface Compared extends Crossings {
  /** Those that it was not past before: each is an alert. */
  readonly alerts: readonly Crossing[]
}

const NOTHING: Compared = { alerts: [], crossed: [], back: [] }
const DURATION = 'duration_ms'

/** Compares what the message measured, and how long the execution takes by now, with the execution's thresholds. */
export function compared(message: Message, { paths, values }: Measurements, execution: Execution): Compared {
  const { thresholds, started, startTime } = execution
  if (thresholds.byName.size === 0 || message.kind === 'anomaly' || message.kind === 'start') return NOTHING
  const measured = new Map<string, Crossing | undefined>()
  for (let i = 0; i < paths.length; i++) {
    for (const threshold of paths[i]!.thresholdsFor(thresholds)) compare(measured, threshold, Number(values[i]), paths[i]!.name)
  }
  const elapsedMs = started ? Number(message.time - startTime) / 1e6 : -1
  if (elapsedMs >= 0) for (const threshold of thresholds.byName.get(DURATION) ?? []) compare(measured, threshold, elapsedMs, DURATION)
  return measured.size === 0 ? NOTHING : changes(measured, execution)
}

/** Several measurements may be meant by one threshold: the first past it counts. */
function compare(measured: Map<string, Crossing | undefined>, threshold: Threshold, value: number, metric: string): void {
  const past = threshold.below ? value < threshold.limit : value > threshold.limit
  if (measured.get(threshold.key) === undefined) measured.set(threshold.key, past ? { threshold, value, metric } : undefined)
}

function changes(measured: ReadonlyMap<string, Crossing | undefined>, { crossed: before }: Execution): Compared {
  const alerts: Crossing[] = []
  const back: string[] = []
  for (const [key, crossing] of measured) {
    if (crossing === undefined && before.has(key)) back.push(key)
    else if (crossing !== undefined && !before.has(key)) alerts.push(crossing)
  }
  return { alerts, crossed: alerts.map(({ threshold }) => threshold.key), back }
}
