// Rows of features that are being made, and what stands behind each number that is not 0. The featurizer fills them.

import type { Note } from './reasons.ts'

/** In spreads. No feature is larger: what is a hundred spreads off is not more anomalous than what is six off. */
export const MOST = 6

/** Rows that were made together. */
export interface Rows {
  readonly values: Float32Array
  readonly count: number
  /** Of a span the caller's number, of a trace its place in what was asked. */
  readonly ordinals: Int32Array
  /** 1: its operation has not been seen often enough. */
  readonly isCold: Uint8Array
  /** By row * width + feature. */
  readonly notes: ReadonlyMap<number, Note>
}

export class RowWriter {
  readonly width: number
  #values: Float32Array = new Float32Array(1024)
  #ordinals: Int32Array = new Int32Array(128)
  #cold: Uint8Array = new Uint8Array(128)
  #notes = new Map<number, Note>()
  #count = 0
  /** Where the row begins that is being made. */
  #row = 0

  constructor(width: number) {
    this.width = width
  }

  begin(ordinal: number, isCold: boolean): void {
    const { width } = this
    if ((this.#count + 1) * width > this.#values.length)
      this.#values = grown(this.#values, new Float32Array(this.#values.length * 2 + width))
    if (this.#count === this.#ordinals.length) {
      this.#ordinals = grown(this.#ordinals, new Int32Array(this.#count * 2))
      this.#cold = grown(this.#cold, new Uint8Array(this.#count * 2))
    }
    this.#row = this.#count * width
    this.#values.fill(0, this.#row, this.#row + width)
    this.#ordinals[this.#count] = ordinal
    this.#cold[this.#count] = isCold ? 1 : 0
    this.#count++
  }

  /** Of the row that is being made. */
  value(at: number): number {
    return this.#values[this.#row + at]!
  }
  noteOf(at: number): Note | undefined {
    return this.#notes.get(this.#row + at)
  }

  /** The larger of what stands there and this; whether it was this. */
  raise(at: number, size: number): boolean {
    const limited = Math.min(MOST, size)
    if (limited <= this.#values[this.#row + at]!) return false
    this.#values[this.#row + at] = limited
    return true
  }

  note(at: number, note: Note): void {
    this.#notes.set(this.#row + at, note)
  }

  /** All of them; it begins anew. */
  take(): Rows {
    const { width } = this
    const count = this.#count
    const taken: Rows = {
      values: this.#values.slice(0, count * width),
      count,
      ordinals: this.#ordinals.slice(0, count),
      isCold: this.#cold.slice(0, count),
      notes: this.#notes,
    }
    this.#count = 0
    this.#notes = new Map()
    return taken
  }
}

function grown<A extends Float32Array | Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
