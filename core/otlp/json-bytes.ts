// Hex and base64 into protobuf bytes: json-read.ts calls it for ids and for other bytes.

import type { ByteWriter } from './byte-writer.ts'
import { hexDigit } from './json-scanner.ts'

/** By byte: the six bits that it stands for, in both alphabets of RFC 4648; 255 for what is none. */
const SIX_BITS = new Uint8Array(256).fill(255)
for (const [index, byte] of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').entries())
  SIX_BITS[byte] = index
SIX_BITS[0x2d] = 62
SIX_BITS[0x5f] = 63

const EQUALS = 0x3d

/** Writes the bytes that the hex digits in `[start, stop)` mean, in either case. False where they are none. */
export function writeHex(out: ByteWriter, text: Buffer, start: number, stop: number): boolean {
  if ((stop - start) % 2 !== 0) return false
  out.reserve((stop - start) / 2)
  const { bytes } = out
  let { at } = out
  for (let p = start; p < stop; p += 2) {
    const high = hexDigit(text[p]!)
    const low = hexDigit(text[p + 1]!)
    if (high < 0 || low < 0) return false
    bytes[at++] = high * 16 + low
  }
  out.at = at
  return true
}

/** The same for base64, with or without its padding. */
export function writeBase64(out: ByteWriter, text: Buffer, start: number, stop: number): boolean {
  const end = stop - paddingOf(text, start, stop)
  if ((end - start) % 4 === 1) return false
  out.reserve(stop - start)
  let bits = 0
  let held = 0
  for (let p = start; p < end; p++) {
    const six = SIX_BITS[text[p]!]!
    if (six === 255) return false
    held = ((held << 6) | six) & 0xfff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out.bytes[out.at++] = (held >> bits) & 0xff
    }
  }
  return true
}

function paddingOf(text: Buffer, start: number, stop: number): number {
  if (stop === start || (stop - start) % 4 !== 0 || text[stop - 1] !== EQUALS) return 0
  return text[stop - 2] === EQUALS ? 2 : 1
}
