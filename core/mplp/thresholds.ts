// The limits that a sender sets with an execution: rows.ts finds them in a message, crossings.ts compares them.

import { type JsonObject, objectIn } from './message.ts'
import type { Threshold } from './part.ts'

/** `alert_thresholds` and `performance_targets` of a monitoring block: its numbers. */
export function thresholdsIn(monitoring: JsonObject): Threshold[] {
  return [...limitsIn(objectIn(monitoring, 'alert_thresholds'), false), ...limitsIn(objectIn(monitoring, 'performance_targets'), true)]
}

function limitsIn(limits: JsonObject | undefined, target: boolean): Threshold[] {
  if (limits === undefined) return []
  return Object.keys(limits).flatMap((key) => {
    const limit = limits[key]
    if (typeof limit !== 'number') return []
    return [{ name: key.replace(/^(?:max|min)_/, ''), limit, below: key.startsWith('min_'), target }]
  })
}
