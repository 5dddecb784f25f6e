// The detectors of network addresses: IPv4, IPv6 and MAC.

import { isIPv6 } from 'node:net'
import type { Detector, Finding } from './detector.ts'

const QUAD = /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1\d\d|0?\d?\d|00\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|0?\d?\d|00\d)(?!\d|\.\d)/g
/** `Chrome/120.0.0.0` and `v1.2.3.4` are versions. */
const PRODUCT = /[A-Za-z]\/$/
const VERSION = /(?:^|[^A-Za-z])(?:v|rv|ver|version)[ :=]?$/i

export const ipv4: Detector = {
  name: 'ipv4',
  anchors: ['dotted'],
  find(text) {
    const findings: Finding[] = []
    // Not matchAll: it copies the pattern at every call.
    QUAD.lastIndex = 0
    for (let match = QUAD.exec(text); match !== null; match = QUAD.exec(text)) {
      const before = text.slice(Math.max(0, match.index - 10), match.index)
      const isVersion = VERSION.test(before) || (match[0].endsWith('.0.0.0') && PRODUCT.test(before))
      if (!isVersion) findings.push({ start: match.index, end: match.index + match[0].length })
    }
    return findings
  },
}

/** The longest form, with an IPv4 address at its end, in characters. */
const LONGEST_IPV6 = 45
const HEX_AND_COLONS = /[\da-fA-F:.]*:[\da-fA-F:.]*/y
const COLON = /:/g

export const ipv6: Detector = {
  name: 'ipv6',
  anchors: ['colons'],
  find(text) {
    const findings: Finding[] = []
    let free = 0
    COLON.lastIndex = 0
    for (let colon = COLON.exec(text); colon !== null; colon = COLON.exec(text)) {
      const run = runAround(text, colon.index, free)
      const found = addressIn(text, run)
      if (found !== undefined) findings.push(found)
      free = run.end
      COLON.lastIndex = Math.max(run.end, colon.index + 1)
    }
    return findings
  },
}

/** Hexadecimal digits, colons and dots around this colon, which is the first of them. */
function runAround(text: string, colon: number, free: number): Finding {
  let start = colon
  while (start > free && colon - start <= 4 && isHex(text.charCodeAt(start - 1))) start--
  HEX_AND_COLONS.lastIndex = start
  const run = HEX_AND_COLONS.exec(text)
  return { start, end: run === null ? colon + 1 : HEX_AND_COLONS.lastIndex }
}

function addressIn(text: string, { start, end }: Finding): Finding | undefined {
  let run = text.slice(start, Math.min(end, start + LONGEST_IPV6 + 8))
  let from = start
  // `ip:2001:db8::1`: what stands in front may end in letters that could be digits.
  if (/[\p{L}\p{N}_]/u.test(text[start - 1] ?? ' ')) {
    const cut = run.indexOf(':')
    if (run[cut + 1] === ':') return undefined
    run = run.slice(cut)
    from += cut
  }
  if (run[0] === ':' && run[1] !== ':') [run, from] = [run.slice(1), from + 1]
  run = run.replace(/(?<!:):$|\.+$|\.:$/, '')
  const to = from + run.length
  if (!isIPv6(run) || /[\p{L}\p{N}_]/u.test(text[to] ?? ' ')) return undefined
  return isLikely(run) ? { start: from, end: to } : undefined
}

/** `be::add` is a name in a program. */
function isLikely(address: string): boolean {
  return /\d/.test(address) || address.split(':').length > 4
}

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102)
}

/** Six pairs and no more: fingerprints of keys are longer. */
const MAC =
  /(?<![\p{L}\p{N}_]|[\da-fA-F]{2}[:-])[\da-fA-F]{2}([:-])(?:[\da-fA-F]{2}\1){4}[\da-fA-F]{2}(?![\p{L}\p{N}_]|[:-][\da-fA-F]{2})/gu

export const mac: Detector = {
  name: 'mac',
  anchors: ['colons'],
  find: (text) => Array.from(text.matchAll(MAC), (match) => ({ start: match.index, end: match.index + match[0].length })),
}
