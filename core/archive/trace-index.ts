// Where in an archived object a trace is: beside the object lies an index, sorted by trace id, of which two small reads find one. object-writer.ts
// makes it, object-reader.ts asks.
//
//   header:  "MRI1" | u32 number of entries
//   fan-out: 256 × u32: how many entries have an id whose first byte is at most that
//   entries: 32 bytes each, in the order of their ids, then of their frames:
//            trace id, 16 | u64 where the frame begins in the object | u32 its length there | u32 its number; the highest bit of that says that it is the last
//
// Numbers are big-endian.

import { inOrder } from './id-order.ts'

export const ENTRY_BYTES = 32
export const FAN_OUT_BYTES: number = 8 + 256 * 4
const MAGIC = 0x4d52_4931
const LAST = 0x8000_0000

/** A frame, as it lies in its object. */
export interface FramePlace {
  readonly start: number
  readonly length: number
  readonly number: number
  readonly isLast: boolean
}

/** The id, and the number of the frame: so it is while an object is being filled, for there may be millions. */
const WORDS = 5
const FIRST_ENTRIES = 64

export class TraceIndexWriter {
  #words = new Uint32Array(0)
  #count = 0
  /** Entries before it are those of frames that have ended: each id once a frame. */
  #ended = 0
  #traces = 0

  /** What it takes in memory. */
  get bytes(): number {
    return this.#words.byteLength
  }
  /** Different ones, once it was written. */
  get traces(): number {
    return this.#traces
  }

  /** The frame that is being filled has something of the trace whose id stands in `bytes` at `at`. */
  add(bytes: Buffer, at: number): void {
    const to = this.#count * WORDS
    if (to === this.#words.length) this.#grow()
    const words = this.#words
    for (let i = 0; i < 4; i++) words[to + i] = bytes.readUInt32BE(at + 4 * i)
    // Spans of one trace nearly always stand together.
    if (this.#count === this.#ended || !isSameId(words, to, to - WORDS)) this.#count++
  }

  endFrame(number: number): void {
    const order = inOrder(this.#words, WORDS, this.#ended, this.#count)
    const found = new Uint32Array(order.length * WORDS)
    let end = 0
    for (const entry of order) {
      found.set(this.#words.subarray(entry * WORDS, entry * WORDS + 4), end)
      found[end + 4] = number
      if (end === 0 || !isSameId(found, end, end - WORDS)) end += WORDS
    }
    this.#words.set(found.subarray(0, end), this.#ended * WORDS)
    this.#ended = this.#count = this.#ended + end / WORDS
  }

  /** The index, when all frames have ended. */
  write(frames: readonly FramePlace[]): Buffer {
    const words = this.#words
    const bytes = Buffer.alloc(FAN_OUT_BYTES + this.#ended * ENTRY_BYTES)
    bytes.writeUInt32BE(MAGIC, 0)
    bytes.writeUInt32BE(this.#ended, 4)
    const order = inOrder(words, WORDS, 0, this.#ended)
    let [byte, traces] = [0, 0]
    for (let i = 0; i < order.length; i++) {
      const word = order[i]! * WORDS
      if (i === 0 || !isSameId(words, word, order[i - 1]! * WORDS)) traces++
      for (; byte < words[word]! >>> 24; byte++) bytes.writeUInt32BE(i, 8 + byte * 4)
      const { start, length, number, isLast } = frames[words[word + 4]!]!
      const at = FAN_OUT_BYTES + i * ENTRY_BYTES
      for (let part = 0; part < 4; part++) bytes.writeUInt32BE(words[word + part]!, at + 4 * part)
      bytes.writeUInt32BE(Math.floor(start / 2 ** 32), at + 16)
      bytes.writeUInt32BE(start >>> 0, at + 20)
      bytes.writeUInt32BE(length, at + 24)
      bytes.writeUInt32BE(isLast ? number + LAST : number, at + 28)
    }
    for (; byte < 256; byte++) bytes.writeUInt32BE(this.#ended, 8 + byte * 4)
    this.#traces = traces
    return bytes
  }

  #grow(): void {
    const larger = new Uint32Array(Math.max(FIRST_ENTRIES, this.#count + (this.#count >> 1)) * WORDS)
    larger.set(this.#words)
    this.#words = larger
  }
}

function isSameId(words: Uint32Array, a: number, b: number): boolean {
  return words[a] === words[b] && words[a + 1] === words[b + 1] && words[a + 2] === words[b + 2] && words[a + 3] === words[b + 3]
}

/** Which bytes of the index to read for a trace, of its first `FAN_OUT_BYTES`; undefined where that is no fan-out. Empty where there is none of its first byte. */
export function bucketOf(fanOut: Buffer, traceId: Uint8Array): { readonly start: number; readonly end: number } | undefined {
  if (fanOut.length < FAN_OUT_BYTES || fanOut.readUInt32BE(0) !== MAGIC) return undefined
  const first = traceId[0]!
  const from = first === 0 ? 0 : fanOut.readUInt32BE(8 + (first - 1) * 4)
  const to = fanOut.readUInt32BE(8 + first * 4)
  if (from > to || to > fanOut.readUInt32BE(4)) return undefined
  return { start: FAN_OUT_BYTES + from * ENTRY_BYTES, end: FAN_OUT_BYTES + to * ENTRY_BYTES }
}

/** The frames that have something of the trace, of the entries of its bucket. */
export function framesOf(bucket: Buffer, traceId: Uint8Array): readonly FramePlace[] {
  const wanted = Buffer.from(traceId).toString('latin1')
  return [...entriesIn(bucket)].filter(({ id }) => id === wanted).map(({ place }) => place)
}

/** Every entry of whole entries. */
export function* entriesIn(entries: Buffer): Generator<{ readonly id: string; readonly place: FramePlace }, void, undefined> {
  for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
    const number = entries.readUInt32BE(at + 28)
    const place = {
      start: Number(entries.readBigUInt64BE(at + 16)),
      length: entries.readUInt32BE(at + 24),
      number: number % LAST,
      isLast: number >= LAST,
    }
    yield { id: entries.toString('latin1', at, at + 16), place }
  }
}
