// The detector of what stands behind `Bearer` and `Basic` in headers. The credentials are the finding, not the name of the scheme.

import type { Detector, Finding } from './detector.ts'

/** Between a scheme and its credentials: spaces, also as URLs have them. */
const BEARER = /(?<![A-Za-z])bearer(?: {1,4}|\+|%20)([\w.~+/-]{8,8192}={0,2})/gi
const BASIC = /(?<![A-Za-z])basic(?: {1,4}|\+|%20)([A-Za-z\d+/]{4,4096}={0,2})/gi
/** "Bearer certificates" is a sentence. */
const LONG = 24

export const credentials: Detector = {
  name: 'credentials',
  anchors: ['secret'],
  find(text) {
    const findings: Finding[] = []
    for (const match of text.matchAll(BEARER)) if (isToken(match[1]!)) findings.push(behind(match))
    for (const match of text.matchAll(BASIC)) if (isUserAndPassword(match[1]!)) findings.push(behind(match))
    return findings.length < 2 ? findings : findings.sort((a, b) => a.start - b.start)
  },
}

function behind(match: RegExpExecArray): Finding {
  const end = match.index + match[0].length
  return { start: end - match[1]!.length, end }
}

function isToken(text: string): boolean {
  return /\d/.test(text) || text.length >= LONG || /[a-z][A-Z]/.test(text)
}

/** RFC 7617: `user:password` in base64. */
function isUserAndPassword(text: string): boolean {
  const decoded = Buffer.from(text, 'base64').toString()
  return /^[^\p{Cc}\ufffd:]*:[^\p{Cc}\ufffd]*$/u.test(decoded)
}
