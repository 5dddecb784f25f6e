// One attribute: validated, and noted in the index. Ten times a span, so the layout that every SDK writes is checked inline.
//
//   KeyValue { string key = 1; AnyValue value = 2; }
//   AnyValue { oneof { string 1; bool 2; int64 3 (varint); double 4; ArrayValue 5; KeyValueList 6; bytes 7; } }

import { FAULT, ODD, checkMessage, fault } from './check.ts'
import { AnyValue, KeyValue } from './schema.ts'
import {
  ATTR_END,
  ATTR_KEY,
  ATTR_KEY_END,
  ATTR_STRIDE,
  ATTR_TAG,
  ATTR_VALUE,
  ATTR_VALUE_END,
  type RequestIndex,
  grown,
} from './request-index.ts'
import { asciiRun, isUtf8 } from './utf8.ts'
import { next, readUint32, skipValue, skipVarint } from './wire.ts'

/** Attributes that one request may hold: their columns then take 96 MiB. Empty ones are two bytes, so bytes alone bound nothing. */
export const MAX_ATTRIBUTES: number = 1 << 22
/** Attributes that one item may hold. SDKs stop at 128. */
export const MAX_ATTRIBUTES_PER_ITEM: number = 1 << 16

/**
 * The KeyValue whose field begins at `tagAt` and whose body is `[start, end)`, `depth` messages down in what ends at `limit`. 0, ODD or
 * FAULT. This is the layout that nearly every attribute has: key and value, each shorter than 128 bytes, and nothing else.
 */
export function walkAttribute(index: RequestIndex, tagAt: number, start: number, end: number, limit: number, depth: number): number {
  const bytes = index.bytes
  if (end - start < 6 || bytes[start] !== 0x0a) return walkAnyAttribute(index, tagAt, start, end, depth)
  const key = start + 2
  const keyEnd = key + bytes[start + 1]!
  const value = keyEnd + 2
  if (
    value >= end ||
    bytes[start + 1]! >= 0x80 ||
    bytes[keyEnd] !== 0x12 ||
    bytes[keyEnd + 1]! >= 0x80 ||
    value + bytes[keyEnd + 1]! !== end
  )
    return walkAnyAttribute(index, tagAt, start, end, depth)
  const kind = bytes[value]
  if (kind === 0x0a) {
    if (value + 1 >= end || bytes[value + 1]! >= 0x80 || value + 2 + bytes[value + 1]! !== end)
      return walkAnyAttribute(index, tagAt, start, end, depth)
    if (end > index.asciiEnd) {
      if (start >= index.asciiEnd) index.asciiEnd = asciiRun(index.view, start, limit)
      if (end > index.asciiEnd) {
        if (!isUtf8(bytes, index.view, key, keyEnd)) return fault(start, KEY_NOT_TEXT)
        if (!isUtf8(bytes, index.view, value + 2, end)) return fault(start, VALUE_NOT_TEXT)
      }
    }
  } else {
    if (kind === 0x18 || kind === 0x10 ? skipVarint(bytes, value + 1, end) !== end : kind !== 0x21 || value + 9 !== end)
      return walkAnyAttribute(index, tagAt, start, end, depth)
    if (keyEnd > index.asciiEnd && !isUtf8(bytes, index.view, key, keyEnd)) return fault(start, KEY_NOT_TEXT)
  }
  return note(index, tagAt, key, keyEnd, value, end, end)
}

const KEY_NOT_TEXT = 'an attribute key is not valid UTF-8'
const VALUE_NOT_TEXT = 'an attribute value is not valid UTF-8'

/** Any layout at all. */
function walkAnyAttribute(index: RequestIndex, tagAt: number, start: number, end: number, depth: number): number {
  const bytes = index.bytes
  let key = start
  let keyEnd = start
  if (start + 1 < end && bytes[start] === 0x0a) {
    const length = readUint32(bytes, start + 1, end)
    if (length < 0) return oddlyLaidOut(index, start, end, depth)
    key = next
    keyEnd = key + length
    if (keyEnd > end) return fault(start, 'an attribute key is longer than its attribute')
    if (!isUtf8(bytes, index.view, key, keyEnd)) return fault(start, KEY_NOT_TEXT)
  }
  let value = keyEnd
  let valueEnd = keyEnd
  if (value < end && bytes[value] === 0x12) {
    const length = readUint32(bytes, value + 1, end)
    if (length < 0) return oddlyLaidOut(index, start, end, depth)
    value = next
    valueEnd = value + length
    if (valueEnd > end) return fault(start, 'an attribute value is longer than its attribute')
    const result = checkAnyValue(index, value, valueEnd, depth + 1)
    if (result !== 0) return result
  }
  if (valueEnd < end && !onlyUnknown(bytes, valueEnd, end, depth)) return oddlyLaidOut(index, start, end, depth)
  return note(index, tagAt, key, keyEnd, value, valueEnd, end)
}

function note(index: RequestIndex, tagAt: number, key: number, keyEnd: number, value: number, valueEnd: number, end: number): number {
  let columns = index.attributes
  const a = index.attributesEnd
  if (a + ATTR_STRIDE > columns.length) {
    if (a >= MAX_ATTRIBUTES * ATTR_STRIDE) return fault(tagAt, `the request holds more than ${MAX_ATTRIBUTES} attributes`)
    columns = index.attributes = grown(columns, a + ATTR_STRIDE)
  }
  columns[a + ATTR_TAG] = tagAt
  columns[a + ATTR_KEY] = key
  columns[a + ATTR_KEY_END] = keyEnd
  columns[a + ATTR_VALUE] = value
  columns[a + ATTR_VALUE_END] = valueEnd
  columns[a + ATTR_END] = end
  index.attributesEnd = a + ATTR_STRIDE
  return 0
}

/** Strings and numbers are nearly all there is; lists, maps, bytes and oddities go to the strict check. */
export function checkAnyValue(index: RequestIndex, start: number, end: number, depth: number): number {
  if (start === end) return 0
  const bytes = index.bytes
  switch (bytes[start]) {
    case 0x0a: {
      const length = readUint32(bytes, start + 1, end)
      if (length < 0 || next + length !== end) break
      return isUtf8(bytes, index.view, next, end) ? 0 : fault(start, VALUE_NOT_TEXT)
    }
    case 0x10:
    case 0x18:
      if (skipVarint(bytes, start + 1, end) !== end) break
      return 0
    case 0x21:
      if (start + 9 !== end) break
      return 0
  }
  return checkMessage(bytes, index.view, start, end, AnyValue, depth)
}

/** An enum that does not fit into one byte: none that we know, but carried as it is. */
export function int32At(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let p = start; p < end && p < start + 5; p++) value |= (bytes[p]! & 0x7f) << (7 * (p - start))
  return value
}

/** Are there but whole fields that no version of KeyValue has? They stay where they are. */
function onlyUnknown(bytes: Uint8Array, p: number, end: number, depth: number): boolean {
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    if (tag >>> 3 <= 2) return false
    p = skipValue(bytes, next, end, tag, depth)
    if (p < 0) return false
  }
  return true
}

/** Legal or not? If legal, its columns cannot be noted, so the request must be made canonical before anyone reads it. */
function oddlyLaidOut(index: RequestIndex, start: number, end: number, depth: number): number {
  return checkMessage(index.bytes, index.view, start, end, KeyValue, depth) === FAULT ? FAULT : ODD
}
