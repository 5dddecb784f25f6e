// One data point of any kind: validated, and noted in the index. A fault in it refuses this point alone; an exemplar loses ids that are none.
//
//   NumberDataPoint    { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; oneof value { double as_double = 4;
//     sfixed64 as_int = 6; } repeated Exemplar exemplars = 5; repeated KeyValue attributes = 7; uint32 flags = 8; }
//   HistogramDataPoint { fixed64 2; fixed64 3; fixed64 count = 4; optional double sum = 5; repeated fixed64 bucket_counts = 6;
//     repeated double explicit_bounds = 7; repeated Exemplar exemplars = 8; repeated KeyValue attributes = 9; uint32 flags = 10;
//     optional double min = 11; optional double max = 12; }
//   ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; fixed64 2; fixed64 3; fixed64 count = 4; optional double sum = 5;
//     sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9; uint32 flags = 10;
//     repeated Exemplar exemplars = 11; optional double min = 12; optional double max = 13; double zero_threshold = 14; }
//   SummaryDataPoint   { fixed64 2; fixed64 3; fixed64 count = 4; double sum = 5; repeated ValueAtQuantile quantile_values = 6;
//     repeated KeyValue attributes = 7; uint32 flags = 8; }

import { hasGoodIds, noteBadId } from './bad-ids.ts'
import { FAULT, ODD, checkMessage, fault } from './check.ts'
import * as column from './request-index.ts'
import { type RequestIndex, grown } from './request-index.ts'
import { Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint } from './schema-metrics.ts'
import type { Message } from './schema.ts'
import { MAX_ATTRIBUTES_PER_ITEM, walkAttribute } from './walk-attribute.ts'
import { next, readUint32, skipValue, skipVarint } from './wire.ts'

/** A point lies five messages below its request: ResourceMetrics, ScopeMetrics, Metric, its data, the point. */
const DEPTH = 5

/** What is done with a field, by its tag: all tags that the grammar has are one byte. */
const OTHER = 0
const ATTRIBUTE = 1
/** A fixed number of eight bytes, with a column or without. */
const NOTED = 2
const FIXED = 3
const VARINT = 4
/** Repeated numbers of eight bytes in one field. */
const PACKED = 5
const EXEMPLAR = 6
const MESSAGE = 7

/** How one kind of point is walked. */
interface Plan {
  readonly shape: Message
  readonly actions: Uint8Array
  readonly columns: Uint8Array
  /** What may come but once: a bit a field, and the same one for all members of a oneof. */
  readonly bits: Int32Array
  readonly messages: readonly (Message | undefined)[]
}

const COLUMNS: Readonly<Record<string, number>> = {
  startTimeUnixNano: column.POINT_START_TIME,
  timeUnixNano: column.POINT_TIME,
  asDouble: column.POINT_DOUBLE,
  asInt: column.POINT_INT,
  count: column.POINT_COUNT,
  sum: column.POINT_SUM,
}

function planOf(shape: Message): Plan {
  const actions = new Uint8Array(256)
  const columns = new Uint8Array(256)
  const bits = new Int32Array(256)
  const messages: (Message | undefined)[] = Array.from({ length: 256 }, () => undefined)
  for (const field of shape.byJson.values()) {
    const tag = field.number * 8 + field.wire
    if (!field.repeated) bits[tag] = field.oneof === undefined ? 1 << field.number : 1
    if (field.kind === 'message') {
      messages[tag] = field.message
      actions[tag] = field.json === 'attributes' ? ATTRIBUTE : field.message === Exemplar ? EXEMPLAR : MESSAGE
    } else if (field.wire === 0) actions[tag] = VARINT
    else if (field.repeated) {
      actions[tag] = FIXED
      actions[field.number * 8 + 2] = PACKED
    } else {
      columns[tag] = COLUMNS[field.json] ?? 0
      actions[tag] = columns[tag] === 0 ? FIXED : NOTED
    }
  }
  return { shape, actions, columns, bits, messages }
}

/** By kind of metric. */
const PLANS: readonly (Plan | undefined)[] = Array.from({ length: 12 }, (_, kind) => {
  switch (kind) {
    case column.GAUGE:
    case column.SUM:
      return planOf(NumberDataPoint)
    case column.HISTOGRAM:
      return planOf(HistogramDataPoint)
    case column.EXPONENTIAL_HISTOGRAM:
      return planOf(ExponentialHistogramDataPoint)
    case column.SUMMARY:
      return planOf(SummaryDataPoint)
    default:
      return undefined
  }
})

