// Attributes as Jaeger's tags: of spans, processes and logs alike.
//
//   KeyValue { string key = 1; ValueType v_type = 2; string v_str = 3; bool v_bool = 4; int64 v_int64 = 5; double v_float64 = 6; bytes v_binary = 7; }
//   ValueType: STRING 0, BOOL 1, INT64 2, FLOAT64 3, BINARY 4

import { readAnyValue, type AttributeValue } from '../otlp/any-value.ts'
import type { ByteWriter } from '../otlp/byte-writer.ts'
import { readUint32, next, skipValue } from '../otlp/wire.ts'

const V_TYPE = 0x10
const V_STR = 0x1a

/** In bytes: up to here a loop is faster than a call that copies. */
const LOOPED = 24

/** A part of what came in. */
export function range(out: ByteWriter, source: Buffer, start: number, end: number): void {
  const length = end - start
  out.reserve(length)
  const { bytes, at } = out
  if (length > LOOPED) source.copy(bytes, at, start, end)
  else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i]!
  out.at = at + length
}

export function textTag(out: ByteWriter, tag: number, key: string, value: string): void {
  const body = out.begin(tag)
  out.text(0x0a, key)
  out.text(V_STR, value)
  out.end(body)
}

export function trueTag(out: ByteWriter, tag: number, key: string): void {
  const body = out.begin(tag)
  out.text(0x0a, key)
  out.byte(V_TYPE)
  out.byte(1)
  out.byte(0x20)
  out.byte(1)
  out.end(body)
}

export function countTag(out: ByteWriter, tag: number, key: string, value: number): void {
  const body = out.begin(tag)
  out.text(0x0a, key)
  out.byte(V_TYPE)
  out.byte(2)
  out.byte(0x28)
  out.varint(value)
  out.end(body)
}

/** The attribute whose key and AnyValue lie there. */
export function attributeTag(out: ByteWriter, tag: number, bytes: Buffer, key: Range, value: Range): void {
  const body = out.begin(tag)
  out.byte(0x0a)
  out.varint(key.end - key.start)
  range(out, bytes, key.start, key.end)
  writeValue(out, bytes, value)
  out.end(body)
}

export interface Range {
  readonly start: number
  readonly end: number
}

/**
 *     AnyValue { oneof { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5;
 *       KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
 */
function writeValue(out: ByteWriter, bytes: Buffer, { start, end }: Range): void {
  // Without a value it is an empty text.
  if (start === end) return
  const tag = bytes[start]!
  const behind = start + 1
  switch (tag) {
    case 0x0a:
      out.byte(V_STR)
      return range(out, bytes, behind, end)
    case 0x10:
      return typed(out, 1, 0x20, bytes, behind, end)
    case 0x18:
      return typed(out, 2, 0x28, bytes, behind, end)
    case 0x21:
      return typed(out, 3, 0x31, bytes, behind, end)
    case 0x3a:
      return typed(out, 4, 0x3a, bytes, behind, end)
    default:
      return out.text(V_STR, textOf(readAnyValue(bytes, start, end)))
  }
}

/** The value's own bytes are the same in both protocols. */
function typed(out: ByteWriter, type: number, tag: number, bytes: Buffer, start: number, end: number): void {
  out.byte(V_TYPE)
  out.byte(type)
  out.byte(tag)
  range(out, bytes, start, end)
}

/** Lists and maps are JSON there, with bytes in base64; the keys of a map are sorted, as in the Collector. */
export function textOf(value: AttributeValue): string {
  switch (typeof value) {
    case 'object':
      break
    case 'bigint':
      return String(value)
    default:
      return JSON.stringify(value)
  }
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (Array.isArray(value)) return `[${(value as readonly AttributeValue[]).map(textOf).join(',')}]`
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${textOf(inner)}`).join(',')}}`
}

/** Runs over the fields of a message: their tags, and where their values are; behind the length, where they have one. */
export function eachField(bytes: Buffer, start: number, end: number, run: (tag: number, from: number, to: number) => void): void {
  for (let p = start; p < end;) {
    const tag = readUint32(bytes, p, end)
    const value = next
    p = skipValue(bytes, value, end, tag, 0)
    if ((tag & 7) === 2) {
      readUint32(bytes, value, end)
      run(tag, next, p)
    } else run(tag, value, p)
  }
}
