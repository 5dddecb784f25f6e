// The numbers of a message that are measurements, each with its path: metrics.ts writes them, thresholds.ts compares them.

import { type JsonObject, type Message, objectIn, stringIn } from './message.ts'
import { type MetricPath, ROOT } from './metric-names.ts'
import { BODY_ROWS, COLLECTION, rowsOf } from './rows.ts'
import { parseTime } from './time.ts'

export type TakeMeasurement = (path: MetricPath, value: number | bigint, time: bigint) => void

const BLOCKS: readonly string[] = [...BODY_ROWS].filter(([, row]) => row.measures === true).map(([key]) => key)

export function eachMeasurement(message: Message, take: TakeMeasurement): void {
  if (message.kind === 'anomaly') return
  if (message.kind === 'metrics') return inMetrics(message, take)
  for (const key of BLOCKS) {
    const block = objectIn(message.body, key)
    if (block !== undefined) walk(block, ROOT.to(key), timeOf(block, message), take)
  }
}

/** In a metrics message everything is one that no row says is something else. */
function inMetrics(message: Message, take: TakeMeasurement): void {
  const { body } = message
  const rows = rowsOf(message)
  for (const key of Object.keys(body)) {
    const row = rows.get(key)
    if ((row !== undefined && row.measures !== true) || key.startsWith(COLLECTION)) continue
    const value = body[key]
    if (typeof value === 'number' || typeof value === 'bigint') take(ROOT.to(key), value, message.time)
    else if (typeof value === 'object' && value !== null) walk(value, ROOT.to(key), timeOf(value as JsonObject, message), take)
  }
}

function timeOf(block: JsonObject, message: Message): bigint {
  const written = stringIn(block, 'timestamp')
  return written === undefined ? message.time : (parseTime(written) ?? message.time)
}

function walk(value: object, path: MetricPath, time: bigint, take: TakeMeasurement): void {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) element(value[i], path, i, time, take)
    return
  }
  for (const key of Object.keys(value)) {
    const member = (value as JsonObject)[key]
    if (typeof member === 'number' || typeof member === 'bigint') take(path.to(key), member, time)
    else if (typeof member === 'object' && member !== null) walk(member, path.to(key), time, take)
  }
}

function element(value: unknown, path: MetricPath, i: number, time: bigint, take: TakeMeasurement): void {
  if (typeof value === 'number' || typeof value === 'bigint') take(path.at(i), value, time)
  else if (typeof value === 'object' && value !== null) walk(value, path.at(i), time, take)
}
