// Attributes of several parts as one list: keys are unique in it, and the later part wins. span.ts and resource.ts have one each.

import { randomInt } from 'node:crypto'
import { next, readUint32 } from '../otlp/wire.ts'
import type { PieceWriter } from './piece-writer.ts'

/** So that nobody can choose keys that meet in one place of the table. */
const SEED = randomInt(1, 0x7fff_ffff)

/** Attributes by their keys, each as the range of a field in some piece. It is used again: nothing of it may be kept. */
export class MergedAttributes {
  #sources: Buffer[] = []
  #keyStarts: number[] = []
  #keyEnds: number[] = []
  #fields: number[] = []
  #ends: number[] = []
  /** 1 + the index of an attribute; 0 is free. Its length is a power of two, more than twice `count`. */
  #table: Int32Array = new Int32Array(512)
  count = 0

  clear(): void {
    this.count = 0
    this.#table.fill(0)
    this.#sources = []
  }

  /** Takes the KeyValue in `[start, end)`, whose field begins at `field`. `replaced` gets the one before it that says something else. */
  add(source: Buffer, field: number, start: number, end: number, replaced: (source: Buffer, start: number, end: number) => void): void {
    // Whatever is written here begins with its key.
    const length = readUint32(source, start + 1, end)
    const keyStart = next
    const keyEnd = keyStart + length
    const slot = this.#slotOf(source, keyStart, keyEnd)
    const known = this.#table[slot]! - 1
    if (known < 0) return this.#insert(slot, source, field, keyStart, keyEnd, end)
    const before = this.#sources[known]!
    if (!same(before, this.#keyEnds[known]!, this.#ends[known]!, source, keyEnd, end)) {
      replaced(before, this.#fields[known]!, this.#ends[known]!)
    }
    this.#sources[known] = source
    this.#fields[known] = field
    this.#keyStarts[known] = keyStart
    this.#keyEnds[known] = keyEnd
    this.#ends[known] = end
  }

  /** Whether there is an attribute of that name. */
  has(key: Buffer): boolean {
    return this.#table[this.#slotOf(key, 0, key.length)] !== 0
  }

  /** Every attribute with its field's tag, in the order in which their keys came. */
  write(out: PieceWriter): void {
    for (let i = 0; i < this.count;) {
      const source = this.#sources[i]!
      const from = this.#fields[i]!
      let end = this.#ends[i]!
      // Most lie one behind another still.
      while (++i < this.count && this.#sources[i] === source && this.#fields[i] === end) end = this.#ends[i]!
      out.range(source, from, end)
    }
  }

  #insert(slot: number, source: Buffer, field: number, keyStart: number, keyEnd: number, end: number): void {
    const i = this.count++
    this.#sources[i] = source
    this.#fields[i] = field
    this.#keyStarts[i] = keyStart
    this.#keyEnds[i] = keyEnd
    this.#ends[i] = end
    this.#table[slot] = i + 1
    if (this.count * 2 >= this.#table.length) this.#grow()
  }

  /** Where the key is, or where it would be. */
  #slotOf(source: Buffer, start: number, end: number): number {
    const table = this.#table
    const mask = table.length - 1
    let slot = hashOf(source, start, end) & mask
    for (;;) {
      const i = table[slot]! - 1
      if (i < 0 || same(this.#sources[i]!, this.#keyStarts[i]!, this.#keyEnds[i]!, source, start, end)) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    this.#table = new Int32Array(this.#table.length * 2)
    for (let i = 0; i < this.count; i++) {
      this.#table[this.#slotOf(this.#sources[i]!, this.#keyStarts[i]!, this.#keyEnds[i]!)] = i + 1
    }
  }
}

function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = SEED
  for (let p = start; p < end; p++) hash = Math.imul(hash ^ bytes[p]!, 0x0100_0193)
  return hash ^ (hash >>> 15)
}

function same(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false
  return true
}
