// Is a range of bytes valid UTF-8? Asked of every string of every request. Nearly all of them are ASCII, and so are the tags and short
// lengths between them: one scan over a whole span, eight bytes at a step, answers for all of its strings.
// Node's isUtf8 costs five times as much on strings of ten bytes, for it needs a view of its own for each.

/** Where the run of ASCII bytes from `start` ends, at most `end`. */
export function asciiRun(view: DataView, start: number, end: number): number {
  let p = start
  const pairs = end - 8
  while (p <= pairs && ((view.getInt32(p) | view.getInt32(p + 4)) & 0x8080_8080) === 0) p += 8
  while (p < end && view.getUint8(p) < 0x80) p++
  return p
}

/** `view` covers the same memory as `bytes`. Source: the Unicode Standard, table 3-7 (well-formed byte sequences). */
export function isUtf8(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  let p = start
  const words = end - 4
  while (p <= words && (view.getInt32(p) & 0x8080_8080) === 0) p += 4
  while (p < end) {
    const lead = bytes[p]!
    if (lead < 0x80) {
      p++
      continue
    }
    const length = sequenceLength(bytes, p, end, lead)
    if (length === 0) return false
    p += length
  }
  return true
}

/** Length of the multi-byte sequence at `p`, or 0 where it is not well formed. */
function sequenceLength(bytes: Uint8Array, p: number, end: number, lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (p + length > end) return 0
  // The second byte alone rules out overlong forms, surrogates and code points past U+10FFFF.
  const second = bytes[p + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  if (length > 2 && (bytes[p + 2]! & 0xc0) !== 0x80) return 0
  if (length > 3 && (bytes[p + 3]! & 0xc0) !== 0x80) return 0
  return length
}
