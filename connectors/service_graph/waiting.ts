// Requests of which one side has sent its span: they wait for the other, each as long, so the first that came is the first that is due. A table
// over the words of their ids, for every span of a client or server looks into it.

import { type Edge, sizeOf } from './edge.ts'

/** In bytes: names may be long, too. */
const MOST_BYTES = 256 * 1024 * 1024
const FIRST_ROWS = 1024
/** Words of a trace id and a span id behind each other. */
const WORDS = 6
const NOBODY = -1

export class Waiting {
  readonly #ttlMs: number
  readonly #most: number
  #bytes = 0
  #size = 0
  /** By row: the edge, its ids, and the rows that came before and after. Rows are used again. */
  #edges: (Edge | undefined)[] = []
  #ids = new Int32Array(FIRST_ROWS * WORDS)
  #before = new Int32Array(FIRST_ROWS)
  #after = new Int32Array(FIRST_ROWS)
  readonly #vacant: number[] = []
  #first = NOBODY
  #last = NOBODY
  /** From a hash to rows, each plus one; half of it at least is empty. */
  #slots = new Int32Array(FIRST_ROWS * 2)
  /** What was asked for last, for `put`. */
  readonly #wanted = new Int32Array(WORDS)
  #hash = 0
  /** Nobody outside knows which ids meet. */
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0

  constructor(ttlMs: number, most: number) {
    this.#ttlMs = ttlMs
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  /** How many there is memory for. */
  get rows(): number {
    return this.#edges.length
  }

  /** Takes the request of that trace whose client's span is that, if it waits. Both ids are offsets; senders are apart. */
  take(view: DataView, traceId: number, spanId: number, originKey: string): Edge | undefined {
    const wanted = this.#wanted
    let hash = this.#seed
    for (let i = 0; i < WORDS; i++) {
      const word = i < 4 ? view.getInt32(traceId + 4 * i, true) : view.getInt32(spanId + 4 * (i - 4), true)
      wanted[i] = word
      hash = Math.imul(hash ^ word, 0x9e37_79b1)
      hash ^= hash >>> 15
    }
    this.#hash = hash
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1
      if (this.#isWanted(row) && this.#edges[row]!.originKey === originKey) return this.#remove(row, slot)
    }
    return undefined
  }

  #isWanted(row: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.#ids[row * WORDS + i] !== this.#wanted[i]) return false
    return true
  }

  /** Lets it wait under what `take` was asked for last, and had not. False where there is no room. */
  put(edge: Edge): boolean {
    const size = sizeOf(edge)
    if (this.#size >= this.#most || this.#bytes + size > MOST_BYTES) return false
    const row = this.#vacant.pop() ?? this.#newRow()
    this.#edges[row] = edge
    this.#ids.set(this.#wanted, row * WORDS)
    this.#before[row] = this.#last
    this.#after[row] = NOBODY
    if (this.#last === NOBODY) this.#first = row
    else this.#after[this.#last] = row
    this.#last = row
    this.#bytes += size
    this.#size++
    this.#insert(row, this.#hash)
    return true
  }

  #newRow(): number {
    const row = this.#edges.length
    if (row === this.#before.length) this.#grow()
    this.#edges.push(undefined)
    return row
  }

  #grow(): void {
    const rows = this.#before.length * 2
    this.#ids = widened(this.#ids, rows * WORDS)
    this.#before = widened(this.#before, rows)
    this.#after = widened(this.#after, rows)
    this.#slots = new Int32Array(rows * 2)
    for (const [row, edge] of this.#edges.entries()) if (edge !== undefined) this.#insert(row, this.#hashOf(row))
  }

  #hashOf(row: number): number {
    let hash = this.#seed
    for (let i = 0; i < WORDS; i++) {
      hash = Math.imul(hash ^ this.#ids[row * WORDS + i]!, 0x9e37_79b1)
      hash ^= hash >>> 15
    }
    return hash
  }

  #insert(row: number, hash: number): void {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = row + 1
  }

  #remove(row: number, slot: number): Edge {
    const edge = this.#edges[row]!
    this.#edges[row] = undefined
    this.#vacant.push(row)
    this.#bytes -= sizeOf(edge)
    this.#size--
    const [before, after] = [this.#before[row]!, this.#after[row]!]
    if (before === NOBODY) this.#first = after
    else this.#after[before] = after
    if (after === NOBODY) this.#last = before
    else this.#before[after] = before
    this.#close(slot)
    return edge
  }

  /** Moves up what stands behind an emptied slot and would not be found past it. */
  #close(emptied: number): void {
    const mask = this.#slots.length - 1
    let hole = emptied
    this.#slots[hole] = 0
    for (let slot = (hole + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashOf(this.#slots[slot]! - 1) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      this.#slots[hole] = this.#slots[slot]!
      this.#slots[slot] = 0
      hole = slot
    }
  }

  /** Those that have waited long enough, taken out. */
  *due(nowMs: number): Generator<Edge> {
    while (this.#first !== NOBODY) {
      const row = this.#first
      if (nowMs - this.#edges[row]!.sinceMs < this.#ttlMs) return
      yield this.#remove(row, this.#slotOf(row))
    }
  }

  #slotOf(row: number): number {
    const mask = this.#slots.length - 1
    let slot = this.#hashOf(row) & mask
    while (this.#slots[slot] !== row + 1) slot = (slot + 1) & mask
    return slot
  }
}

function widened(column: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(length)
  wider.set(column)
  return wider
}
