// One metric: validated, and noted in the index with its data points. A bad point is refused alone; a fault in the metric outside of its
// points refuses them all.
//
//   Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9;
//     ExponentialHistogram exponential_histogram = 10; Summary summary = 11; } repeated KeyValue metadata = 12; }
//   Sum    { repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }
//   Gauge and Summary have field 1 alone; Histogram and ExponentialHistogram 1 and 2.

import { FAULT, ODD, checkMessage, fault, faultOffset, faultReason } from './check.ts'
import * as column from './request-index.ts'
import { type RequestIndex, grown } from './request-index.ts'
import { Metric } from './schema-metrics.ts'
import { KeyValue } from './schema.ts'
import { isUtf8 } from './utf8.ts'
import { int32At } from './walk-attribute.ts'
import { walkDataPoint } from './walk-data-point.ts'
import { MAX_ITEMS, countOne, noteOdd, noteRefused } from './walk-frame.ts'
import { MalformedError, next, readUint32, skipValue, skipVarint } from './wire.ts'

/** A metric lies three messages below its request: ResourceMetrics, ScopeMetrics, Metric. */
const DEPTH = 3

/** Notes the metric whose field is [tagAt, end), refused or not. */
export function walkMetric(index: RequestIndex, tagAt: number, lengthAt: number, start: number, end: number, scope: number): void {
  if (index.metricCount >= MAX_ITEMS) throw new MalformedError(tagAt, `the request holds more than ${MAX_ITEMS} metrics`)
  const m = index.metricCount * column.METRIC_STRIDE
  const { itemCount, attributesEnd, refusedRanges, refusedCount, refusedReason, badIdCount } = index
  index.metrics = grown(index.metrics, m + column.METRIC_STRIDE)
  begin(index.metrics, m, tagAt, lengthAt, start, end, scope, itemCount)
  if (walkFields(index, m, start, end) !== FAULT) index.metrics[m + column.CHILD_END] = index.itemCount
  else {
    index.itemCount = itemCount
    index.attributesEnd = attributesEnd
    index.refusedRanges = refusedRanges
    index.badIdCount = badIdCount
    index.metrics[m + column.REFUSED] = column.WHOLE
    index.refusedMetrics++
    // Without a point it counts for one: nobody must be told that everything was taken.
    index.refusedCount = refusedCount + Math.max(1, countPoints(index.bytes, start, end))
    index.refusedReason = refusedCount === 0 ? `${faultReason} at byte ${faultOffset}` : refusedReason
  }
  index.metricCount++
}

function begin(
  metrics: Int32Array,
  m: number,
  tagAt: number,
  lengthAt: number,
  start: number,
  end: number,
  scope: number,
  firstPoint: number,
): void {
  metrics[m + column.TAG] = tagAt
  metrics[m + column.LENGTH] = lengthAt
  metrics[m + column.START] = start
  metrics[m + column.END] = end
  metrics[m + column.PARENT] = scope
  metrics[m + column.ATTRS_FIRST] = metrics[m + column.ATTRS_END] = 0
  metrics[m + column.MESSAGE_TAG] = metrics[m + column.MESSAGE_LENGTH] = -1
  metrics[m + column.MESSAGE_START] = metrics[m + column.MESSAGE_END] = -1
  metrics[m + column.CHILD_FIRST] = metrics[m + column.CHILD_END] = firstPoint
  metrics[m + column.REFUSED] = metrics[m + column.METRIC_KIND] = 0
  metrics[m + column.METRIC_NAME_TAG] = metrics[m + column.METRIC_DESCRIPTION_TAG] = metrics[m + column.METRIC_UNIT_TAG] = -1
  metrics[m + column.METRIC_TEMPORALITY] = metrics[m + column.METRIC_MONOTONIC] = 0
}

