// What has been added up of one stream, and how a point's increments are added and replaced by it. delta.ts calls one of the three for each point.

import type { RequestEdits } from '../otlp/edits.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { faultOfBuckets, faultOfCount } from './faults.ts'
import { doubleAt, eachField, numbersIn, signed, varintAt } from './fields.ts'
import { readBuckets, type DenseBuckets } from './native.ts'

export interface Total {
  /** When the first increment began, and the time of the last, in nanoseconds. */
  startNs: bigint
  timeNs: bigint
  /** When the last point came, in monotonic milliseconds. */
  seenMs: number
  number?: { int: bigint; double: number; isDouble: boolean }
  histogram?: { count: bigint; sum: number; counts: BigUint64Array; bounds: readonly number[] }
  exponential?: Exponential
}

interface Exponential {
  count: bigint
  sum: number
  zeroCount: bigint
  zeroThreshold: number
  scale: number
  positive: DenseBuckets
  negative: DenseBuckets
}

const DOUBLE_TAG = 0x21

/** Why it must not be added: all that came after it would be as wrong. */
export function faultOfIncrement(index: RequestIndex, kind: number, row: number): string | undefined {
  const { items, view, bytes } = index
  const at = items[row + (kind === column.SUM ? column.POINT_DOUBLE : column.POINT_SUM)]!
  if (at >= 0 && !Number.isFinite(view.getFloat64(at, true)))
    return `a point of delta temporality comes to ${view.getFloat64(at, true)}; accepted: finite numbers`
  if (kind === column.EXPONENTIAL_HISTOGRAM) {
    const { count, zeroCount, positive, negative, sum } = readExponential(index, items[row + column.START]!, items[row + column.END]!)
    return faultOfCount(Number(count), Number(zeroCount), positive.counts, negative.counts, Number.isNaN(sum) ? 0 : sum)
  }
  if (kind !== column.HISTOGRAM) return undefined
  const bounds: number[] = []
  let counts = 0
  eachField(bytes, items[row + column.START]!, items[row + column.END]!, (tag, from, to) => {
    if (tag === 0x32 || tag === 0x31) counts += (to - from) / 8
    else if (tag === 0x3a || tag === 0x39) numbersIn(view, from, to, doubleAt, bounds)
  })
  return faultOfBuckets(bounds, counts)
}

/** Integers stay integers until a double comes. */
export function addNumber({ items, view, bytes }: RequestIndex, item: number, total: Total, isAgain: boolean): void {
  const row = item * column.ITEM_STRIDE
  const double = items[row + column.POINT_DOUBLE]!
  const int = items[row + column.POINT_INT]!
  const sum = (total.number ??= { int: 0n, double: 0, isDouble: false })
  if (!isAgain) {
    if (double >= 0) {
      sum.double += view.getFloat64(double, true)
      sum.isDouble = true
    } else if (int >= 0) sum.int += view.getBigInt64(int, true)
  }
  const at = double >= 0 ? double : int
  if (at < 0) return
  if (double < 0 && !sum.isDouble) return view.setBigInt64(at, sum.int, true)
  // Both are eight bytes behind a tag of one.
  bytes[at - 1] = DOUBLE_TAG
  view.setFloat64(at, sum.double + Number(sum.int), true)
}

/** Another set of bounds is another histogram: it begins anew. */
export function addHistogram({ items, view, bytes }: RequestIndex, item: number, total: Total, isAgain: boolean, startNs: bigint): void {
  const row = item * column.ITEM_STRIDE
  const places: number[] = []
  const bounds: number[] = []
  eachField(bytes, items[row + column.START]!, items[row + column.END]!, (tag, from, to) => {
    if (tag === 0x32 || tag === 0x31) for (let at = from; at < to; at += 8) places.push(at)
    else if (tag === 0x3a || tag === 0x39) for (let at = from; at < to; at += 8) bounds.push(view.getFloat64(at, true))
  })
  let sum = total.histogram
  if (sum === undefined || sum.counts.length !== places.length || sum.bounds.some((bound, i) => bound !== bounds[i])) {
    sum = total.histogram = { count: 0n, sum: 0, counts: new BigUint64Array(places.length), bounds }
    total.startNs = startNs
    isAgain = false
  }
  const countAt = items[row + column.POINT_COUNT]!
  const sumAt = items[row + column.POINT_SUM]!
  if (!isAgain) {
    if (countAt >= 0) sum.count += view.getBigUint64(countAt, true)
    if (sumAt >= 0) sum.sum += view.getFloat64(sumAt, true)
    for (const [i, at] of places.entries()) sum.counts[i]! += view.getBigUint64(at, true)
  }
  if (countAt >= 0) view.setBigUint64(countAt, sum.count, true)
  if (sumAt >= 0) view.setFloat64(sumAt, sum.sum, true)
  for (const [i, at] of places.entries()) view.setBigUint64(at, sum.counts[i]!, true)
}

