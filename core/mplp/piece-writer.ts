// Writes the small pieces that messages become: attributes, times, ids, values of JSON. Everything here that makes OTLP bytes writes into one.
//
//   KeyValue { string key = 1; AnyValue value = 2; }
//   AnyValue { oneof { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
//     ArrayValue array_value = 5; KeyValueList kvlist_value = 6; } }

import { ByteWriter } from '../otlp/byte-writer.ts'

/** Up to here a loop over a string's characters is faster than a call that encodes it. */
const SHORT = 48
const MOST_INT64 = 9_223_372_036_854_775_807n
const LEAST_INT64 = -9_223_372_036_854_775_808n

export class PieceWriter extends ByteWriter {
  /** A string field with a tag of one byte. */
  override text(tag: number, value: string): void {
    this.reserve(SHORT + 2)
    const { bytes, at } = this
    const end = ascii(bytes, at + 2, value)
    if (end < 0) return super.text(tag, value)
    bytes[at] = tag
    bytes[at + 1] = end - at - 2
    this.at = end
  }

  /** A KeyValue as the field `tag`. The key is `prefix` and `key` in one; `value` is whatever JSON can say. */
  attribute(tag: number, prefix: string, key: string, value: unknown): void {
    this.reserve(4 * SHORT)
    const { bytes, at: start } = this
    const middle = ascii(bytes, start + 4, prefix)
    const end = middle < 0 ? -1 : ascii(bytes, middle, key)
    if (end < 0) return this.#longAttribute(tag, prefix, key, value)
    bytes[start] = tag
    bytes[start + 2] = 0x0a
    bytes[start + 3] = end - start - 4
    bytes[end] = 0x12
    this.at = end + 2
    if (typeof value !== 'string' || !this.#shortText(value)) this.value(value)
    const length = this.at - end - 2
    if (length < 0x80) this.bytes[end + 1] = length
    else this.end(end + 2)
    const all = this.at - start - 2
    if (all < 0x80) this.bytes[start + 1] = all
    else this.end(start + 2)
  }

  #longAttribute(tag: number, prefix: string, key: string, value: unknown): void {
    const start = this.begin(tag)
    super.text(0x0a, prefix + key)
    const inner = this.begin(0x12)
    this.value(value)
    this.end(inner)
    this.end(start)
  }

  /** The body of an AnyValue that is a short text, where it is one; there is room for it. */
  #shortText(value: string): boolean {
    const { bytes, at } = this
    const end = ascii(bytes, at + 2, value)
    if (end < 0) return false
    bytes[at] = 0x0a
    bytes[at + 1] = end - at - 2
    this.at = end
    return true
  }

  /** The body of an AnyValue: integers as such with all their digits, past 64 bits as text. Null is an AnyValue without a value. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.text(0x0a, value)
      case 'boolean':
        this.byte(0x10)
        return this.byte(value ? 1 : 0)
      case 'number':
        return this.#number(value)
      case 'bigint':
        if (value > MOST_INT64 || value < LEAST_INT64) return this.text(0x0a, `${value}`)
        this.byte(0x18)
        return this.int64(value)
      default:
        if (value === null || value === undefined) return
        return Array.isArray(value) ? this.#list(value) : this.#map(value as Readonly<Record<string, unknown>>)
    }
  }

  /** A fixed64 field: nanoseconds since 1970. */
  time(tag: number, unixNano: bigint): void {
    this.reserve(9)
    this.bytes[this.at] = tag
    this.at = this.bytes.writeBigUInt64LE(unixNano, this.at + 1)
  }

  /** A part of something else. */
  range(source: Buffer, start: number, end: number): void {
    const length = end - start
    this.reserve(length)
    const { bytes, at } = this
    if (length > SHORT) source.copy(bytes, at, start, end)
    else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i]!
    this.at = at + length
  }

  /** What was written, in memory of its own: what is kept pins nothing else. */
  take(start = 0): Buffer {
    const taken = Buffer.allocUnsafeSlow(this.at - start)
    this.bytes.copy(taken, 0, start, this.at)
    return taken
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.byte(0x18)
      return value >= 0 ? this.varint(value) : this.int64(BigInt(value))
    }
    this.byte(0x21)
    return this.double(value)
  }

  #list(list: readonly unknown[]): void {
    const start = this.begin(0x2a)
    for (const element of list) {
      const from = this.begin(0x0a)
      this.value(element)
      this.end(from)
    }
    this.end(start)
  }

  #map(map: Readonly<Record<string, unknown>>): void {
    const start = this.begin(0x32)
    for (const key of Object.keys(map)) this.attribute(0x0a, '', key, map[key])
    this.end(start)
  }
}

/** Writes `text` at `p`, where there is room for it, and returns where it ends; -1 for what is long, or not ASCII alone. */
function ascii(bytes: Buffer, p: number, text: string): number {
  const { length } = text
  if (length > SHORT) return -1
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return -1
    bytes[p + i] = code
  }
  return p + length
}
