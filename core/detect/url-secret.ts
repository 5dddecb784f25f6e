// The detector of secrets in URLs and wherever else a secret is assigned to its name: `user:password@`, `?token=…`. The secret is the
// finding, not its name.

import type { Detector, Finding } from './detector.ts'

/** Ends of names, in lower case and without `-`, `_` and `.`, whose values are secrets. */
const NAME =
  /(?:password|passwd|passphrase|passcode|pwd|secret|token|apikey|accesskey|secretkey|privatekey|authkey|subscriptionkey|signature|sig|credentials?|jwt|sessionid|authcode|accesskeyid)$|^(?:auth|pass)$/
/** Where to go on in a list is no secret. */
const HARMLESS = /(?:page|next|continuation|sync|cursor|nextpage)token$|^maxtoken$/
/** `=`, as it is escaped in a URL, and what stands between name and value in JSON, also in JSON within a string. */
const ASSIGNMENT = /=|%3[Dd]|\\?["']\s{0,4}:\s{0,4}(?=\\?["'])/g
const LONGEST_NAME = 64
/** What takes the place of a value, and what says that there is none. */
const NO_VALUE =
  /^(?:null|nil|none|true|false|undefined|empty|redacted|masked|\*+|x{3,}|\.{3}|\[[\w ]*\]|<[\w ]*>|\$\{?\w*\}?|%s|\{\w*\})$/i

/** In characters. */
const LONGEST_USER_INFO = 512
const USER_INFO = /:\/\/([^\s/?#"'<>\\@]*(?:@[^\s/?#"'<>\\@]*)*)@/y

export const urlSecret: Detector = {
  name: 'url_secret',
  anchors: ['assignment'],
  find(text) {
    const findings: Finding[] = []
    findUserInfo(text, findings)
    const inUsers = findings.length
    findAssigned(text, findings)
    return inUsers === 0 || findings.length === inUsers ? findings : apart(findings)
  },
}

function findUserInfo(text: string, findings: Finding[]): void {
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', at + 3)) {
    const authority = text.slice(at, at + LONGEST_USER_INFO)
    USER_INFO.lastIndex = 0
    const length = USER_INFO.exec(authority)?.[1]?.length ?? 0
    if (length > 0) findings.push({ start: at + 3, end: at + 3 + length })
  }
}

function findAssigned(text: string, findings: Finding[]): void {
  ASSIGNMENT.lastIndex = 0
  for (let sign = ASSIGNMENT.exec(text); sign !== null; sign = ASSIGNMENT.exec(text)) {
    if (!isSecretName(text, sign.index)) continue
    const finding = valueAt(text, ASSIGNMENT.lastIndex, sign[0].startsWith('%'))
    ASSIGNMENT.lastIndex = Math.max(finding.end, ASSIGNMENT.lastIndex)
    const isShort = finding.end - finding.start < LONGEST_NAME
    if (finding.end > finding.start && !(isShort && NO_VALUE.test(text.slice(finding.start, finding.end)))) findings.push(finding)
  }
}

function isSecretName(text: string, end: number): boolean {
  const name = /[\w.\-[\]]*$/.exec(text.slice(Math.max(0, end - LONGEST_NAME), end))![0]
  const plain = name.toLowerCase().replaceAll(/[^a-z\d]/g, '')
  return NAME.test(plain) && !HARMLESS.test(plain)
}

const PLAIN = /[^\s&;,"'<>()[\]{}|\\]*/y
const ESCAPED = /(?:(?!%26|%23)[^\s&;,"'<>()[\]{}|\\])*/y

/** In quotes, to the quote; else to what ends a parameter or a word. */
function valueAt(text: string, at: number, isEscaped: boolean): Finding {
  const isWithin = text[at] === '\\'
  const quoteAt = isWithin ? at + 1 : at
  const quote = text[quoteAt]
  if (quote === '"' || quote === "'") return { start: quoteAt + 1, end: closingQuote(text, quoteAt + 1, isWithin ? `\\${quote}` : quote) }
  const pattern = isEscaped ? ESCAPED : PLAIN
  pattern.lastIndex = at
  pattern.exec(text)
  return { start: at, end: Math.max(at, pattern.lastIndex) }
}

/** Where the quote that stands here closes: a backslash takes a quote's meaning. Without one, the end of the line or of the text. */
function closingQuote(text: string, from: number, quote: string): number {
  let end = text.indexOf(quote, from)
  while (end > 0 && quote.length === 1 && text[end - 1] === '\\' && end > from) end = text.indexOf(quote, end + 1)
  if (end >= 0) return end
  const line = text.indexOf('\n', from)
  return line < 0 ? text.length : line
}

function apart(findings: Finding[]): readonly Finding[] {
  let end = 0
  return findings
    .sort((a, b) => a.start - b.start)
    .filter((finding) => {
      if (finding.start < end) return false
      end = finding.end
      return true
    })
}
