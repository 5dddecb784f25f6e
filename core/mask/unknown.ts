// A field that no version of OTLP that we know has: whether there is something to mask in it. Then `Masker` drops it, for what it means is
// not known.

import { isUtf8 } from 'node:buffer'
import { next, readUint32, skipValue } from '../otlp/wire.ts'
import type { Finding, Rules } from './rules.ts'

/** Messages in one another that are looked into. What lies deeper goes on suspicion. */
const DEEPEST = 12

/** As one text, and, because a tag or a length beside a string may look like a part of it, as every message that the bytes can be. */
export function isHit<F extends Finding>(rules: Rules<F>, bytes: Buffer, start: number, end: number, bits: number, depth = 0): boolean {
  if (start >= end) return false
  if (depth > DEEPEST) return true
  const { finding } = rules.look(decode(bytes, start, end), bits)
  return rules.meet(finding, 'unknown', false) || isHitWithin(rules, bytes, start, end, bits, depth)
}

/** Bytes that are no UTF-8 are one character each. */
export function decode(bytes: Buffer, start: number, end: number): string {
  return bytes.toString(isUtf8(bytes.subarray(start, end)) ? 'utf8' : 'latin1', start, end)
}

function isHitWithin<F extends Finding>(rules: Rules<F>, bytes: Buffer, start: number, end: number, bits: number, depth: number): boolean {
  const parts: (readonly [start: number, end: number])[] = []
  let p = start
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    if (tag < 8) break
    p = next
    const wire = tag & 7
    const after = skipValue(bytes, p, end, tag, 0)
    if (after < 0) break
    if (wire === 2) {
      readUint32(bytes, p, end)
      parts.push([next, after])
    } else if (wire === 3) parts.push([p, after])
    p = after
  }
  return parts.some(([from, to]) => isHit(rules, bytes, from, to, bits, depth + 1))
}
