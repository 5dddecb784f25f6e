// What bytes, and pairs of them, are to the pass: tables that `anchor-scan.ts` looks into.

import { endianness } from 'node:os'
import { BIT } from './anchor-bits.ts'
import { BEGINNING_PAIRS } from './secret-anchors.ts'

export const DASH = 0x2d
export const DOT = 0x2e
export const COLON = 0x3a
export const PERCENT = 0x25

/** What a pair is, as bits: both go on with a run of digits and one is a digit; the first, or the second, says something alone; … */
export const RUN = 1
export const FIRST = 2
export const SECOND = 4
/** A digit and a letter: the end of what an IBAN begins with. */
export const DIGIT_LETTER = 8
/** A piece of what a secret begins with. */
export const BEGINNING = 16
/** A dash and a hexadecimal digit. */
export const DASHED = 32
/** The tag of an `int64` or a `double` in AnyValue: the first, or the second. */
export const INTEGER = 64

const codesOf = (text: string): readonly number[] => [...Buffer.from(text, 'latin1')]
function tableOf(codes: readonly number[], value = 1): Uint8Array {
  const table = new Uint8Array(256)
  for (const code of codes) table[code] = value
  return table
}

export const IS_DIGIT: Uint8Array = tableOf(codesOf('0123456789'))
export const HEX: Uint8Array = tableOf(codesOf('0123456789abcdefABCDEF'))
export const LETTER: Uint8Array = tableOf(codesOf('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'))

export const SEPARATOR = 2
/** The bytes in UTF-8 of the spaces and dashes that people write between digits: those of ASCII, U+00A0, U+2007 to U+2015, U+202F. */
const SPACES_AND_DASHES: readonly number[] = [0xc2, 0xa0, 0xe2, 0x80, 0x87, 0x88, 0x89, 0x8a, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0xaf]
/** 1 for digits, SEPARATOR for what may stand between them. */
export const IN_RUN: Uint8Array = tableOf([...codesOf(' -.()/'), ...SPACES_AND_DASHES], SEPARATOR).map(
  (value, code) => value || IS_DIGIT[code]!,
)

const SINGLES: readonly (readonly [code: number, wanted: number])[] = [
  [0x40, BIT.at | BIT.assignment],
  [COLON, BIT.colons | BIT.assignment | BIT.secret],
  [0x3d, BIT.assignment],
  [PERCENT, BIT.at | BIT.assignment],
]
const NUMBERS: number = BIT.dotted | BIT.long_number | BIT.number | BIT.triple | BIT.iban

/** By two bytes as they lie in memory: what to look for closer, of what is wanted. */
export function pairsFor(wanted: number): Uint8Array {
  const singles = new Uint8Array(256)
  for (const [code, bits] of SINGLES) if ((bits & wanted) !== 0) singles[code] = 1
  const table = new Uint8Array(65_536)
  const isBig = endianness() === 'BE'
  for (let first = 0; first < 256; first++)
    for (let second = 0; second < 256; second++) {
      const isWanted = (wanted & BIT.secret) !== 0 && BEGINNING_PAIRS.has(first * 256 + second)
      const classes =
        (singles[first]! && FIRST) |
        (singles[second]! && SECOND) |
        (isWanted ? BEGINNING : 0) |
        (hasInteger(first, second) && (wanted & BIT.integer) !== 0 ? INTEGER : 0) |
        inNumbers(first, second, wanted)
      table[isBig ? first * 256 + second : second * 256 + first] = classes
    }
  return table
}

/**
 * `int64 int_value = 3; double double_value = 4;`. A number of more than seven bits goes on behind its first byte. A tag may be
 * longer than it need be: then it goes on with 0x80 or 0.
 */
function hasInteger(first: number, second: number): boolean {
  if ((first === 0x98 || first === 0xa1) && (second & 0x7f) === 0) return true
  return (first === 0x18 && second >= 0x80) || first === 0x21 || (second & 0x7f) === 0x18 || (second & 0x7f) === 0x21
}

function inNumbers(first: number, second: number, wanted: number): number {
  let classes = 0
  const hasDigit = IS_DIGIT[first] === 1 || IS_DIGIT[second] === 1
  // Groups have two digits or more, or dots between them: a separator and a digit are met with what comes next.
  const isMetLater = IN_RUN[first] === SEPARATOR && first !== DOT
  if ((wanted & NUMBERS) !== 0 && hasDigit && IN_RUN[first] !== 0 && IN_RUN[second] !== 0 && !isMetLater) classes |= RUN
  if ((wanted & BIT.iban) !== 0 && IS_DIGIT[first] === 1 && LETTER[second] === 1) classes |= DIGIT_LETTER
  if ((wanted & BIT.colons) !== 0 && first === DASH && HEX[second] === 1) classes |= DASHED
  return classes
}
