// AnyValue, between its bytes and a JavaScript value. Cursors call it for the one attribute that somebody asked for.
//
//   AnyValue { oneof { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
//     ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }

import type { ByteWriter } from './byte-writer.ts'
import { next, readUint32, skipValue } from './wire.ts'

/**
 * An attribute's value. Integers are numbers where those are exact, else bigints; null is an AnyValue without a value. On the way back,
 * an integral number becomes int_value and any other double_value.
 */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }
  | null

/** Lists and maps in one another that `writeAnyValue` accepts: with the messages around them this stays below the walk's bound. */
const MAX_VALUE_DEPTH = 30

/** Decodes the AnyValue in `[start, end)`, which a walk has checked. Byte strings are copies. */
export function readAnyValue(bytes: Buffer, start: number, end: number): AttributeValue {
  let value: AttributeValue = null
  let p = start
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    p = next
    const after = skipValue(bytes, p, end, tag, 0)
    if ((tag & 7) === 2) {
      readUint32(bytes, p, end)
      p = next
    }
    if (tag >= 0x0a && tag <= 0x3a) value = readOne(bytes, p, after, tag, value)
    p = after
  }
  return value
}

function readOne(bytes: Buffer, start: number, end: number, tag: number, before: AttributeValue): AttributeValue {
  switch (tag) {
    case 0x0a:
      return bytes.toString('utf8', start, end)
    case 0x10:
      return readInt64(bytes, start, end) !== 0
    case 0x18:
      return readInt64(bytes, start, end)
    case 0x21:
      return bytes.readDoubleLE(start)
    case 0x2a:
      return readList(bytes, start, end)
    case 0x32:
      return readMap(bytes, start, end)
    case 0x3a:
      return new Uint8Array(bytes.subarray(start, end))
    default:
      return before
  }
}

function readInt64(bytes: Buffer, start: number, end: number): number | bigint {
  // Up to six bytes are 42 bits: no BigInt needed.
  if (end - start <= 6) {
    let value = 0
    for (let p = end - 1; p >= start; p--) value = value * 128 + (bytes[p]! & 0x7f)
    return value
  }
  let wide = 0n
  for (let p = end - 1; p >= start; p--) wide = (wide << 7n) | BigInt(bytes[p]! & 0x7f)
  wide = BigInt.asIntN(64, wide)
  const narrow = Number(wide)
  return Number.isSafeInteger(narrow) ? narrow : wide
}

/** The elements of `repeated … values = 1`, as ranges of their messages. */
function eachElement(bytes: Buffer, start: number, end: number, run: (from: number, to: number) => void): void {
  let p = start
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    p = next
    const after = skipValue(bytes, p, end, tag, 0)
    if (tag === 0x0a) {
      readUint32(bytes, p, end)
      run(next, after)
    }
    p = after
  }
}

function readList(bytes: Buffer, start: number, end: number): AttributeValue[] {
  const list: AttributeValue[] = []
  eachElement(bytes, start, end, (from, to) => list.push(readAnyValue(bytes, from, to)))
  return list
}

/** Keys come from outside: the object has no prototype, so `__proto__` is a key like any other. */
function readMap(bytes: Buffer, start: number, end: number): { [key: string]: AttributeValue } {
  const map: { [key: string]: AttributeValue } = Object.create(null)
  eachElement(bytes, start, end, (from, to) => {
    let key = ''
    let value: AttributeValue = null
    let p = from
    while (p < to) {
      const tag = readUint32(bytes, p, to)
      p = next
      const after = skipValue(bytes, p, to, tag, 0)
      if (tag === 0x0a && readUint32(bytes, p, to) >= 0) key = bytes.toString('utf8', next, after)
      else if (tag === 0x12 && readUint32(bytes, p, to) >= 0) value = readAnyValue(bytes, next, after)
      p = after
    }
    map[key] = value
  })
  return map
}

/**
 * Writes `value` as the body of an AnyValue.
 * @throws RangeError for a bigint past 64 bits or a value nested too deep (or in itself); TypeError for what OTLP has no place for.
 */
export function writeAnyValue(out: ByteWriter, value: AttributeValue, depth = 0): void {
  if (depth > MAX_VALUE_DEPTH) throw new RangeError(`an attribute value is nested deeper than ${MAX_VALUE_DEPTH}`)
  switch (typeof value) {
    case 'string':
      return out.text(0x0a, value)
    case 'boolean':
      out.byte(0x10)
      return out.byte(value ? 1 : 0)
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
        out.byte(0x18)
        return value >= 0 ? out.varint(value) : out.int64(BigInt(value))
      }
      out.byte(0x21)
      return out.double(value)
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit into 64 bits`)
      out.byte(0x18)
      return out.int64(value)
    case 'object':
      if (value === null) return
      if (value instanceof Uint8Array) return out.field(0x3a, value)
      return Array.isArray(value) ? writeList(out, value, depth) : writeMap(out, value as { [key: string]: AttributeValue }, depth)
    default:
      throw new TypeError(`an attribute value cannot be a ${typeof value}`)
  }
}

function writeList(out: ByteWriter, list: readonly AttributeValue[], depth: number): void {
  const start = out.begin(0x2a)
  for (const element of list) {
    const from = out.begin(0x0a)
    writeAnyValue(out, element, depth + 1)
    out.end(from)
  }
  out.end(start)
}

function writeMap(out: ByteWriter, map: { readonly [key: string]: AttributeValue }, depth: number): void {
  const start = out.begin(0x32)
  for (const [key, value] of Object.entries(map)) {
    const from = out.begin(0x0a)
    writeKeyValue(out, key, value, depth + 1)
    out.end(from)
  }
  out.end(start)
}

/** Writes the body of a KeyValue. */
export function writeKeyValue(out: ByteWriter, key: string, value: AttributeValue, depth = 0): void {
  out.text(0x0a, key)
  const start = out.begin(0x12)
  writeAnyValue(out, value, depth)
  out.end(start)
}
