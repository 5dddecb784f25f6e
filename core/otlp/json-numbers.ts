// Decimal text to 64-bit integers, without losing a bit, and to doubles: json-read.ts calls it for numbers and for numbers in strings.

import { isDigit, MINUS } from './json-scanner.ts'
import type { Kind } from './schema.ts'

/** The last result of `readInteger`, in two halves of two's complement. Module variables, as in wire.ts. */
export let high = 0
export let low = 0
/** Whether it was below zero. */
export let negative = false

/** 20 digits are more than 64 bits hold. */
const MAX_DIGITS = 20
const MAX_LENGTH = 1 << 16
const TWO_31 = 0x8000_0000
const TWO_32 = 0x1_0000_0000
/** In JSON, so in a string too. */
const DECIMAL_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/

/**
 * Reads the integer in `[p, stop)`: digits, or any decimal notation of a whole number (`1e3`, `2.0`). False for what is none, or has
 * a magnitude of 2^64 or more.
 */
export function readInteger(text: Buffer, p: number, stop: number): boolean {
  const from = p
  const minus = p < stop && text[p] === MINUS
  if (minus) p++
  while (p < stop - 1 && text[p] === 0x30 && isDigit(text[p + 1]!)) p++
  const digits = stop - p
  if (digits < 1 || digits > MAX_DIGITS) return readDecimal(text, from, stop)
  // Up to eleven digits above, nine below.
  let above = 0
  let below = 0
  for (let i = p; i < stop; i++) {
    const digit = text[i]! - 0x30
    if (digit < 0 || digit > 9) return readDecimal(text, from, stop)
    if (i < stop - 9) above = above * 10 + digit
    else below = below * 10 + digit
  }
  return set(minus, above, below)
}

/** above × 10^9 + below, with every product below 2^53. */
function set(minus: boolean, above: number, below: number): boolean {
  const upper = Math.floor(above / 65_536) * 1e9
  const lower = (above % 65_536) * 1e9 + below
  const sum = (upper % 65_536) * 65_536 + (lower % TWO_32)
  const top = Math.floor(upper / 65_536) + Math.floor(lower / TWO_32) + Math.floor(sum / TWO_32)
  if (top >= TWO_32) return false
  low = sum % TWO_32
  high = top
  negative = minus && (low !== 0 || high !== 0)
  if (!negative) return true
  high = (TWO_32 - high - (low === 0 ? 0 : 1)) % TWO_32
  low = (TWO_32 - low) % TWO_32
  return true
}

/** The slow way, for fractions and exponents. */
function readDecimal(text: Buffer, p: number, stop: number): boolean {
  if (stop - p > MAX_LENGTH) return false
  const match = DECIMAL.exec(text.toString('latin1', p, stop))
  if (match === null) return false
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const all = (whole + fraction).replace(/^0+/, '')
  const significant = all.replace(/0+$/, '')
  if (significant === '') return set(false, 0, 0)
  const zeros = all.length - significant.length - fraction.length + Number(exponent)
  if (zeros < 0 || significant.length + zeros > MAX_DIGITS) return false
  const digits = significant + '0'.repeat(zeros)
  return set(sign === '-', Number(digits.slice(0, -9)), Number(digits.slice(-9)))
}

/** Whether the integer that was read last fits. */
export function isInRange(kind: Kind): boolean {
  switch (kind) {
    case 'fixed64':
    case 'uint64':
      return !negative
    case 'fixed32':
    case 'uint32':
      return !negative && high === 0
    case 'enum':
    case 'sint32':
      return negative ? high === 0xffff_ffff && low >= TWO_31 : high === 0 && low < TWO_31
    default:
      return negative ? high >= TWO_31 : high < TWO_31
  }
}

/** Undefined for what is no number, or is too large for a double: JSON has words for infinity. */
export function toDouble(text: string, quoted: boolean): number | undefined {
  if (quoted && (text === 'NaN' || text === 'Infinity' || text === '-Infinity')) return Number(text)
  if (quoted && !DECIMAL_NUMBER.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}