/** 0 or FAULT; what is odd it says of the whole request. */
function walkFields(index: RequestIndex, m: number, start: number, end: number): number {
  const { bytes, view } = index
  const metrics = index.metrics
  let p = start
  while (p < end) {
    const at = p
    const tag = readUint32(bytes, p, end)
    if (tag < 8) return fault(at, 'no field begins in the metric')
    const valueAt = (p = next)
    if ((tag & 7) === 2) {
      const length = readUint32(bytes, p, end)
      if (length < 0 || next + length > end) return fault(at, 'a field runs out of the metric')
      p = next
      const after = p + length
      switch (tag) {
        case 0x0a:
        case 0x12:
        case 0x1a: {
          if (!isUtf8(bytes, view, p, after)) return fault(at, `Metric.${Metric.fields[tag >>> 3]!.json} is not valid UTF-8`)
          const which = column.METRIC_NAME_TAG + (tag >>> 3) - 1
          // In a tag longer than it need be, too: whoever reads the column expects its length behind one byte.
          if (metrics[m + which]! >= 0 || valueAt !== at + 1) index.odd = true
          metrics[m + which] = at
          break
        }
        case 0x2a:
        case 0x3a:
        case 0x4a:
        case 0x52:
        case 0x5a:
          if (walkData(index, m, tag >>> 3, at, valueAt, p, after) === FAULT) return FAULT
          break
        case 0x62: {
          const result = checkMessage(bytes, view, p, after, KeyValue, DEPTH + 1)
          if (result === FAULT) return FAULT
          if (result === ODD) index.odd = true
        }
      }
      p = after
    } else {
      const field = Metric.fields[tag >>> 3]
      if (field !== undefined) return fault(at, `Metric.${field.json} has wire type ${tag & 7} instead of ${field.wire}`)
      p = skipValue(bytes, p, end, tag, DEPTH)
      if (p < 0) return fault(at, 'a field runs out of the metric')
    }
  }
  return 0
}

/** The member of the oneof whose field is [tagAt, end), with its points. */
function walkData(index: RequestIndex, m: number, kind: number, tagAt: number, lengthAt: number, start: number, end: number): number {
  const { bytes, metrics } = index
  const again = metrics[m + column.METRIC_KIND]! !== 0
  if (again) {
    index.odd = true
    // Another member takes its place: those points are none.
    if (metrics[m + column.METRIC_KIND] !== kind) index.itemCount = metrics[m + column.CHILD_FIRST]!
  }
  metrics[m + column.METRIC_KIND] = kind
  metrics[m + column.MESSAGE_TAG] = tagAt
  metrics[m + column.MESSAGE_LENGTH] = lengthAt
  metrics[m + column.MESSAGE_START] = start
  metrics[m + column.MESSAGE_END] = end
  const metric = index.metricCount
  let seen = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = readUint32(bytes, p, end)
    if (tag < 8) return fault(at, "no field begins in a metric's data")
    p = next
    if (tag === 0x0a) {
      const length = readUint32(bytes, p, end)
      const after = next + length
      if (length < 0 || after > end) return fault(at, "a data point runs out of its metric's data")
      countOne(index, at)
      const result = walkDataPoint(index, kind, at, p, next, after, metric)
      if (result === FAULT) noteRefused(index, at, after, metric, metrics, m)
      else if (result === ODD) noteOdd(index, metric)
      p = after
      continue
    }
    const field = Metric.fields[kind]!.message!.fields[tag >>> 3]
    if (field === undefined) p = skipValue(bytes, p, end, tag, DEPTH + 1)
    else {
      if ((tag & 7) !== field.wire) return fault(at, `${field.json} has wire type ${tag & 7} instead of ${field.wire}`)
      if ((seen & (1 << field.number)) !== 0) index.odd = true
      seen |= 1 << field.number
      const after = skipVarint(bytes, p, end)
      if (after >= 0) metrics[m + (field.number === 2 ? column.METRIC_TEMPORALITY : column.METRIC_MONOTONIC)] = int32At(bytes, p, after)
      p = after
    }
    if (p < 0) return fault(at, "a field runs out of a metric's data")
  }
  // Points are cut out of one data field; of two, nobody writes them.
  return again && metrics[m + column.REFUSED]! > 0 ? FAULT : 0
}

/** How many points a broken metric holds, as far as can be told. */
function countPoints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  const fields = (p: number, stop: number, take: (tag: number, from: number, to: number) => void): void => {
    while (p < stop) {
      const tag = readUint32(bytes, p, stop)
      if (tag < 8) return
      const after = skipValue(bytes, next, stop, tag, DEPTH)
      if (after < 0) return
      if ((tag & 7) === 2 && readUint32(bytes, p, stop) >= 0 && readUint32(bytes, next, stop) >= 0) take(tag, next, after)
      p = after
    }
  }
  fields(start, end, (tag, from, to) => {
    if (Metric.fields[tag >>> 3]?.oneof === undefined) return
    fields(from, to, (inner) => {
      if (inner === 0x0a) count++
    })
  })
  return count
}
