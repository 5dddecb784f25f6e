// One log record: validated, and noted in the index. A fault in it refuses this record alone; ids that are none it loses.
//
//   LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
//     repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9; bytes span_id = 10;
//     fixed64 observed_time_unix_nano = 11; string event_name = 12; }

import { isGoodId, noteBadId } from './bad-ids.ts'
import { FAULT, ODD, checkMessage, fault } from './check.ts'
import * as column from './request-index.ts'
import { type RequestIndex, grown } from './request-index.ts'
import { LogRecord } from './schema-logs.ts'
import { asciiRun, isUtf8 } from './utf8.ts'
import { MAX_ATTRIBUTES_PER_ITEM, checkAnyValue, int32At, walkAttribute } from './walk-attribute.ts'
import { next, readUint32, skipValue, skipVarint } from './wire.ts'

/** A record lies three messages below its request: ResourceLogs, ScopeLogs, LogRecord. */
const DEPTH = 3

/** As `walkSpan`: 0, ODD or FAULT. */
export function walkLogRecord(index: RequestIndex, tagAt: number, lengthAt: number, start: number, end: number, scope: number): number {
  const bytes = index.bytes
  const view = index.view
  const attributesStart = index.attributesEnd
  const badIdsBefore = index.badIdCount
  let time = -1
  let observedTime = -1
  let severityNumber = 0
  let severityTextTag = -1
  let bodyTag = -1
  let flags = -1
  let traceId = -1
  let spanId = -1
  let eventNameTag = -1
  /** By field number, what may come but once. */
  let seen = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = bytes[p++]!
    const bit = 1 << (tag >>> 3)
    // As in `walkSpan`: every length is read here.
    let after = p
    if ((tag & 0x87) === 2) {
      let length = p < end ? bytes[p]! : 0x80
      if (length < 0x80) p++
      else {
        length = readUint32(bytes, p, end)
        if (length < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'a length in the log record is cut short'))
        p = next
      }
      after = p + length
      if (after > end) return leave(index, attributesStart, badIdsBefore, fault(at, 'a field runs out of the log record'))
    }
    if (tag === 0x32) {
      if (index.attributesEnd - attributesStart > MAX_ATTRIBUTES_PER_ITEM * column.ATTR_STRIDE)
        return leave(
          index,
          attributesStart,
          badIdsBefore,
          fault(at, `the log record holds more than ${MAX_ATTRIBUTES_PER_ITEM} attributes`),
        )
      const result = walkAttribute(index, at, p, after, end, DEPTH + 1)
      if (result === FAULT) return leave(index, attributesStart, badIdsBefore, FAULT)
      if (result === ODD) return oddRecord(index, attributesStart, badIdsBefore, start, end)
      p = after
      continue
    }
    if (tag < 0x80) {
      if ((seen & bit) !== 0) return oddRecord(index, attributesStart, badIdsBefore, start, end)
      seen |= bit
    }
    switch (tag) {
      case 0x09:
        time = p
        after = p + 8
        break
      case 0x10:
        after = skipVarint(bytes, p, end)
        if (after < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'severity_number is cut short'))
        severityNumber = after === p + 1 ? bytes[p]! : int32At(bytes, p, after)
        break
      case 0x1a:
      case 0x62:
        if (!isText(index, p, after, end))
          return leave(
            index,
            attributesStart,
            badIdsBefore,
            fault(at, `${tag === 0x1a ? 'severity_text' : 'event_name'} is not valid UTF-8`),
          )
        if (tag === 0x1a) severityTextTag = at
        else eventNameTag = at
        break
      case 0x2a: {
        const result = isShortText(bytes, p, after)
          ? isText(index, p + 2, after, end)
            ? 0
            : fault(at, 'the body is not valid UTF-8')
          : checkAnyValue(index, p, after, DEPTH + 1)
        if (result === FAULT) return leave(index, attributesStart, badIdsBefore, FAULT)
        if (result === ODD) return oddRecord(index, attributesStart, badIdsBefore, start, end)
        bodyTag = at
        break
      }
      case 0x38:
        after = skipVarint(bytes, p, end)
        if (after < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'dropped_attributes_count is cut short'))
        break
      case 0x45:
        flags = p
        after = p + 4
        break
      case 0x4a:
        if (!isGoodId(view, p, after, 16)) {
          if (noteBadId(index, at, after) === FAULT) return leave(index, attributesStart, badIdsBefore, FAULT)
        } else if (after !== p) traceId = p
        break
      case 0x52:
        if (!isGoodId(view, p, after, 8)) {
          if (noteBadId(index, at, after) === FAULT) return leave(index, attributesStart, badIdsBefore, FAULT)
        } else if (after !== p) spanId = p
        break
      case 0x59:
        observedTime = p
        after = p + 8
        break
      default: {
        const full = readUint32(bytes, at, end)
        if (full < 8) return leave(index, attributesStart, badIdsBefore, fault(at, 'no field begins in the log record'))
        // A known field with a wrong wire type, or in a tag longer than it need be, is for the strict check.
        if (LogRecord.fields[full >>> 3] !== undefined) return oddRecord(index, attributesStart, badIdsBefore, start, end)
        seen &= ~bit
        after = skipValue(bytes, next, end, full, DEPTH)
        if (after < 0) return leave(index, attributesStart, badIdsBefore, fault(at, 'a field runs out of the log record'))
      }
    }
    p = after
  }
  if (p !== end) return leave(index, attributesStart, badIdsBefore, fault(start, 'a field runs out of the log record'))

  const row = index.itemCount * column.ITEM_STRIDE
  let columns = index.items
  if (row + column.ITEM_STRIDE > columns.length) columns = index.items = grown(columns, row + column.ITEM_STRIDE)
  columns[row + column.TAG] = tagAt
  columns[row + column.LENGTH] = lengthAt
  columns[row + column.START] = start
  columns[row + column.END] = end
  columns[row + column.PARENT] = scope
  columns[row + column.ATTRS_FIRST] = attributesStart
  columns[row + column.ATTRS_END] = index.attributesEnd
  columns[row + column.LOG_TIME] = time
  columns[row + column.LOG_OBSERVED_TIME] = observedTime
  columns[row + column.LOG_SEVERITY_NUMBER] = severityNumber
  columns[row + column.LOG_SEVERITY_TEXT_TAG] = severityTextTag
  columns[row + column.LOG_BODY_TAG] = bodyTag
  columns[row + column.LOG_FLAGS] = flags
  columns[row + column.LOG_TRACE_ID] = traceId
  columns[row + column.LOG_SPAN_ID] = spanId
  columns[row + column.LOG_EVENT_NAME_TAG] = eventNameTag
  index.itemCount++
  return 0
}

