// The records of one segment that are not released, in four bytes and a bit each: millions may wait. `segment.ts` holds it.

import type { Position } from '../storage.ts'

export class Wanted {
  readonly #base: Position
  /** Where records begin in the file, ascending, the released ones with them. */
  #starts = new Uint32Array(0)
  #count = 0
  /** A bit a record. */
  #released = new Uint8Array(0)
  /** Everything before it is released. */
  #first = 0
  #size = 0

  constructor(base: Position) {
    this.#base = base
  }

  static of(positions: Iterable<Position>, base: Position): Wanted {
    const wanted = new Wanted(base)
    for (const position of positions) wanted.add(position)
    wanted.trim()
    return wanted
  }

  /** Records that are not released. */
  get size(): number {
    return this.#size
  }

  /** Behind all others. */
  add(position: Position): void {
    if (this.#count === this.#starts.length) this.#resize(Math.max(16, 2 * this.#count))
    this.#starts[this.#count++] = position - this.#base
    this.#size++
  }

  /** False where no record begins, or one that is released. */
  delete(position: Position): boolean {
    const i = this.#indexFrom(position)
    if (i === this.#count || this.#startOf(i) !== position || this.#isReleased(i)) return false
    this.#released[i >>> 3] = (this.#released[i >>> 3] as number) | (1 << (i & 7))
    this.#size--
    while (this.#first < this.#count && this.#isReleased(this.#first)) this.#first++
    return true
  }

  clear(): void {
    this.#count = this.#first = this.#size = 0
    this.#resize(0)
  }

  /** No more will come: lets go of the room for them. */
  trim(): void {
    this.#resize(this.#count)
  }

  /** The wanted records at `from` and behind it, each with where the one behind it begins: Infinity where that is not known. */
  *from(from: Position): Generator<[position: Position, next: Position]> {
    for (let i = Math.max(this.#indexFrom(from), this.#first); i < this.#count; i++) {
      if (!this.#isReleased(i)) yield [this.#startOf(i), i + 1 < this.#count ? this.#startOf(i + 1) : Infinity]
    }
  }

  /** The first record at `position` or behind it. */
  #indexFrom(position: Position): number {
    let [low, high] = [0, this.#count]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#startOf(middle) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  #startOf(i: number): Position {
    return this.#base + (this.#starts[i] as number)
  }

  #isReleased(i: number): boolean {
    return ((this.#released[i >>> 3] as number) & (1 << (i & 7))) !== 0
  }

  #resize(length: number): void {
    const [starts, released] = [this.#starts, this.#released]
    this.#starts = new Uint32Array(length)
    this.#starts.set(starts.subarray(0, length))
    this.#released = new Uint8Array((length + 7) >>> 3)
    this.#released.set(released.subarray(0, this.#released.length))
  }
}
