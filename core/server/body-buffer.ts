// Collects one request's body as it arrives: no copy where it comes in one piece, and memory that follows what was really sent.

import type { Room } from './decompress.ts'
import { type Refusal, tooLarge } from './refusal.ts'

/**
 * What is believed of a Content-Length before the bytes are there: as much as Node reads at once. A thousand senders that begin large
 * bodies and then wait must not take the room of those that send theirs.
 */
const MAX_FIRST_BYTES = 64 * 1024
/** Larger bodies grow by this: once so much is there, the rest is believed so far. */
const GROWTH = 4

/** A piece that is a smaller part of what was read is copied: keeping it would pin, and cost, all of it. */
const MAX_WASTE = 4

export class BodyBuffer {
  readonly #room: Room
  /** From Content-Length; -1 where it is not known. */
  readonly #expected: number
  #bytes: Buffer | undefined
  #length = 0

  constructor(room: Room, expected: number) {
    this.#room = room
    this.#expected = expected
  }

  /** Why the piece was not taken; undefined where it was. */
  append(piece: Buffer): Refusal | undefined {
    const length = this.#length + piece.length
    if (length > this.#room.limitBytes) return tooLarge(this.#room.limitBytes)
    if (this.#bytes === undefined && length === this.#expected && length * MAX_WASTE >= piece.buffer.byteLength) return this.#keep(piece)
    if (this.#bytes === undefined || length > this.#bytes.length) {
      if (!this.#grow(length)) return this.#room.overBudget
    }
    piece.copy(this.#bytes!, this.#length)
    this.#length = length
    return undefined
  }

  /** Everything that came. */
  take(): Buffer {
    const bytes = this.#bytes ?? Buffer.alloc(0)
    this.#bytes = undefined
    return bytes.length === this.#length ? bytes : bytes.subarray(0, this.#length)
  }

  /** The whole body in one piece. A buffer that it is only a part of is paid for, and pinned, as a whole. */
  #keep(piece: Buffer): Refusal | undefined {
    if (!this.#room.reserve(piece.buffer.byteLength)) return this.#room.overBudget
    this.#bytes = piece
    this.#length = piece.length
    return undefined
  }

  #grow(needed: number): boolean {
    const had = this.#bytes?.length ?? 0
    const capacity =
      this.#expected < 0
        ? Math.max(needed, 2 * had)
        : Math.min(Math.max(needed, GROWTH * had, MAX_FIRST_BYTES), Math.max(needed, this.#expected))
    if (!this.#room.reserve(capacity)) return false
    const larger = Buffer.allocUnsafeSlow(capacity)
    if (this.#bytes !== undefined) {
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#room.release(this.#bytes.length)
    }
    this.#bytes = larger
    return true
  }
}
