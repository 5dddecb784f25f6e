// Protobuf's wire format, reading: tags, varints, skipping. Everything that walks OTLP bytes calls it.
// Source: https://protobuf.dev/programming-guides/encoding/

import { WIRE_END_GROUP, WIRE_FIXED32, WIRE_FIXED64, WIRE_GROUP, WIRE_LEN, WIRE_VARINT } from './schema.ts'

/**
 * How deep messages may lie in one another, counted from the request. It is the limit of the protobuf runtimes in C++ and Java: what
 * passes here is not refused for its depth at the next hop.
 */
export const MAX_DEPTH = 100

/** A request that cannot be taken apart: nothing of it can be used. `offset` is in bytes from its start. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
  readonly offset: number

  constructor(offset: number, reason: string) {
    super(`${reason} at byte ${offset}`)
    this.offset = offset
  }
}

/** Where the last `readUint32` stopped. A module's variable because a result object per varint would cost more than the varint. */
export let next = 0

/**
 * The varint at `p`, as a tag or a length. -1 when it runs past `end` or past ten bytes, or is 2^32 or more: no length in a request
 * that fits in memory is. Longer encodings than needed are legal.
 */
export function readUint32(bytes: Uint8Array, p: number, end: number): number {
  let value = 0
  for (let shift = 0; shift < 70; shift += 7) {
    if (p >= end) return -1
    const byte = bytes[p++]!
    if (shift < 28) value |= (byte & 0x7f) << shift
    else if (shift === 28) {
      if ((byte & 0x70) !== 0) return -1
      value += (byte & 0x0f) * 0x1000_0000
    } else if ((byte & 0x7f) !== 0) return -1
    if (byte < 0x80) {
      next = p
      return value
    }
  }
  return -1
}

/** The position after the varint at `p`, or -1. */
export function skipVarint(bytes: Uint8Array, p: number, end: number): number {
  const limit = Math.min(end, p + 10)
  while (p < limit) if (bytes[p++]! < 0x80) return p
  return -1
}

/** The position after a field's value, which begins at `p`; -1 where it does not end before `end`, or nests too deep. */
export function skipValue(bytes: Uint8Array, p: number, end: number, tag: number, depth: number): number {
  switch (tag & 7) {
    case WIRE_VARINT:
      return skipVarint(bytes, p, end)
    case WIRE_FIXED64:
      return p + 8 <= end ? p + 8 : -1
    case WIRE_FIXED32:
      return p + 4 <= end ? p + 4 : -1
    case WIRE_LEN: {
      const length = readUint32(bytes, p, end)
      return length >= 0 && next + length <= end ? next + length : -1
    }
    case WIRE_GROUP:
      return depth < MAX_DEPTH ? skipGroup(bytes, p, end, tag >>> 3, depth + 1) : -1
    default:
      return -1
  }
}

function skipGroup(bytes: Uint8Array, p: number, end: number, number: number, depth: number): number {
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    if (tag < 8) return -1
    p = next
    if ((tag & 7) === WIRE_END_GROUP) return tag >>> 3 === number ? p : -1
    p = skipValue(bytes, p, end, tag, depth)
    if (p < 0) return -1
  }
  return -1
}

/** How many bytes `n` (0 … 2^32-1) takes as a varint. */
export function varintSize(n: number): number {
  return n < 0x80 ? 1 : n < 0x4000 ? 2 : n < 0x20_0000 ? 3 : n < 0x1000_0000 ? 4 : 5
}

/** Writes `n` (0 … 2^32-1) as a minimal varint at `p`; returns the position after it. */
export function writeVarint(out: Uint8Array, p: number, n: number): number {
  while (n > 0x7f) {
    out[p++] = (n & 0x7f) | 0x80
    n = Math.floor(n / 128)
  }
  out[p++] = n
  return p
}
