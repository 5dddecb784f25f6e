// The detector of e-mail addresses.

import type { Detector, Finding } from './detector.ts'

export const email: Detector = {
  name: 'email',
  anchors: ['at'],
  find(text) {
    const findings: Finding[] = []
    const pattern = /[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+/g
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text))
      findings.push({ start: match.index, end: pattern.lastIndex })
    return findings
  },
}