/** Buckets grow and their scale changes, so the point is written anew. */
export function addExponential(index: RequestIndex, item: number, total: Total, isAgain: boolean, edits: RequestEdits): void {
  const row = item * column.ITEM_STRIDE
  const start = index.items[row + column.START]!
  const end = index.items[row + column.END]!
  const kept: [from: number, to: number][] = []
  const point = readExponential(index, start, end)
  const sum = total.exponential === undefined ? point : isAgain ? total.exponential : together(total.exponential, point)
  total.exponential = sum
  let p = start
  eachField(index.bytes, start, end, (tag, _, to) => {
    if (!REPLACED.has(tag)) kept.push([p, to])
    p = to
  })
  const out = edits.arena
  const from = out.at
  for (const [a, b] of kept) out.raw(index.bytes, a, b)
  writeFixed64(out, 0x11, total.startNs)
  writeFixed64(out, 0x21, sum.count)
  if (!Number.isNaN(sum.sum)) writeDouble(out, 0x29, sum.sum)
  out.varint(0x30)
  out.varint(sum.scale < 0 ? -2 * sum.scale - 1 : 2 * sum.scale)
  writeFixed64(out, 0x39, sum.zeroCount)
  writeBuckets(out, 0x42, sum.positive)
  writeBuckets(out, 0x4a, sum.negative)
  writeDouble(out, 0x71, sum.zeroThreshold)
  edits.patchItem(item, start, end, from, out.at)
}

/** start_time_unix_nano, count, sum, scale, zero_count, positive, negative, zero_threshold. */
const REPLACED: ReadonlySet<number> = new Set([0x11, 0x21, 0x29, 0x30, 0x39, 0x42, 0x4a, 0x71])

function readExponential(index: RequestIndex, start: number, end: number): Exponential {
  const { view, bytes } = index
  const none: DenseBuckets = { offset: 0, counts: [] }
  const point: Exponential = { count: 0n, sum: NaN, zeroCount: 0n, zeroThreshold: 0, scale: 0, positive: none, negative: none }
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x21) point.count = view.getBigUint64(from, true)
    else if (tag === 0x29) point.sum = view.getFloat64(from, true)
    else if (tag === 0x30) point.scale = signed(varintAt(bytes, from))
    else if (tag === 0x39) point.zeroCount = view.getBigUint64(from, true)
    else if (tag === 0x42) point.positive = readBuckets(index, from, to)
    else if (tag === 0x4a) point.negative = readBuckets(index, from, to)
    else if (tag === 0x71) point.zeroThreshold = view.getFloat64(from, true)
  })
  return point
}

/** As fine as the coarser of both. Buckets that a wider zero bucket takes in stay where they are: their counts are not lost, and near zero. */
function together(a: Exponential, b: Exponential): Exponential {
  const scale = Math.min(a.scale, b.scale)
  const side = (key: 'positive' | 'negative'): DenseBuckets => added(coarsened(a[key], a.scale - scale), coarsened(b[key], b.scale - scale))
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    zeroCount: a.zeroCount + b.zeroCount,
    zeroThreshold: Math.max(a.zeroThreshold, b.zeroThreshold),
    scale,
    positive: side('positive'),
    negative: side('negative'),
  }
}

function coarsened({ offset, counts }: DenseBuckets, by: number): DenseBuckets {
  if (by === 0 || counts.length === 0) return { offset, counts }
  const first = Math.floor(offset / 2 ** by)
  const made: number[] = []
  for (const [i, count] of counts.entries()) {
    const bucket = Math.floor((offset + i) / 2 ** by) - first
    made[bucket] = (made[bucket] ?? 0) + count
  }
  return { offset: first, counts: made }
}

function added(a: DenseBuckets, b: DenseBuckets): DenseBuckets {
  if (a.counts.length === 0) return b
  if (b.counts.length === 0) return a
  const offset = Math.min(a.offset, b.offset)
  const end = Math.max(a.offset + a.counts.length, b.offset + b.counts.length)
  const counts = Array.from(
    { length: end - offset },
    (_, i) => (a.counts[i + offset - a.offset] ?? 0) + (b.counts[i + offset - b.offset] ?? 0),
  )
  return { offset, counts }
}

type Out = RequestEdits['arena']

function writeBuckets(out: Out, tag: number, { offset, counts }: DenseBuckets): void {
  if (counts.length === 0) return
  const start = out.begin(tag)
  out.varint(0x08)
  out.varint(offset < 0 ? -2 * offset - 1 : 2 * offset)
  const packed = out.begin(0x12)
  for (const count of counts) out.varint(count)
  out.end(packed)
  out.end(start)
}

function writeFixed64(out: Out, tag: number, value: bigint): void {
  out.byte(tag)
  out.reserve(8)
  out.at = out.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), out.at)
}

function writeDouble(out: Out, tag: number, value: number): void {
  out.byte(tag)
  out.double(value)
}
