// The limits that a sender sets with an execution: rows.ts finds them in a message, part.ts keeps them, crossings.ts compares them.
//
//   Thresholds { repeated Threshold thresholds = 1; }
//   Threshold { string name = 1; double limit = 2; bool below = 3; bool target = 4; }

import { type JsonObject, objectIn } from './message.ts'
import { PieceWriter } from './piece-writer.ts'
import { eachField } from './fields.ts'

/** A limit for an execution's measurements or its duration. */
export interface Threshold {
  /** As measurements are called: `max_` and `min_` are taken off. */
  readonly name: string
  readonly limit: number
  /** It is crossed by what is less; else by what is more. */
  readonly below: boolean
  /** One of the `performance_targets`; else of the `alert_thresholds`. */
  readonly target: boolean
  /** By which a crossing is remembered. */
  readonly key: string
}

/** The thresholds of an execution. Equal ones are one object, so that what is found for one is found for all. */
export interface Thresholds {
  readonly byName: ReadonlyMap<string, readonly Threshold[]>
}

export const NO_THRESHOLDS: Thresholds = { byName: new Map() }

/** `alert_thresholds` and `performance_targets` of a monitoring block: its numbers. */
export function thresholdsIn(monitoring: JsonObject): Threshold[] {
  return [...limitsIn(objectIn(monitoring, 'alert_thresholds'), false), ...limitsIn(objectIn(monitoring, 'performance_targets'), true)]
}

function limitsIn(limits: JsonObject | undefined, target: boolean): Threshold[] {
  if (limits === undefined) return []
  return Object.keys(limits).flatMap((key) => {
    const limit = limits[key]
    const below = key.startsWith('min_')
    const name = below || key.startsWith('max_') ? key.slice(4) : key
    return typeof limit === 'number' ? [thresholdOf(name, limit, below, target)] : []
  })
}

function thresholdOf(name: string, limit: number, below: boolean, target: boolean): Threshold {
  return { name, limit, below, target, key: `${target ? 'target' : 'alert'} ${below ? '<' : '>'} ${name}` }
}

/** The body of a Thresholds. */
export function writeThresholds(out: PieceWriter, thresholds: readonly Threshold[]): void {
  for (const { name, limit, below, target } of thresholds) {
    const start = out.begin(0x0a)
    out.text(0x0a, name)
    out.byte(0x11)
    out.double(limit)
    if (below) flag(out, 0x18)
    if (target) flag(out, 0x20)
    out.end(start)
  }
}

function flag(out: PieceWriter, tag: number): void {
  out.byte(tag)
  out.byte(1)
}

/** Most senders set the same ones for all their executions. */
const MOST_KNOWN = 1000
const known = new Map<string, Thresholds>()

/** Of the bodies of one or more Thresholds, the later ones before the earlier. */
export function readThresholds(bodies: readonly Buffer[]): Thresholds {
  if (bodies.length === 0) return NO_THRESHOLDS
  const written = bodies.length === 1 ? bodies[0]! : Buffer.concat(bodies)
  const text = written.toString('latin1')
  const found = known.get(text)
  if (found !== undefined) return found
  const read = { byName: byName(written) }
  if (known.size >= MOST_KNOWN) known.clear()
  if (text.length <= 4096) known.set(text, read)
  return read
}

function byName(bytes: Buffer): ReadonlyMap<string, readonly Threshold[]> {
  const last = new Map<string, Threshold>()
  eachField(bytes, 0, bytes.length, (_tag, start, end) => {
    const threshold = readThreshold(bytes, start, end)
    last.set(threshold.key, threshold)
  })
  const grouped = new Map<string, Threshold[]>()
  for (const threshold of last.values()) grouped.set(threshold.name, [...(grouped.get(threshold.name) ?? []), threshold])
  return grouped
}

function readThreshold(bytes: Buffer, from: number, to: number): Threshold {
  let name = ''
  let limit = 0
  let [below, target] = [false, false]
  eachField(bytes, from, to, (tag, start, end) => {
    if (tag === 0x0a) name = bytes.toString('utf8', start, end)
    else if (tag === 0x11) limit = bytes.readDoubleLE(start)
    else if (tag === 0x18) below = true
    else if (tag === 0x20) target = true
  })
  return thresholdOf(name, limit, below, target)
}
