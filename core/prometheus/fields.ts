// Reading the fields of one data point that the index has no column for: flags, exemplars, buckets, quantiles. The translation calls it.
// The layouts are those of core/otlp/walk-data-point.ts; whatever is read here has been walked.

import { type AttributeValue, readAnyValue } from '../otlp/any-value.ts'
import { type RequestIndex } from '../otlp/request-index.ts'
import { next, readUint32, skipValue } from '../otlp/wire.ts'
import { type Attribute, compareText, joined, textOf } from './labels.ts'
import type { Strategy } from './names.ts'
import type { Exemplar } from './point.ts'

/** Milliseconds of nanoseconds at `at`, exactly: a float of nanoseconds would be off by one in some milliseconds. */
export function msAt(view: DataView, at: number): number {
  if (at < 0) return 0
  const low = view.getUint32(at, true)
  const high = view.getUint32(at + 4, true)
  // 2^32 is 4294 × 10^6 + 967296, and no product here reaches 2^53.
  return high * 4294 + Math.floor((high * 967_296 + low) / 1e6)
}

/** A fixed64 as a number: exact to 2^53, as Prometheus' own numbers are. */
export function uint64At(view: DataView, at: number): number {
  return at < 0 ? 0 : view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true)
}

export function int64At(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true)
}

/** What a varint in `[p, …)` says, exact to 2^53. `next` is behind it. */
export let varintEnd = 0
export function varintAt(bytes: Uint8Array, p: number): number {
  let value = 0
  let unit = 1
  for (;;) {
    const byte = bytes[p++]!
    value += (byte & 0x7f) * unit
    if (byte < 0x80) break
    unit *= 128
  }
  varintEnd = p
  return value
}

/** Calls `take` with each field in `[start, end)`: its tag, and where its value lies, without the length that it may have. */
export function eachField(bytes: Buffer, start: number, end: number, take: (tag: number, from: number, to: number) => void): void {
  let p = start
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    let from = next
    p = skipValue(bytes, from, end, tag, 0)
    if ((tag & 7) === 2) {
      readUint32(bytes, from, end)
      from = next
    }
    take(tag, from, p)
  }
}

/** `fixed64` or `double` of a packed field, or the one of a field that is not. */
export function numbersIn(view: DataView, from: number, to: number, read: (view: DataView, at: number) => number, into: number[]): void {
  for (let at = from; at < to; at += 8) into.push(read(view, at))
}

export function doubleAt(view: DataView, at: number): number {
  return view.getFloat64(at, true)
}

/** zigzag, as of sint32 and sint64. */
export function signed(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

/** Exemplar { fixed64 time_unix_nano = 2; double as_double = 3; bytes span_id = 4; bytes trace_id = 5; sfixed64 as_int = 6; KeyValue 7 } */
export function readExemplar(index: RequestIndex, start: number, end: number, strategy: Strategy): Exemplar {
  const { bytes, view } = index
  const ids = new Map<string, string>()
  const attributes: Attribute[] = []
  let value = 0
  let timestampMs = 0
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x11) timestampMs = msAt(view, from)
    else if (tag === 0x19) value = view.getFloat64(from, true)
    else if (tag === 0x31) value = int64At(view, from)
    else if (tag === 0x22 && to > from) ids.set('span_id', bytes.toString('hex', from, to))
    else if (tag === 0x2a && to > from) ids.set('trace_id', bytes.toString('hex', from, to))
    else if (tag === 0x3a) attributes.push(readKeyValue(bytes, from, to))
  })
  return { labels: exemplarLabels(attributes, ids, strategy), value, timestampMs }
}

/** What Prometheus and OpenMetrics take of an exemplar's labels: names and values together, in characters. */
const MAX_CHARACTERS = 128

/** The ids count more than attributes of their names, and all the others go where they would be too long. */
function exemplarLabels(attributes: readonly Attribute[], ids: ReadonlyMap<string, string>, strategy: Strategy): readonly string[] {
  const all = joined(
    attributes.map(([key, value]) => [key, textOf(value)] as const),
    strategy,
  )
  for (const [name, id] of ids) all.set(name, id)
  const pairs = [...all].filter(([, value]) => value !== '')
  const characters = pairs.reduce((sum, [name, value]) => sum + charactersIn(name) + charactersIn(value), 0)
  return (characters <= MAX_CHARACTERS ? pairs : [...ids]).sort(([a], [b]) => compareText(a, b)).flat()
}

function charactersIn(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

export function readKeyValue(bytes: Buffer, start: number, end: number): Attribute {
  let key = ''
  let value: AttributeValue = null
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x0a) key = bytes.toString('utf8', from, to)
    else if (tag === 0x12) value = readAnyValue(bytes, from, to)
  })
  return [key, value]
}
