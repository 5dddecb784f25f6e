// Which of its execution's thresholds a message crosses: outcome.ts asks, part.ts remembers, logs.ts writes the alerts.

import { type Execution, keyOf } from './execution.ts'
import { eachMeasurement } from './measurements.ts'
import type { Message } from './message.ts'
import type { Threshold } from './part.ts'
import type { Crossings } from './pieces.ts'

/** A measurement past a threshold. */
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
export function compared(message: Message, execution: Execution): Compared {
  const { thresholds } = execution
  if (thresholds.length === 0 || message.kind === 'anomaly' || message.kind === 'start') return NOTHING
  const byName = new Map<string, Threshold[]>()
  for (const threshold of thresholds) byName.set(threshold.name, [...(byName.get(threshold.name) ?? []), threshold])
  const measured = new Map<string, Crossing | undefined>()
  const compare = (threshold: Threshold, value: number, metric: string): void => {
    const past = threshold.below ? value < threshold.limit : value > threshold.limit
    const key = keyOf(threshold)
    if (measured.get(key) === undefined) measured.set(key, past ? { threshold, value, metric } : undefined)
  }
  eachMeasurement(message, (path, value) => {
    for (const calling of path.callings) {
      for (const threshold of byName.get(calling) ?? []) compare(threshold, Number(value), path.name)
    }
  })
  const elapsedMs = execution.started ? Number(message.time - execution.startTime) / 1e6 : -1
  if (elapsedMs >= 0) for (const threshold of byName.get(DURATION) ?? []) compare(threshold, elapsedMs, DURATION)
  return changes(measured, execution)
}

function changes(measured: ReadonlyMap<string, Crossing | undefined>, { crossed: before }: Execution): Compared {
  const alerts: Crossing[] = []
  const [crossed, back]: string[][] = [[], []]
  for (const [key, crossing] of measured) {
    if (crossing === undefined) {
      if (before.has(key)) back!.push(key)
    } else if (!before.has(key)) {
      crossed!.push(key)
      alerts.push(crossing)
    }
  }
  return { alerts, crossed: crossed!, back: back! }
}
