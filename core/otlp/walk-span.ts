// One span: validated, and noted in the index. A fault in it, or ids that are none, refuses this span alone.
//
//   Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6;
//     fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; uint32 dropped_… = 10;
//     repeated Event events = 11; uint32 = 12; repeated Link links = 13; uint32 = 14; Status status = 15; fixed32 flags = 16; }

import { isZero } from './bad-ids.ts'
import { FAULT, ODD, checkMessage, fault } from './check.ts'
import * as column from './request-index.ts'
import { type RequestIndex, grown } from './request-index.ts'
import { Span, SpanEvent, SpanLink, SpanStatus } from './schema.ts'
import { isUtf8 } from './utf8.ts'
import { MAX_ATTRIBUTES_PER_ITEM, int32At, walkAttribute } from './walk-attribute.ts'
import { next, readUint32, skipValue, skipVarint } from './wire.ts'

/** A span lies three messages below its request: ResourceSpans, ScopeSpans, Span. */
const DEPTH = 3
/** The bit of `kind` (field 6) among the fields seen. */
const KIND = 1 << 6

/**
 * The span whose field begins at `tagAt`, its length at `lengthAt`, its body in `[start, end)`. 0: noted as the next span. ODD: legal, to
 * be read after `canonical` only. FAULT: nothing noted.
 */
export function walkSpan(index: RequestIndex, tagAt: number, lengthAt: number, start: number, end: number, scope: number): number {
  const bytes = index.bytes
  const view = index.view
  const attributesStart = index.attributesEnd
  let traceId = -1
  let spanId = -1
  let parentId = -1
  let nameTag = -1
  let nameStart = -1
  let nameEnd = -1
  let kind = 0
  let startTime = -1
  let endTime = -1
  let statusStart = -1
  let statusEnd = -1
  let traceStateTag = -1
  let seen = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = bytes[p++]!
    // Length-delimited fields below 16 have a tag of one byte that ends in 2; their length is read here, once for all.
    let after = p
    if ((tag & 0x87) === 2) {
      let length = p < end ? bytes[p]! : 0x80
      if (length < 0x80) p++
      else {
        length = readUint32(bytes, p, end)
        if (length < 0) return refuse(index, attributesStart, at, 'a length in the span is cut short')
        p = next
      }
      after = p + length
      if (after > end) return refuse(index, attributesStart, at, 'a field runs out of the span')
    }
    switch (tag) {
      case 0x4a: {
        if (index.attributesEnd - attributesStart > MAX_ATTRIBUTES_PER_ITEM * column.ATTR_STRIDE)
          return refuse(index, attributesStart, at, `the span holds more than ${MAX_ATTRIBUTES_PER_ITEM} attributes`)
        const result = walkAttribute(index, at, p, after, end, DEPTH + 1)
        if (result !== 0) {
          index.attributesEnd = attributesStart
          return result === FAULT ? FAULT : oddSpan(index, start, end)
        }
        break
      }
      case 0x0a:
        if (traceId >= 0) return rollBackToOdd(index, attributesStart, start, end)
        if (after - p !== 16) return refuse(index, attributesStart, at, 'trace_id must have 16 bytes')
        traceId = p
        break
      case 0x12:
        if (spanId >= 0) return rollBackToOdd(index, attributesStart, start, end)
        if (after - p !== 8) return refuse(index, attributesStart, at, 'span_id must have 8 bytes')
        spanId = p
        break
      case 0x22:
        if (parentId >= 0) return rollBackToOdd(index, attributesStart, start, end)
        if (after - p !== 8 && after !== p) return refuse(index, attributesStart, at, 'parent_span_id must have 8 bytes or none')
        if (after !== p) parentId = p
        break
      case 0x2a:
        if (nameTag >= 0) return rollBackToOdd(index, attributesStart, start, end)
        if (!isUtf8(bytes, view, p, after)) return refuse(index, attributesStart, at, 'name is not valid UTF-8')
        nameTag = at
        nameStart = p
        nameEnd = after
        break
      case 0x30:
        if ((seen & KIND) !== 0) return rollBackToOdd(index, attributesStart, start, end)
        seen |= KIND
        after = skipVarint(bytes, p, end)
        if (after < 0) return refuse(index, attributesStart, at, 'kind is cut short')
        kind = after === p + 1 ? bytes[p]! : int32At(bytes, p, after)
        break
      case 0x39:
        if (startTime >= 0) return rollBackToOdd(index, attributesStart, start, end)
        startTime = p
        after = p + 8
        break
      case 0x41:
        if (endTime >= 0) return rollBackToOdd(index, attributesStart, start, end)
        endTime = p
        after = p + 8
        break
      case 0x5a:
      case 0x6a: {
        const result = checkMessage(bytes, view, p, after, tag === 0x5a ? SpanEvent : SpanLink, DEPTH + 1)
        if (result !== 0) {
          index.attributesEnd = attributesStart
          return result === FAULT ? FAULT : oddSpan(index, start, end)
        }
        break
      }
      case 0x7a:
        if (statusStart >= 0) return rollBackToOdd(index, attributesStart, start, end)
        // `{}` and `{ code }` are nearly all there is.
        if (after !== p && !(after - p === 2 && bytes[p] === 0x18 && bytes[p + 1]! < 0x80)) {
          const result = checkMessage(bytes, view, p, after, SpanStatus, DEPTH + 1)
          if (result !== 0) {
            index.attributesEnd = attributesStart
            return result === FAULT ? FAULT : oddSpan(index, start, end)
          }
        }
        statusStart = p
        statusEnd = after
        break
      default: {
        const full = readUint32(bytes, at, end)
        const number = full >>> 3
        if (full < 8) return refuse(index, attributesStart, at, 'no field begins in the span')
        p = next
        const field = Span.fields[number]
        if (field === undefined) after = skipValue(bytes, p, end, full, DEPTH)
        else {
          // trace_state, counts and flags; or a known field in a tag longer than it need be.
          if (field.repeated || (seen & (1 << number)) !== 0 || (number < 16 && p !== at + 1) || number === 15)
            return rollBackToOdd(index, attributesStart, start, end)
          if ((full & 7) !== field.wire) return refuse(index, attributesStart, at, 'a field of the span has the wrong wire type')
          seen |= 1 << number
          after = skipValue(bytes, p, end, full, DEPTH)
          if (number === 3) {
            if (after >= 0 && readUint32(bytes, p, end) >= 0 && !isUtf8(bytes, view, next, after))
              return refuse(index, attributesStart, at, 'trace_state is not valid UTF-8')
            traceStateTag = at
          }
        }
        if (after < 0) return refuse(index, attributesStart, at, 'a field runs out of the span')
      }
    }
    p = after
  }
  if (p !== end) return refuse(index, attributesStart, start, 'a field runs out of the span')
  if (traceId < 0 || isZero(view, traceId, 16)) return refuse(index, attributesStart, start, 'trace_id is missing or zero')
  if (spanId < 0 || isZero(view, spanId, 8)) return refuse(index, attributesStart, start, 'span_id is missing or zero')

  const s = index.itemCount * column.ITEM_STRIDE
  let columns = index.items
  if (s + column.ITEM_STRIDE > columns.length) columns = index.items = grown(columns, s + column.ITEM_STRIDE)
  columns[s + column.TAG] = tagAt
  columns[s + column.LENGTH] = lengthAt
  columns[s + column.START] = start
  columns[s + column.END] = end
  columns[s + column.PARENT] = scope
  columns[s + column.SPAN_TRACE_ID] = traceId
  columns[s + column.SPAN_ID] = spanId
  columns[s + column.SPAN_PARENT_ID] = parentId
  columns[s + column.SPAN_NAME_TAG] = nameTag
  columns[s + column.SPAN_NAME_START] = nameStart
  columns[s + column.SPAN_NAME_END] = nameEnd
  columns[s + column.SPAN_KIND] = kind
  columns[s + column.SPAN_START_TIME] = startTime
  columns[s + column.SPAN_END_TIME] = endTime
  columns[s + column.SPAN_STATUS_START] = statusStart
  columns[s + column.SPAN_STATUS_END] = statusEnd
  columns[s + column.SPAN_TRACE_STATE_TAG] = traceStateTag
  columns[s + column.ATTRS_FIRST] = attributesStart
  columns[s + column.ATTRS_END] = index.attributesEnd
  index.itemCount++
  return 0
}

