// What single bytes are to the pass: tables that `anchor-scan.ts` looks into.

import { BIT } from './anchor-bits.ts'

export const DIGIT = 1
/** In a table of their own: they start nothing, but go on with a run of digits. */
export const SEPARATOR = 9

const codesOf = (text: string): readonly number[] => [...Buffer.from(text, 'latin1')]
function tableOf(text: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const code of codesOf(text)) table[code] = 1
  return table
}

export const HEX: Uint8Array = tableOf('0123456789abcdefABCDEF')
export const LETTER: Uint8Array = tableOf('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')

/** The bytes in UTF-8 of the spaces and dashes that people write between digits: those of ASCII, U+00A0, U+2007 to U+2015 and U+202F. */
const SEPARATORS: readonly number[] = [
  ...codesOf(' -.()/'),
  0xc2,
  0xa0,
  0xe2,
  0x80,
  0x87,
  0x88,
  0x89,
  0x8a,
  0x90,
  0x91,
  0x92,
  0x93,
  0x94,
  0x95,
  0xaf,
]

const NUMBERS: number = BIT.dotted | BIT.long_number | BIT.number | BIT.triple | BIT.iban | BIT.colons
const CLASSES: readonly (readonly [bytes: readonly number[], name: number, wanted: number])[] = [
  [codesOf('0123456789'), DIGIT, NUMBERS | BIT.secret],
  [codesOf('@'), 2, BIT.at | BIT.assignment],
  [codesOf(':'), 3, BIT.colons],
  [codesOf('='), 4, BIT.assignment],
  [codesOf('%'), 5, BIT.at | BIT.assignment | BIT.secret],
  [codesOf('-'), 6, BIT.colons | BIT.secret],
  [codesOf('JIzx_ +'), 7, BIT.secret],
  [[0x18, 0x21], 8, BIT.integer],
]

/** The class of each byte that starts a closer look for the wanted bits; or of the digits and separators of a run. */
export function classesFor(wanted: number, ofRuns = false): Uint8Array {
  const table = new Uint8Array(256)
  if (ofRuns) for (const code of SEPARATORS) table[code] = SEPARATOR
  for (const [codes, name, bits] of CLASSES)
    if (ofRuns ? name === DIGIT : (bits & wanted) !== 0) for (const code of codes) table[code] = name
  return table
}
