// The detector of payment card numbers: of an issuer's range and length, with a right check digit, in one piece or in groups.

import { groupsIn, type Group } from './digit-groups.ts'
import type { Detector, Finding } from './detector.ts'

const SHORTEST = 12
const LONGEST = 19

/** Prefixes from … to, and the lengths that the issuer gives out. */
type Range = readonly [from: number, to: number, lengths: readonly number[]]
const TO_19 = [16, 17, 18, 19]
const MAESTRO = [12, 13, 14, 15, 16, 17, 18, 19]
const RANGES: readonly Range[] = [
  [4, 4, [13, 16, 19]], // Visa
  [51, 55, [16]], // Mastercard
  [2221, 2720, [16]], // Mastercard
  [34, 34, [15]], // American Express
  [37, 37, [15]], // American Express
  [300, 305, [14, ...TO_19]], // Diners Club
  [3095, 3095, [14, ...TO_19]], // Diners Club
  [36, 36, [14, 15, ...TO_19]], // Diners Club
  [38, 39, [14, ...TO_19]], // Diners Club
  [6011, 6011, TO_19], // Discover
  [644, 649, TO_19], // Discover
  [65, 65, TO_19], // Discover, RuPay, Elo
  [35, 35, TO_19], // JCB, which gives out 3528 to 3589
  [2131, 2131, [15]], // JCB
  [1800, 1800, [15]], // JCB
  [62, 62, TO_19], // UnionPay
  [8100, 8171, TO_19], // UnionPay, RuPay
  [50, 50, MAESTRO], // Maestro, Verve, Elo, RuPay
  [56, 58, MAESTRO], // Maestro
  [6304, 6304, MAESTRO], // Maestro
  [6390, 6390, MAESTRO], // Maestro
  [67, 67, MAESTRO], // Maestro
  [60, 60, [16]], // RuPay, Hipercard
  [82, 82, [16]], // RuPay
  [636, 639, TO_19], // InterPayment, InstaPayment, Elo
  [2200, 2204, TO_19], // Mir
  [9792, 9792, [16]], // Troy
]

export const card: Detector = {
  name: 'card',
  anchors: ['long_number', 'integer'],
  find(text) {
    const findings: Finding[] = []
    for (const groups of groupsIn(text)) findIn(text, groups, findings)
    return findings
  },
  isNumber: (value) => value >= 0n && isCard(value.toString()),
}

/** Groups that lie side by side: one, or several that can be one number. The longest that fits wins. */
function findIn(text: string, groups: readonly Group[], findings: Finding[]): void {
  for (let first = 0; first < groups.length; first++) {
    const last = lastOfCard(text, groups, first)
    if (last < 0) continue
    findings.push({ start: groups[first]!.start, end: groups[last]!.end })
    first = last
  }
}

function lastOfCard(text: string, groups: readonly Group[], first: number): number {
  const { start, end } = groups[first]!
  if (end - start < 4 || isFraction(text, start) || isPartOfId(text, start, end)) return -1
  let digits = ''
  let found = -1
  for (let last = first; last < groups.length; last++) {
    const group = groups[last]!
    if (last > first + 1 && group.separator !== groups[first + 1]!.separator) break
    digits += text.slice(group.start, group.end)
    if (digits.length > LONGEST) break
    if (isCard(digits)) found = last
    if (last > first && group.end - group.start < 3) break
  }
  return found
}

/** The digits behind a decimal point are no number of their own. */
function isFraction(text: string, start: number): boolean {
  return text[start - 1] === '.' && /\d/.test(text[start - 2] ?? '')
}

/** Ids are hexadecimal and of a few lengths: digits that follow one another in one are chance. */
function isPartOfId(text: string, start: number, end: number): boolean {
  const before = /(?<![\dA-Za-z])[\da-fA-F]*$/.exec(text.slice(Math.max(0, start - 65), start))?.[0]
  const after = /^[\da-fA-F]*(?![\dA-Za-z])/.exec(text.slice(end, end + 65))?.[0]
  if (before === undefined || after === undefined) return false
  const length = before.length + end - start + after.length
  return before.length + after.length > 0 && [32, 40, 64].includes(length)
}

function isCard(digits: string): boolean {
  return digits.length >= SHORTEST && digits.length <= LONGEST && isIssued(digits) && passesLuhn(digits)
}

function isIssued(digits: string): boolean {
  return RANGES.some(([from, to, lengths]) => {
    const prefix = Number(digits.slice(0, String(from).length))
    return prefix >= from && prefix <= to && lengths.includes(digits.length)
  })
}

/** ISO/IEC 7812-1: every second digit from the right counts twice. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let place = 1; place <= digits.length; place++) {
    const digit = digits.charCodeAt(digits.length - place) - 48
    const weighed = place % 2 === 0 ? 2 * digit : digit
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}
