// The `hash` action: SHA-256 of a value, in hex. A hash call costs a microsecond and the same values come again and again, so the
// fields of recent ones are remembered. Used by actions.ts.

import { hash } from 'node:crypto'
import { readAnyValue } from '../otlp/any-value.ts'
import { encodeAttribute } from '../otlp/item-attributes.ts'

/** A power of two, few enough for a processor cache to hold. A newer value that falls into the slot of another takes its place. */
const SLOTS = 2048
/** Longer values are hashed anew each time. A slot is one byte of length and this. */
const MAX_REMEMBERED_BYTES = 63
const SLOT_BYTES = MAX_REMEMBERED_BYTES + 1
/** SHA-256 in hex. */
const DIGEST_CHARACTERS = 64

export class HashCache {
  /** The values that are remembered, and what they became, in two flat buffers: a million small ones would cost more than hashing. */
  readonly #values: Buffer = Buffer.alloc(SLOTS * SLOT_BYTES)
  readonly #digests: Buffer = Buffer.alloc(SLOTS * DIGEST_CHARACTERS)
  /** The attribute as it will stand in the span; its last 64 bytes are the digest's. */
  readonly #field: Buffer
  readonly #empty: Buffer

  constructor(key: Buffer) {
    this.#field = encodeAttribute(key.toString(), '0'.repeat(DIGEST_CHARACTERS))
    this.#empty = encodeAttribute(key.toString(), '')
  }

  /** The whole field that replaces the attribute whose AnyValue is `[start, end)`; valid until the next call. */
  fieldOf(bytes: Buffer, start: number, end: number): Buffer {
    const field = this.#field
    const digestAt = field.length - DIGEST_CHARACTERS
    if (end - start > MAX_REMEMBERED_BYTES || start === end) return this.#hash(bytes, start, end) ? field : this.#empty
    const slot = slotOf(bytes, start, end)
    const digest = slot * DIGEST_CHARACTERS
    if (this.#remembers(slot, bytes, start, end)) {
      for (let i = 0; i < DIGEST_CHARACTERS; i++) field[digestAt + i] = this.#digests[digest + i]!
      return field
    }
    if (!this.#hash(bytes, start, end)) return this.#empty
    const value = slot * SLOT_BYTES
    this.#values[value] = end - start
    for (let p = start; p < end; p++) this.#values[value + 1 + p - start] = bytes[p]!
    for (let i = 0; i < DIGEST_CHARACTERS; i++) this.#digests[digest + i] = field[digestAt + i]!
    return field
  }

  #remembers(slot: number, bytes: Buffer, start: number, end: number): boolean {
    const value = slot * SLOT_BYTES
    if (this.#values[value] !== end - start) return false
    for (let p = start; p < end; p++) if (this.#values[value + 1 + p - start] !== bytes[p]) return false
    return true
  }

  /** Puts the digest into the field; false where there is nothing to hash. */
  #hash(bytes: Buffer, start: number, end: number): boolean {
    // A string_value shorter than 128 bytes, and nothing else, is hashed where it lies.
    const plain = end - start > 2 && bytes[start] === 0x0a && bytes[start + 1] === end - start - 2
    const hashed = plain ? bytes.subarray(start + 2, end) : bytesToHash(bytes, start, end)
    if (hashed === undefined) return false
    this.#field.write(hash('sha256', hashed, 'hex'), this.#field.length - DIGEST_CHARACTERS, 'latin1')
    return true
  }
}

/** FNV-1a over the bytes of the value; they are few. */
function slotOf(bytes: Buffer, start: number, end: number): number {
  let mixed = 0x811c9dc5
  for (let p = start; p < end; p++) mixed = Math.imul(mixed ^ bytes[p]!, 0x01000193)
  return (mixed ^ (mixed >>> 15)) & (SLOTS - 1)
}

/** What the Collector hashes: a string's bytes, a number's eight (little endian), a boolean's one; nothing of lists, maps and bytes. */
function bytesToHash(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const tag = start < end ? bytes[start] : 0
  // A double by its bits, as it came: there is more than one NaN.
  if (tag === 0x21 && end - start === 9) return bytes.subarray(start + 1, end)
  const value = readAnyValue(bytes, start, end)
  if (typeof value === 'string') return Buffer.from(value)
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0])
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
  const eight = Buffer.alloc(8)
  if (tag === 0x21) eight.writeDoubleLE(Number(value))
  else eight.writeBigInt64LE(BigInt(value))
  return eight
}
