// The detector of JSON Web Tokens: three parts (five if encrypted), of which the first decodes to a JSON object that names an algorithm.

import type { Detector, Finding } from './detector.ts'

/** Longer headers are nobody's; this bounds what one beginning can cost, in characters. */
const LONGEST_HEADER = 4096
/** Beginnings within one run of characters that are tried: the text in front of a token may end in what looks like one. */
const TRIES = 4
const PART = /[\w-]*/y

export const jwt: Detector = {
  name: 'jwt',
  anchors: ['secret'],
  find(text) {
    const findings: Finding[] = []
    for (let at = text.indexOf('eyJ'); at >= 0;) {
      const runEnd = partEnd(text, at)
      const start = text[runEnd] === '.' ? headerStart(text, at, runEnd) : -1
      const end = start < 0 ? -1 : tokenEnd(text, runEnd)
      if (end >= 0) findings.push({ start, end })
      at = text.indexOf('eyJ', end >= 0 ? end : runEnd)
    }
    return findings
  },
}

function partEnd(text: string, from: number): number {
  PART.lastIndex = from
  PART.exec(text)
  return PART.lastIndex
}

function headerStart(text: string, first: number, end: number): number {
  let at = first
  for (let tries = 0; tries < TRIES && at >= 0 && at < end; tries++, at = text.indexOf('eyJ', at + 1))
    if (end - at <= LONGEST_HEADER && isHeader(text.slice(at, end))) return at
  return -1
}

function isHeader(part: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof header === 'object' && header !== null && 'alg' in header && typeof header.alg === 'string'
  } catch {
    return false
  }
}

/** A signature may be empty (`alg: none`), and so may the key of an encrypted token. */
function tokenEnd(text: string, headerEnd: number): number {
  const payloadEnd = partEnd(text, headerEnd + 1)
  if (text[payloadEnd] !== '.' || payloadEnd === headerEnd + 1) return tokenOfFive(text, payloadEnd)
  const signatureEnd = partEnd(text, payloadEnd + 1)
  return text[signatureEnd] === '.' ? Math.max(signatureEnd, tokenOfFive(text, payloadEnd)) : signatureEnd
}

function tokenOfFive(text: string, secondEnd: number): number {
  let end = secondEnd
  for (let part = 0; part < 3; part++) {
    if (text[end] !== '.') return -1
    end = partEnd(text, end + 1)
  }
  return end
}
