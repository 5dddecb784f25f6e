// The detector of secrets in URLs and wherever else a secret is assigned to its name: `user:password@`, `?token=…`. The secret is the
// finding, not its name.

import type { Detector, Finding } from './detector.ts'

/** Ends of names, in lower case and without `-`, `_` and `.`, whose values are secrets. */
const NAME =
  /(?:password|passwd|passphrase|passcode|pwd|secret|token|apikey|accesskey|secretkey|privatekey|authkey|subscriptionkey|signature|sig|credentials?|jwt|sessionid|authcode|accesskeyid)$|^(?:auth|pass)$/
/** Where to go on in a list is no secret. */
const HARMLESS = /(?:page|next|continuation|sync|cursor|nextpage)token$|^maxtoken$/
const ASSIGNMENT = /=|%3[Dd]/g
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
    const finding = valueAt(text, ASSIGNMENT.lastIndex, sign[0] !== '=')
    if (NO_VALUE.test(text.slice(finding.start, Math.min(finding.end, finding.start + 40))) || finding.end === finding.start) continue
    findings.push(finding)
    ASSIGNMENT.lastIndex = finding.end
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
  const quote = text[at]
  if (quote === '"' || quote === "'") {
    const end = text.indexOf(quote, at + 1)
    if (end >= 0) return { start: at + 1, end }
  }
  const pattern = isEscaped ? ESCAPED : PLAIN
  pattern.lastIndex = at
  pattern.exec(text)
  return { start: at, end: Math.max(at, pattern.lastIndex) }
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
