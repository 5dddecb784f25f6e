// The `convert` action: a value as another type, where that loses nothing. Called by actions.ts.

import { type AttributeValue, writeAnyValue } from '../otlp/any-value.ts'
import type { ByteWriter } from '../otlp/byte-writer.ts'

/** Writes `value` as an AnyValue of `type`; false, and nothing written, where it cannot be one. */
export function convert(out: ByteWriter, value: AttributeValue, type: 'int' | 'double' | 'string'): boolean {
  if (type === 'string') return writeText(out, value)
  const number = typeof value === 'boolean' ? Number(value) : value
  return type === 'int' ? writeInt(out, number) : writeDouble(out, number)
}

function writeText(out: ByteWriter, value: AttributeValue): boolean {
  if (value === null || value instanceof Uint8Array) return false
  const text =
    typeof value === 'object' ? JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? one.toString() : one)) : String(value)
  writeAnyValue(out, text)
  return true
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
  const number = typeof value === 'bigint' ? Number(value) : typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || (Number.isNaN(number) && value !== 'NaN' && typeof value === 'string')) return false
  out.byte(0x21) // double_value, also where the number is integral
  out.double(number)
  return true
}
