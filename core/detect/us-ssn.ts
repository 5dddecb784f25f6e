// The detector of US social security numbers: three digits, two, four, within the rules of what was ever given out.

import type { Detector, Finding } from './detector.ts'

/**
 * No area 000 or 666, no group 00, no serial 0000. Areas from 900 are those of taxpayers without a social security number (ITIN), which stand in
 * the same places, and have groups of their own.
 */
const RULES = /^(?!000|666)(?:[0-8]\d\d\D?(?!00)\d\d|9\d\d\D?(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9]))\D?(?!0000)\d{4}$/
/** The same dash, dot or space twice; digits beside it make it something else. */
const GROUPED = /(?<!\d|\d[-. ])\d{3}([-. \u00a0\u2010-\u2015])\d{2}\1\d{4}(?!\d|[-.]\d)/g
/** Nine digits in a row are one only where they are called one. */
const NAMED = /\b(?:ssn|social[ _-]?security(?:[ _-]?(?:number|no|num|nr))?)\b[^\d\n]{0,16}(\d{9})(?!\d)/gi

const NINE_DIGITS = /\d{9}/

export const usSsn: Detector = {
  name: 'us_ssn',
  anchors: ['triple', 'number'],
  find(text) {
    const findings: Finding[] = []
    // Not matchAll: it copies the pattern at every call, which costs more than a short text does.
    GROUPED.lastIndex = 0
    for (let match = GROUPED.exec(text); match !== null; match = GROUPED.exec(text))
      if (RULES.test(match[0])) findings.push({ start: match.index, end: GROUPED.lastIndex })
    if (!NINE_DIGITS.test(text)) return findings
    NAMED.lastIndex = 0
    for (let match = NAMED.exec(text); match !== null; match = NAMED.exec(text))
      if (RULES.test(match[1]!)) findings.push({ start: NAMED.lastIndex - 9, end: NAMED.lastIndex })
    return findings.length < 2 ? findings : findings.sort((a, b) => a.start - b.start)
  },
}
