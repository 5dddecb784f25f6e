// What was said of texts that came lately, found by their bytes, so that a text that is known is neither decoded nor looked at: the same address
// stands in every span of a trace. `Masker` keeps one.
//
// Two slots for each hash; who comes takes the one that was not used last. So nothing is cleared or kept in order, and little is allocated: who
// makes texts collide has them all looked at, no more. What is found is compared byte by byte.

import type { ByteWriter } from '../otlp/byte-writer.ts'
import type { Finding } from './rules.ts'

/** Slots, two for each hash. */
const SLOTS = 8192
/** Bytes of a slot: this bounds the memory, to 1.5 MiB, of which only what is used is touched. What belongs together lies in one cache line. */
const ROOM = 192
/** In a slot: bits, the length of the text and of what stands instead of it, the text, what stands instead. */
const TEXT_LENGTH = 4
const INSTEAD_LENGTH = 5
const TEXT = 6
export class RecentTexts<F extends Finding> {
  readonly #slots: Uint8Array = new Uint8Array(SLOTS * ROOM)
  readonly #words: DataView = new DataView(this.#slots.buffer)
  /** By slot: the hash of what stands there, so that a slot is looked at only where it is likely the one. 0: nobody has it. */
  readonly #hashes: Int32Array = new Int32Array(SLOTS)
  readonly #findings: (F | undefined)[] = Array.from({ length: SLOTS })
  /** By hash: the slot of the two that was used last. */
  readonly #last: Uint8Array = new Uint8Array(SLOTS / 2)
  #bytes: DataView = EMPTY
  /** Where what was asked for last stands, or is to stand; -1 where it is too long. */
  #slot = -1
  #hash = 0

  /** It is asked about these bytes from now on. */
  begin(bytes: Uint8Array): void {
    this.#bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  end(): void {
    this.#bytes = EMPTY
  }

  /** What was found in the text at `[start, end)`, of one byte or more, in which the pass saw `bits`. */
  get(start: number, end: number, bits: number): F | undefined {
    this.#slot = -1
    if (end - start > ROOM - TEXT) return undefined
    const hash = hashOf(this.#bytes, start, end, bits)
    this.#hash = hash
    const pair = hash & (SLOTS / 2 - 1)
    const slot = 2 * pair + this.#last[pair]!
    this.#slot = slot
    if (this.#hashes[slot] === hash && this.#is(slot * ROOM, start, end, bits)) return this.#findings[slot]
    this.#last[pair] = 1 - this.#last[pair]!
    this.#slot = slot ^ 1
    return this.#hashes[this.#slot] === hash && this.#is(this.#slot * ROOM, start, end, bits) ? this.#findings[this.#slot] : undefined
  }

  /** Keeps what is said of the text that `get` was asked for last, if there is room for it. */
  keep(start: number, end: number, bits: number, finding: F, instead = ''): void {
    if (this.#slot < 0) return
    const at = this.#slot * ROOM
    const slots = this.#slots
    this.#words.setInt32(at, bits)
    slots[at + TEXT_LENGTH] = end - start
    let to = at + TEXT
    for (let p = start; p < end; p++) slots[to++] = this.#bytes.getUint8(p)
    slots[at + INSTEAD_LENGTH] = instead.length
    this.#hashes[this.#slot] = writeAscii(slots, to, at + ROOM, instead) ? this.#hash : 0
    this.#findings[this.#slot] = finding
  }

  /** How long what stands instead of the text that `get` has found is, in bytes. */
  get insteadLength(): number {
    return this.#slots[this.#slot * ROOM + INSTEAD_LENGTH]!
  }

  /** Writes, length first, what stands instead of the text that `get` has found. */
  writeInstead(arena: ByteWriter): void {
    const slots = this.#slots
    let at = this.#slot * ROOM
    const length = slots[at + INSTEAD_LENGTH]!
    at += TEXT + slots[at + TEXT_LENGTH]!
    arena.reserve(length + 1)
    const { bytes } = arena
    let to = arena.at
    bytes[to++] = length
    for (const end = at + length; at < end;) bytes[to++] = slots[at++]!
    arena.at = to
  }

  #is(at: number, start: number, end: number, bits: number): boolean {
    const words = this.#words
    if (words.getUint8(at + TEXT_LENGTH) !== end - start || words.getInt32(at) !== bits) return false
    const bytes = this.#bytes
    let p = start
    at += TEXT
    for (; p + 4 <= end; p += 4, at += 4) if (bytes.getInt32(p) !== words.getInt32(at)) return false
    for (; p < end; p++, at++) if (bytes.getUint8(p) !== words.getUint8(at)) return false
    return true
  }
}

/** Not 0. Four bytes at a time: a multiplication for every byte would cost more than all the rest. */
function hashOf(bytes: DataView, start: number, end: number, bits: number): number {
  let hash = Math.imul(end - start + bits, 0x85eb_ca6b)
  let p = start
  for (; p + 4 <= end; p += 4) {
    hash = Math.imul(hash ^ bytes.getInt32(p), 0x9e37_79b1)
    hash = (hash << 13) | (hash >>> 19)
  }
  for (; p < end; p++) hash = Math.imul(hash ^ bytes.getUint8(p), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b)
  hash ^= hash >>> 13
  return hash === 0 ? 1 : hash
}

/** Text in ASCII whose length is one byte, and which ends before `end`; false where it is another. */
function writeAscii(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (text.length > 127 || at + text.length > end) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    bytes[at + i] = code
  }
  return true
}

const EMPTY: DataView = new DataView(new ArrayBuffer(0))