function refuse(index: RequestIndex, attributesStart: number, at: number, reason: string): -1 {
  index.attributesEnd = attributesStart
  return fault(at, reason)
}

function rollBackToOdd(index: RequestIndex, attributesStart: number, start: number, end: number): number {
  index.attributesEnd = attributesStart
  return oddSpan(index, start, end)
}

/** Some field comes twice, or is laid out as no SDK would: every rule is checked, and the ids that count are the last ones. */
function oddSpan(index: RequestIndex, start: number, end: number): number {
  if (checkMessage(index.bytes, index.view, start, end, Span, DEPTH) === FAULT) return FAULT
  if (!lastIdIsGood(index, start, end, 1, 16)) return fault(start, 'trace_id is missing or zero')
  if (!lastIdIsGood(index, start, end, 2, 8)) return fault(start, 'span_id is missing or zero')
  return ODD
}

function lastIdIsGood(index: RequestIndex, p: number, end: number, number: number, size: number): boolean {
  let good = false
  while (p < end) {
    const tag = readUint32(index.bytes, p, end)
    p = next
    const after = skipValue(index.bytes, p, end, tag, DEPTH)
    if (tag >>> 3 === number) good = readUint32(index.bytes, p, end) === size && !isZero(index.view, next, size)
    p = after
  }
  return good
}
