// Reads single fields of a small protobuf message from outside, such as an answer. Whatever is not there, or broken, reads as empty.

import { next, readUint32, skipValue } from './wire.ts'

/** The bytes of the last length-delimited field with this tag. */
export function lastField(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
  let found: Uint8Array | undefined
  scan(bytes, wanted, (p) => {
    const length = readUint32(bytes, p, bytes.length)
    found = bytes.subarray(next, next + length)
  })
  return found
}

/** A string field; bytes that are not UTF-8 become U+FFFD. */
export function stringField(bytes: Uint8Array, tag: number): string {
  const found = lastField(bytes, tag)
  return found === undefined ? '' : Buffer.from(found.buffer, found.byteOffset, found.length).toString()
}

/** A varint field; 0 where it is negative or does not fit in 32 bits. */
export function uintField(bytes: Uint8Array, tag: number): number {
  let found = 0
  scan(bytes, tag, (p) => {
    found = Math.max(0, readUint32(bytes, p, bytes.length))
  })
  return found
}

/** Calls `take` with where each value of `wanted` begins, as far as the message is whole. */
function scan(bytes: Uint8Array, wanted: number, take: (p: number) => void): void {
  let p = 0
  while (p < bytes.length) {
    const tag = readUint32(bytes, p, bytes.length)
    if (tag < 8) return
    const start = next
    p = skipValue(bytes, start, bytes.length, tag, 0)
    if (p < 0) return
    if (tag === wanted) take(start)
  }
}
