// What of a request cannot be translated, and why; and whether a point is as plain as nearly all are. The translation asks.

import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { printable } from '../printable.ts'
import { eachField } from './fields.ts'

export interface Refusals {
  /** Data points. */
  count: number
  /** Of the first of them; empty where there is none. */
  reason: string
}

const DELTA = 1

/** Whether a gauge's or sum's point has nothing but its times, its value and its attributes: then its length says so. */
export function isPlain({ items, attributes }: RequestIndex, row: number): boolean {
  let length = items[row + column.POINT_TIME]! >= 0 ? 9 : 0
  if (items[row + column.POINT_START_TIME]! >= 0) length += 9
  if (items[row + column.POINT_DOUBLE]! >= 0 || items[row + column.POINT_INT]! >= 0) length += 9
  const end = items[row + column.ATTRS_END]!
  for (let at = items[row + column.ATTRS_FIRST]!; at < end; at += column.ATTR_STRIDE)
    length += attributes[at + column.ATTR_END]! - attributes[at + column.ATTR_TAG]!
  return length === items[row + column.END]! - items[row + column.START]!
}

/** Sums and histograms of Prometheus go on counting. */
export function faultOf({ metrics }: RequestIndex, m: number): string | undefined {
  const kind = metrics[m + column.METRIC_KIND]
  if (kind === column.GAUGE || kind === column.SUMMARY) return undefined
  const temporality = metrics[m + column.METRIC_TEMPORALITY]
  if (temporality === DELTA) return 'it has delta temporality; accepted: cumulative, or delta: convert'
  return temporality === 2 ? undefined : 'it does not say whether it is cumulative or delta; accepted: cumulative'
}

export function faultOfBuckets(bounds: readonly number[], counts: number): string | undefined {
  if (counts === 0 && bounds.length === 0) return undefined
  if (counts !== bounds.length + 1)
    return `a histogram has ${bounds.length} bounds and ${counts} buckets; accepted: one bucket more than bounds`
  for (let i = 0; i < bounds.length; i++)
    if (!(bounds[i]! > (i === 0 ? -Infinity : bounds[i - 1]!)) || bounds[i] === Infinity) return 'the bounds of a histogram do not ascend'
  return undefined
}

/** Prometheus looks at this, too, and refuses the whole request. A value of NaN is counted and in no bucket, and the sum is NaN then. */
export function faultOfCount(
  count: number,
  zeroCount: number,
  positive: readonly number[],
  negative: readonly number[],
  sum: number,
): string | undefined {
  let inBuckets = zeroCount
  for (const each of positive) inBuckets += each
  for (const each of negative) inBuckets += each
  // A float cannot tell.
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(inBuckets)) return undefined
  if (Number.isNaN(sum) ? inBuckets <= count : inBuckets === count) return undefined
  return `an exponential histogram has count ${count}, and ${inBuckets} in its buckets; accepted: the same`
}

/** What lies below each bound. */
export function cumulative(counts: readonly number[], length: number): number[] {
  const values: number[] = []
  let total = 0
  for (let i = 0; i < length; i++) values.push((total += counts[i]!))
  return values
}

export function refuse(refusals: Refusals, index: RequestIndex, m: number, count: number, why: string): void {
  refusals.count += count
  if (refusals.reason !== '') return
  const name = printable(metricNameAt(index, m), 100)
  refusals.reason = `metric "${name}": ${why}`
}

function metricNameAt({ bytes, metrics }: RequestIndex, m: number): string {
  let name = ''
  eachField(bytes, metrics[m + column.START]!, metrics[m + column.END]!, (tag, from, to) => {
    if (tag === 0x0a) name = bytes.toString('utf8', from, to)
  })
  return name
}
