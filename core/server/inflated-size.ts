// How large a compressed body says it will be: a hint for the size of buffers, never trusted. decompress.ts asks.

import type { Coding } from './headers.ts'

/** Deflate packs no more than this into one byte, and telemetry in zstd does not either: a header that claims more lies. */
const MAX_RATIO = 1032
const MIN_HINT = 16 * 1024
const MAX_GUESS = 1024 * 1024
/** A claim is believed up to here, so that a header of ten bytes does not reserve 64 MiB; larger bodies come in pieces of this size. */
const MAX_CLAIM = 4 * 1024 * 1024

/** -1 where it does not say. */
export function claimedSize(coding: Coding, body: Uint8Array): number {
  return coding === 'gzip' ? gzipSize(body) : coding === 'zstd' ? zstdSize(body) : -1
}

/** `claimed` is what `claimedSize` said. */
export function sizeHint(claimed: number, body: Uint8Array): number {
  if (claimed < 0) return Math.min(Math.max(8 * body.length, MIN_HINT), MAX_GUESS)
  return Math.min(claimed, MAX_CLAIM, MAX_RATIO * body.length)
}

/** RFC 1952: the last four bytes are the size, modulo 2^32. */
function gzipSize(body: Uint8Array): number {
  const end = body.length
  if (end < 18) return -1
  return (body[end - 4]! | (body[end - 3]! << 8) | (body[end - 2]! << 16) | (body[end - 1]! << 24)) >>> 0
}

/** RFC 8878, 3.1.1.1: magic, descriptor, window (unless single segment), dictionary id, content size. -1 where it is not given. */
function zstdSize(body: Uint8Array): number {
  if (body.length < 14) return -1
  const descriptor = body[4]!
  const singleSegment = (descriptor & 0x20) !== 0
  const at = 5 + (singleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? body[at]! : -1
    case 1:
      return view.getUint16(at, true) + 256
    case 2:
      return view.getUint32(at, true)
    default:
      return -1
  }
}
