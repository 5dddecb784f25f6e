// What changes in a request, as ranges of it that become other bytes. `Masker` records while it walks, and builds once.

import { ByteWriter } from '../otlp/byte-writer.ts'

/** Columns of one patch: bytes [START, END) of the request become bytes [FROM, TO) of the arena. */
const START = 0
const END = 1
const FROM = 2
const TO = 3
const STRIDE = 4
/** Bytes. Measured in core/otlp/splice.ts. */
const WORTH_A_CALL = 32

export class Patches {
  /** The bytes that are put in. */
  readonly arena: ByteWriter = new ByteWriter(4096)
  #columns: Int32Array = new Int32Array(64 * STRIDE)
  #count = 0
  #sorted = true

  get count(): number {
    return this.#count
  }

  begin(): void {
    this.#count = this.arena.at = 0
    this.#sorted = true
  }

  /** Bytes [start, end) become what was written into the arena since `from`. Says how much longer that is. */
  add(start: number, end: number, from: number = this.arena.at): number {
    const at = STRIDE * this.#count++
    if (at === this.#columns.length) this.#grow()
    const columns = this.#columns
    if (at > 0 && columns[at - STRIDE + START]! > start) this.#sorted = false
    columns[at + START] = start
    columns[at + END] = end
    columns[at + FROM] = from
    columns[at + TO] = this.arena.at
    return this.arena.at - from - (end - start)
  }

  /** A place for a length, which is known once what it measures has been walked: until `fill`, nothing changes there. */
  reserve(at: number): number {
    this.add(at, at)
    return this.#count - 1
  }

  /** The length at the reserved place is written anew: it stood in `[start, end)`. Says how much longer it is. */
  fill(patch: number, start: number, end: number, length: number): number {
    const from = this.arena.at
    this.arena.varint(length)
    const at = patch * STRIDE
    this.#columns[at + START] = start
    this.#columns[at + END] = end
    this.#columns[at + FROM] = from
    this.#columns[at + TO] = this.arena.at
    return this.arena.at - from - (end - start)
  }

  /** Forgets all but the first `count`. */
  cut(count: number): void {
    this.#count = count
  }

  /** By how much what lies in `[start, end)` grows by the patches from the `first` on, with what is put in at its end. */
  growthWithin(first: number, start: number, end: number): number {
    let growth = 0
    const columns = this.#columns
    for (let at = first * STRIDE; at < this.#count * STRIDE; at += STRIDE)
      if (columns[at + START]! >= start && (columns[at + START]! < end || columns[at + END] === end))
        growth += columns[at + TO]! - columns[at + FROM]! - (columns[at + END]! - columns[at + START]!)
    return growth
  }

  /** Takes back the patches within `[start, end)`, from the `first` on and before the `last`. Says how much shorter that is. */
  undoWithin(first: number, start: number, end: number, last: number = this.#count): number {
    const columns = this.#columns
    let growth = 0
    for (let at = first * STRIDE; at < last * STRIDE; at += STRIDE)
      if (columns[at + START]! >= start && columns[at + START]! < end) {
        growth += columns[at + TO]! - columns[at + FROM]! - (columns[at + END]! - columns[at + START]!)
        columns[at + END] = columns[at + START]!
        columns[at + TO] = columns[at + FROM]!
      }
    return growth
  }

  /** The request with all of it changed; `growth` is by how much it grows in all. */
  build(bytes: Buffer, growth: number): Buffer {
    const out = Buffer.allocUnsafeSlow(bytes.length + growth)
    const columns = this.#sorted ? this.#columns : this.#inOrder()
    const put = this.arena.bytes
    let copied = 0
    let at = 0
    for (let patch = 0; patch < this.#count * STRIDE; patch += STRIDE) {
      if (columns[patch + START] === columns[patch + END] && columns[patch + FROM] === columns[patch + TO]) continue
      at = copy(bytes, copied, columns[patch + START]!, out, at)
      copied = columns[patch + END]!
      at = copy(put, columns[patch + FROM]!, columns[patch + TO]!, out, at)
    }
    at = copy(bytes, copied, bytes.length, out, at)
    if (at !== out.length) throw new Error(`masking wrote ${at} bytes where ${out.length} were measured`)
    return out
  }

  /** What is put in at a place stands before what is replaced there. */
  #inOrder(): Int32Array {
    const columns = this.#columns
    const rows = Array.from({ length: this.#count }, (_, i) => columns.slice(i * STRIDE, (i + 1) * STRIDE))
    rows.sort((a, b) => a[START]! - b[START]! || a[END]! - b[END]!)
    const sorted = new Int32Array(this.#count * STRIDE)
    for (const [i, row] of rows.entries()) sorted.set(row, i * STRIDE)
    return sorted
  }

  #grow(): void {
    const larger = new Int32Array(2 * this.#columns.length)
    larger.set(this.#columns)
    this.#columns = larger
  }
}

/** Few bytes one by one: a call costs more. Says where it ended. */
function copy(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
  if (to - from >= WORTH_A_CALL) {
    source.copy(out, at, from, to)
    return at + to - from
  }
  while (from < to) out[at++] = source[from++]!
  return at
}
