// The `convert` action: a value as another type, as the Collector converts it. Called by actions.ts.

import { type AttributeValue, writeAnyValue } from '../otlp/any-value.ts'
import type { ByteWriter } from '../otlp/byte-writer.ts'

/** Writes `value` as an AnyValue of `type`; false, and nothing written, where it cannot be one. */
export function convert(out: ByteWriter, value: AttributeValue, type: 'int' | 'double' | 'string'): boolean {
  if (type === 'string') return writeText(out, value)
  const number = typeof value === 'boolean' ? Number(value) : value
  return type === 'int' ? writeInt(out, number) : writeDouble(out, number)
}

function writeText(out: ByteWriter, value: AttributeValue): boolean {
  writeAnyValue(out, textOf(value))
  return true
}

/** Bytes in base64, lists and maps in JSON. What JSON cannot say in them (NaN, infinity) makes the text empty, as in the Collector. */
export function textOf(value: AttributeValue): string {
  if (value === null) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Object.is(value, -0)) return '-0'
  if (typeof value !== 'object') return String(value)
  try {
    return jsonOf(value)
  } catch (error) {
    if (error instanceof RangeError) return ''
    throw error
  }
}

/** JSON as Go writes it: keys sorted, 64-bit integers whole, bytes in base64. */
function jsonOf(value: AttributeValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value).replace(/[\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16)}`)
  if (value instanceof Uint8Array) return `"${textOf(value)}"`
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${value} is not JSON`)
  if (typeof value !== 'object') return textOf(value)
  if (Array.isArray(value)) return `[${value.map((one: AttributeValue) => jsonOf(one)).join(',')}]`
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, one]) => `${jsonOf(key)}:${jsonOf(one)}`).join(',')}}`
}

/** Digits as a 64-bit integer; a number loses what stands behind its point, as in the Collector. */
function writeInt(out: ByteWriter, value: AttributeValue): boolean {
  const integer =
    typeof value === 'number'
      ? truncated(value)
      : typeof value === 'string' && /^[+-]?\d{1,19}$/.test(value)
        ? BigInt(value.replace('+', ''))
        : value
  if (typeof integer !== 'bigint' || BigInt.asIntN(64, integer) !== integer) return false
  writeAnyValue(out, integer)
  return true
}

function truncated(value: number): bigint | undefined {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined
}

function writeDouble(out: ByteWriter, value: AttributeValue): boolean {
  const number = typeof value === 'bigint' ? Number(value) : typeof value === 'string' ? doubleFrom(value) : value
  if (typeof number !== 'number') return false
  out.byte(0x21) // double_value, also where the number is integral
  out.double(number)
  return true
}

/** Decimal, or a name of what is not finite; what is too large for a double is none. */
function doubleFrom(text: string): number | undefined {
  const named = /^([+-]?)inf(?:inity)?$/i.exec(text)
  if (named !== null) return named[1] === '-' ? -Infinity : Infinity
  if (/^nan$/i.test(text)) return Number.NaN
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Infinity
  return Number.isFinite(number) ? number : undefined
}
