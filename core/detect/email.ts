// The detector of e-mail addresses, also where they stand in a URL with `%40`.

import type { Detector, Finding } from './detector.ts'

/** Octets in RFC 5321; here in UTF-16 units. */
const LONGEST_LOCAL = 64
const LONGEST_DOMAIN = 255

/**
 * One character of a local part, at the end of a text. RFC 5322 allows more (`=/?{|`), which in telemetry stands between a name and its
 * value; of what is escaped in a URL, `+`, `-`, `.` and `_` belong to it.
 */
const LOCAL = /(?:[\w.+'!#$&*^`~\-\p{L}\p{N}]|%2[BbDdEe]|%5[Ff])+$/u
const QUOTED_LOCAL = /"[^"\\\r\n]+"$/
const DOMAIN = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}\-_]{0,61}[\p{L}\p{N}])?\.)+(?:xn--[\w-]{1,59}|\p{L}{2,63})(?![\p{L}\p{N}])/u
/** Names of files and not of countries: `logo@2x.png` is nobody's address. */
const FILE = /\.(?:png|jpe?g|gif|webp|svg|css|scss|js|mjs|ts|tsx|jsx|json|html?|pdf|txt|xml|ya?ml|log|jar|exe|dll|woff2?)$/i
const AT = /@|%40|%2540/g

export const email: Detector = {
  name: 'email',
  anchors: ['at'],
  find(text) {
    const findings: Finding[] = []
    let free = 0
    AT.lastIndex = 0
    for (let at = AT.exec(text); at !== null; at = AT.exec(text)) {
      const end = domainEnd(text, AT.lastIndex)
      const start = end < 0 ? -1 : localStart(text, at.index, free)
      if (start < 0) continue
      findings.push({ start, end })
      free = end
      AT.lastIndex = end
    }
    return findings
  },
}

function domainEnd(text: string, from: number): number {
  const rest = text.slice(from, from + LONGEST_DOMAIN)
  const domain = isPlainDomain(rest) ? rest : DOMAIN.exec(rest)?.[0]
  return domain === undefined || FILE.test(domain) ? -1 : from + domain.length
}

/** Labels in small letters and digits, none of them long, the last without digits: all of it matches `DOMAIN`. Nearly every address ends like this. */
function isPlainDomain(text: string): boolean {
  let label = 0
  let hasDigit = false
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (label === 0) return false
      label = 0
      hasDigit = false
      dots++
      continue
    }
    if (code >= ZERO && code <= NINE) hasDigit = true
    else if (code < SMALL_A || code > SMALL_Z) return false
    if (++label > LONGEST_LABEL) return false
  }
  return dots > 0 && label > 1 && !hasDigit
}

/** Where the local part that ends here starts, no earlier than `free`; -1 where there is none. */
function localStart(text: string, end: number, free: number): number {
  const before = text.slice(Math.max(free, end - 3 * LONGEST_LOCAL), end)
  const local = before.endsWith('"') ? QUOTED_LOCAL.exec(before)?.[0] : lastOf(before)
  if (local === undefined || local === '') return -1
  return isPassword(text, end - local.length) ? -1 : end - local.length
}

/** Backwards, character by character: a pattern would begin anew at every one. In ASCII without escapes by a table, which is quicker. */
function lastOf(before: string): string | undefined {
  const first = Math.max(0, before.length - LONGEST_LOCAL)
  let start = before.length
  for (; start > first; start--) {
    const code = before.charCodeAt(start - 1)
    if (code > 0x7f || code === PERCENT) return LOCAL.exec(before.slice(-LONGEST_LOCAL))?.[0].replace(NOT_FIRST, '')
    if (IN_LOCAL[code] === 0) break
  }
  while (start < before.length && NOT_FIRST.test(before[start]!)) start++
  return before.slice(start)
}

const PERCENT = 0x25
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const SMALL_A = 0x61
const SMALL_Z = 0x7a
const LONGEST_LABEL = 63
const NOT_FIRST = /^[.'`&*!#$^~-]+/
/** The characters of `LOCAL` in ASCII. */
const IN_LOCAL: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => (/[\w.+'!#$&*^`~-]/.test(String.fromCharCode(code)) ? 1 : 0))

/** `scheme://user:password@host` is no address: `url_secret` finds what is secret in it. */
function isPassword(text: string, start: number): boolean {
  return text[start - 1] === ':' && /:\/\/[^\s/@:]*:$/.test(text.slice(Math.max(0, start - 100), start))
}