/** As `walkSpan`: 0, ODD or FAULT. */
export function walkDataPoint(
  index: RequestIndex,
  kind: number,
  tagAt: number,
  lengthAt: number,
  start: number,
  end: number,
  metric: number,
): number {
  const { actions, columns: columnOf, bits, messages, shape } = PLANS[kind]!
  const bytes = index.bytes
  const attributesStart = index.attributesEnd
  const badIdsBefore = index.badIdCount
  const row = index.itemCount * column.ITEM_STRIDE
  let columns = index.items
  if (row + column.ITEM_STRIDE > columns.length) columns = index.items = grown(columns, row + column.ITEM_STRIDE)
  columns[row + column.POINT_START_TIME] = columns[row + column.POINT_TIME] = columns[row + column.POINT_DOUBLE] = -1
  columns[row + column.POINT_INT] = columns[row + column.POINT_COUNT] = columns[row + column.POINT_SUM] = -1
  let seen = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = bytes[p++]!
    const bit = bits[tag]!
    if ((seen & bit) !== 0) return oddPoint(index, attributesStart, badIdsBefore, start, end, shape)
    seen |= bit
    // As in `walkSpan`: every length is read here.
    let after = p
    if ((tag & 0x87) === 2) {
      let length = p < end ? bytes[p]! : 0x80
      if (length < 0x80) p++
      else {
        length = readUint32(bytes, p, end)
        if (length < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'a length in the data point is cut short'))
        p = next
      }
      after = p + length
      if (after > end) return leave(index, attributesStart, badIdsBefore, fault(at, 'a field runs out of the data point'))
    }
    switch (actions[tag]!) {
      case ATTRIBUTE: {
        if (index.attributesEnd - attributesStart > MAX_ATTRIBUTES_PER_ITEM * column.ATTR_STRIDE)
          return leave(
            index,
            attributesStart,
            badIdsBefore,
            fault(at, `the data point holds more than ${MAX_ATTRIBUTES_PER_ITEM} attributes`),
          )
        const result = walkAttribute(index, at, p, after, end, DEPTH + 1)
        if (result === FAULT) return leave(index, attributesStart, badIdsBefore, FAULT)
        if (result === ODD) return oddPoint(index, attributesStart, badIdsBefore, start, end, shape)
        break
      }
      case NOTED:
        columns[row + columnOf[tag]!] = p
        after = p + 8
        break
      case FIXED:
        after = p + 8
        break
      case VARINT:
        after = skipVarint(bytes, p, end)
        if (after < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'a number in the data point is cut short'))
        break
      case PACKED:
        if (((after - p) & 7) !== 0)
          return leave(index, attributesStart, badIdsBefore, fault(at, 'a list in the data point holds half a number'))
        break
      case EXEMPLAR:
      case MESSAGE: {
        const result = checkMessage(bytes, index.view, p, after, messages[tag]!, DEPTH + 1)
        if (result === FAULT) return leave(index, attributesStart, badIdsBefore, FAULT)
        if (result === ODD) return oddPoint(index, attributesStart, badIdsBefore, start, end, shape)
        if (actions[tag] === EXEMPLAR && !hasGoodIds(index, p, after) && noteBadId(index, at, after) === FAULT)
          return leave(index, attributesStart, badIdsBefore, FAULT)
        break
      }
      case OTHER: {
        const full = readUint32(bytes, at, end)
        if (full < 8) return leave(index, attributesStart, badIdsBefore, fault(at, 'no field begins in the data point'))
        // A known field with a wrong wire type, or in a tag longer than it need be, is for the strict check.
        if (shape.fields[full >>> 3] !== undefined) return oddPoint(index, attributesStart, badIdsBefore, start, end, shape)
        after = skipValue(bytes, next, end, full, DEPTH)
        if (after < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'a field runs out of the data point'))
      }
    }
    p = after
  }
  if (p !== end) return leave(index, attributesStart, badIdsBefore, fault(start, 'a field runs out of the data point'))
  columns[row + column.TAG] = tagAt
  columns[row + column.LENGTH] = lengthAt
  columns[row + column.START] = start
  columns[row + column.END] = end
  columns[row + column.PARENT] = metric
  columns[row + column.ATTRS_FIRST] = attributesStart
  columns[row + column.ATTRS_END] = index.attributesEnd
  index.itemCount++
  return 0
}

/** Nothing of the point stays noted. */
function leave(index: RequestIndex, attributesStart: number, badIdsBefore: number, result: number): number {
  index.attributesEnd = attributesStart
  index.badIdCount = badIdsBefore
  return result
}

/** Some field comes twice, or is laid out as no SDK would: every rule is checked. Which ids count is for the canonical form to show. */
function oddPoint(index: RequestIndex, attributesStart: number, badIdsBefore: number, start: number, end: number, shape: Message): number {
  leave(index, attributesStart, badIdsBefore, 0)
  if (checkMessage(index.bytes, index.view, start, end, shape, DEPTH) === FAULT) return FAULT
  index.oddIds = true
  return ODD
}