/** Is [start, end) valid UTF-8? One scan answers for all the short strings up to `limit`. */
function isText(index: RequestIndex, start: number, end: number, limit: number): boolean {
  if (end <= index.asciiEnd) return true
  if (start >= index.asciiEnd) index.asciiEnd = asciiRun(index.view, start, limit)
  return end <= index.asciiEnd || isUtf8(index.bytes, index.view, start, end)
}

/** Is it an AnyValue of a string shorter than 128 bytes, and nothing else? */
function isShortText(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= 2 && bytes[start] === 0x0a && bytes[start + 1]! < 0x80 && end === start + 2 + bytes[start + 1]!
}

/** Nothing of the record stays noted. */
function leave(index: RequestIndex, attributesStart: number, badIdsBefore: number, result: number): number {
  index.attributesEnd = attributesStart
  index.badIdCount = badIdsBefore
  return result
}

/** Some field comes twice, or is laid out as no SDK would: every rule is checked. Which ids count is for the canonical form to show. */
function oddRecord(index: RequestIndex, attributesStart: number, badIdsBefore: number, start: number, end: number): number {
  leave(index, attributesStart, badIdsBefore, 0)
  if (checkMessage(index.bytes, index.view, start, end, LogRecord, DEPTH) === FAULT) return FAULT
  index.oddIds = true
  return ODD
}
