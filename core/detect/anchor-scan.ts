// The pass over the bytes of a chunk that finds where something might lie, for all active detectors at once. `Detection` holds one.

import { BIT } from './anchor-bits.ts'

/** A growing list of places. The columns are replaced as they grow: read them after `scan`. */
export class AnchorScan {
  /** `[starts, ends)`, offsets into the bytes, in the order of their starts; and what was seen there. */
  starts: Uint32Array = new Uint32Array(64)
  ends: Uint32Array = new Uint32Array(64)
  bits: Uint32Array = new Uint32Array(64)
  #count = 0
  readonly #wanted: number

  constructor(wanted: number, _literals: ReadonlyMap<string, number>) {
    this.#wanted = wanted
  }

  /** How many places there are in `[from, to)`: the columns hold them until the next call. */
  scan(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
    this.#count = 0
    for (let at = from; at < to; at++) if (bytes[at] === 0x40 && (this.#wanted & BIT.at) !== 0) this.#add(at, at + 1, BIT.at)
    return this.#count
  }

  #add(start: number, end: number, bits: number): void {
    const at = this.#count++
    if (at === this.starts.length) this.#grow()
    this.starts[at] = start
    this.ends[at] = end
    this.bits[at] = bits
  }

  #grow(): void {
    const larger = (column: Uint32Array): Uint32Array => {
      const copy = new Uint32Array(2 * column.length)
      copy.set(column)
      return copy
    }
    this.starts = larger(this.starts)
    this.ends = larger(this.ends)
    this.bits = larger(this.bits)
  }
}
