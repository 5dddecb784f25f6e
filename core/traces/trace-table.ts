// The traces that are open, by id: one row of numbers each and a hash table of row numbers, no object a trace. The trace buffer fills it.

import { randomBytes } from 'node:crypto'

/** Columns of a trace. The id is in the first four, as it stands in a span. */
export const ID = 0
/** Which origin's it is, by number: one trace id of two tenants is two traces. */
export const ORIGIN = 4
/** In which line it stands, and its neighbours there; -1: none. */
export const LINE = 5
export const BEFORE = 6
export const BEHIND = 7
/** Its spans, by reference: the first, and the last, from where on new ones are linked. */
export const FIRST_SPAN = 8
export const LAST_SPAN = 9
export const SPAN_COUNT = 10
/** Of its spans alone, without resources and scopes. */
export const BYTES = 11
/** For whoever owns the buffer: what was decided. */
export const VERDICT = 12
/** For whoever owns the buffer, as many as were asked for; 0 at first. */
export const OWN_CELLS = 13

export class TraceTable {
  readonly stride: number
  cells: Int32Array
  /** On the monotonic clock, in milliseconds: when the first span came, and when the trace is due; once it is kept, the number of that decision. */
  arrivedMs: Float64Array
  dueMs: Float64Array
  #count = 0
  /** Rows that were never used. */
  #fresh = 0
  /** The first of the rows that are free again, linked by BEHIND. */
  #free = -1
  /**
   * Pairs: row number and one (0: free), and the whole hash, so that a row is only looked at where that is the same: looking costs a miss of
   * the cache. Open addressing with linear probing; a power of two, at most half full.
   */
  #buckets: Int32Array
  /** Secret, or whoever chooses trace ids could choose them to collide. */
  readonly #seeds: Int32Array = new Int32Array(new Uint8Array(randomBytes(20)).buffer)

  constructor(ownCells: number, capacity = 1024) {
    this.stride = OWN_CELLS + ownCells
    this.cells = new Int32Array(capacity * this.stride)
    this.arrivedMs = new Float64Array(capacity)
    this.dueMs = new Float64Array(capacity)
    this.#buckets = new Int32Array(capacity * 4)
  }

  get count(): number {
    return this.#count
  }

  /** The memory it takes. */
  get bytes(): number {
    return this.cells.byteLength + this.arrivedMs.byteLength + this.dueMs.byteLength + this.#buckets.byteLength
  }

  /** The number of that trace, or -1. The id is `a` to `d`, as little-endian words. */
  find(a: number, b: number, c: number, d: number, origin: number): number {
    const { cells, stride } = this
    const buckets = this.#buckets
    const mask = buckets.length - 1
    const hash = this.#hash(a, b, c, d, origin)
    for (let i = (hash << 1) & mask; ; i = (i + 2) & mask) {
      const trace = buckets[i]! - 1
      if (trace < 0) return -1
      if (buckets[i + 1] !== hash) continue
      const at = trace * stride
      if (cells[at] === a && cells[at + 1] === b && cells[at + 2] === c && cells[at + 3] === d && cells[at + ORIGIN] === origin)
        return trace
    }
  }

  /** A trace that is not in it yet; everything but its id and origin is 0 or -1. */
  add(a: number, b: number, c: number, d: number, origin: number, nowMs: number): number {
    const trace = this.#row()
    const at = trace * this.stride
    const { cells } = this
    cells.fill(0, at, at + this.stride)
    cells[at] = a
    cells[at + 1] = b
    cells[at + 2] = c
    cells[at + 3] = d
    cells[at + ORIGIN] = origin
    cells[at + BEFORE] = cells[at + BEHIND] = cells[at + FIRST_SPAN] = cells[at + LAST_SPAN] = -1
    this.arrivedMs[trace] = nowMs
    this.#count++
    this.#enter(trace, this.#hash(a, b, c, d, origin))
    return trace
  }

  remove(trace: number): void {
    const buckets = this.#buckets
    const mask = buckets.length - 1
    let i = (this.#hashOf(trace) << 1) & mask
    while (buckets[i] !== trace + 1) i = (i + 2) & mask
    // Whoever stands behind it on account of it moves up, so that no probe ends too early.
    for (let j = (i + 2) & mask; buckets[j] !== 0; j = (j + 2) & mask) {
      const home = (buckets[j + 1]! << 1) & mask
      if (((j - home) & mask) >= ((j - i) & mask)) {
        buckets[i] = buckets[j]!
        buckets[i + 1] = buckets[j + 1]!
        i = j
      }
    }
    buckets[i] = 0
    this.cells[trace * this.stride + BEHIND] = this.#free
    this.#free = trace
    this.#count--
  }

  #row(): number {
    const free = this.#free
    if (free >= 0) {
      this.#free = this.cells[free * this.stride + BEHIND]!
      return free
    }
    if (this.#fresh === this.arrivedMs.length) this.#grow()
    return this.#fresh++
  }

  #grow(): void {
    const capacity = this.arrivedMs.length * 2
    this.cells = copied(this.cells, new Int32Array(capacity * this.stride))
    this.arrivedMs = copied(this.arrivedMs, new Float64Array(capacity))
    this.dueMs = copied(this.dueMs, new Float64Array(capacity))
    const before = this.#buckets
    this.#buckets = new Int32Array(capacity * 4)
    for (let i = 0; i < before.length; i += 2) if (before[i] !== 0) this.#enter(before[i]! - 1, before[i + 1]!)
  }

  #enter(trace: number, hash: number): void {
    const buckets = this.#buckets
    const mask = buckets.length - 1
    let i = (hash << 1) & mask
    while (buckets[i] !== 0) i = (i + 2) & mask
    buckets[i] = trace + 1
    buckets[i + 1] = hash
  }

  #hashOf(trace: number): number {
    const { cells } = this
    const at = trace * this.stride
    return this.#hash(cells[at]!, cells[at + 1]!, cells[at + 2]!, cells[at + 3]!, cells[at + ORIGIN]!)
  }

  #hash(a: number, b: number, c: number, d: number, origin: number): number {
    const seeds = this.#seeds
    let h = Math.imul(a ^ seeds[0]!, 0x9e37_79b1)
    h = Math.imul((h ^ (h >>> 15) ^ b) + seeds[1]!, 0x85eb_ca6b)
    h = Math.imul((h ^ (h >>> 13) ^ c) + seeds[2]!, 0xc2b2_ae35)
    h = Math.imul((h ^ (h >>> 16) ^ d) + seeds[3]!, 0x27d4_eb2f)
    h = Math.imul((h ^ (h >>> 15) ^ origin) + seeds[4]!, 0x1656_67b1)
    return h ^ (h >>> 14)
  }
}

function copied<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from)
  return to
}
