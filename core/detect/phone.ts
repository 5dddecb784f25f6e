// The detector of phone numbers. What is one, and where, is known to libphonenumber-js; `built-in.ts` imports this file, and its 200 KB of
// rules, for those alone who look for phone numbers.

import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/min'
import type { Detector, Finding } from './detector.ts'

/** Digits as people write them in a number: a `+` or groups. 15 digits are the most in E.164; an extension may follow. */
const CANDIDATE =
  /(?<![\p{L}\p{N}_./-])(?:\+|00|\((?=\d{1,5}\)))?\d(?:[ .()/\u00a0\u2010-\u2015-]{0,3}\d){5,16}(?:\s{0,2}(?:x|ext\.?|extension)\s{0,2}\d{1,6})?(?![\p{L}\p{N}_]|[-/:.]\d)/giu

/** Without a country's code: shorter ones are anything. */
const FEWEST_DIGITS = 9
/** No groups at all, a date, a social security number, an IPv4 address, a fraction. */
const OTHERWISE = /^\d+$|^\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}(?!\d)|^\d{3}[- .]\d{2}[- .]\d{4}$|^\d{1,3}(?:\.\d{1,3}){3}$|^\d+\.\d+$/

const NORTH_AMERICAN = /^(?:1[-. ])?(?:\([2-9]\d\d\)[-. ]?|[2-9]\d\d[-. ])\d{3}[-. ]\d{4}(?:\D|$)/

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
  if (text.startsWith('+') || text.startsWith('00')) {
    const number = parsePhoneNumberFromString(text.replace(/^00/, '+'))
    // With a plus, a number of the right length is meant as one, whether or not its country has given it out.
    return number !== undefined && (text.startsWith('+') ? number.isPossible() : number.isValid())
  }
  if (text.replaceAll(/\D/g, '').length < FEWEST_DIGITS || OTHERWISE.test(text)) return false
  // Written as numbers are in North America, whether or not the area has been given out.
  if (countries.some((country) => country === 'US' || country === 'CA') && NORTH_AMERICAN.test(text)) return true
  return countries.some((country) => parsePhoneNumberFromString(text, country as CountryCode)?.isValid() === true)
}
