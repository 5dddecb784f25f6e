// The detector of US social security numbers: three digits, two, four, within the rules of what was ever given out.

import type { Detector, Finding } from './detector.ts'

/** No area 000, 666 or 9xx, no group 00, no serial 0000. The same dash or space twice; digits beside it make it something else. */
const GROUPED = /(?<!\d|\d[-. ])(?!000|666|9)\d{3}([-. \u00a0\u2010-\u2015])(?!00)\d{2}\1(?!0000)\d{4}(?!\d|[-.]\d)/g
/** Nine digits in a row are one only where they are called one. */
const NAMED =
  /\b(?:ssn|social[ _-]?security(?:[ _-]?(?:number|no|num|nr))?)\b[^\d\n]{0,16}((?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4})(?!\d)/gi

export const usSsn: Detector = {
  name: 'us_ssn',
  anchors: ['triple', 'number'],
  find(text) {
    const findings: Finding[] = []
    for (const match of text.matchAll(GROUPED)) findings.push({ start: match.index, end: match.index + match[0].length })
    for (const match of text.matchAll(NAMED)) {
      const end = match.index + match[0].length
      findings.push({ start: end - 9, end })
    }
    return findings.length < 2 ? findings : findings.sort((a, b) => a.start - b.start)
  },
}
