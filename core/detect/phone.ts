// The detector of phone numbers. What is one, and where, is known to libphonenumber-js; `built-in.ts` imports this file, and its 200 KB of
// rules, for those alone who look for phone numbers.

import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min'
import type { Detector, Finding } from './detector.ts'

/** Digits as people write them in a number: a `+` or groups. 15 digits are the most in E.164; an extension may follow. */
const CANDIDATE =
  /(?<![\p{L}\p{N}_./-])(?:\+|00|\((?=\d{1,5}\)))?\d(?:[ .()/\u00a0\u2010-\u2015-]{0,3}\d){5,16}(?:\s{0,2}(?:x|ext\.?|extension)\s{0,2}\d{1,6})?(?![\p{L}\p{N}_]|[-/:.]\d)/giu

/** Numbers without a country's code are looked for as those of these countries, where they are written in groups. */
export function phoneOf(countries: readonly string[]): Detector {
  return {
    name: 'phone',
    anchors: ['number'],
    find: (text) => {
      const findings: Finding[] = []
      for (const match of text.matchAll(CANDIDATE)) {
        if (isPhone(match[0], countries)) findings.push({ start: match.index, end: match.index + match[0].length })
      }
      return findings
    },
  }
}

function isPhone(text: string, countries: readonly string[]): boolean {
  if (text.startsWith('+')) return parsePhoneNumberFromString(text)?.isValid() === true
  if (text.startsWith('00')) return parsePhoneNumberFromString(`+${text.slice(2)}`)?.isValid() === true
  if (!/\d[ .()/\u00a0\u2010-\u2015-]+\d/u.test(text)) return false
  return countries.some((country) => parsePhoneNumberFromString(text, country as CountryCode)?.isValid() === true)
}
