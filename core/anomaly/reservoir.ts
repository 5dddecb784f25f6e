// The rows that a model is trained on: a sample of the recent past, however much traffic there is. A scorer owns one.

import type { Random } from './forest/index.ts'

export class Reservoir {
  readonly capacity: number
  readonly width: number
  /** Rows that were offered since the start. */
  offered = 0
  count = 0
  readonly #rows: Float32Array
  readonly #random: Random
  readonly #windowMs: number
  /** Rows a millisecond, lately; and when and at how many offered it was looked last. */
  #rate = 0
  #lookedMs = 0
  #lookedAt = 0

  /** `windowMs`: what came longer ago is mostly replaced. */
  constructor(capacity: number, width: number, windowMs: number, random: Random) {
    this.capacity = capacity
    this.width = width
    this.#windowMs = windowMs
    this.#random = random
    this.#rows = new Float32Array(capacity * width)
  }

  /**
   * Once it is full, a row takes a random place, with such a chance that the whole is replaced about once a window: a flood of a minute does not
   * push out what an hour showed.
   */
  offer(values: Float32Array, row: number, nowMs: number): void {
    this.offered++
    this.#look(nowMs)
    let place = this.count
    if (this.count < this.capacity) this.count++
    else {
      if (this.#random.unit() * this.#rate * this.#windowMs > this.capacity) return
      place = this.#random.below(this.capacity)
    }
    const { width } = this
    for (let i = 0; i < width; i++) this.#rows[place * width + i] = values[row * width + i]!
  }

  #look(nowMs: number): void {
    const passedMs = nowMs - this.#lookedMs
    if (passedMs < 1000) return
    const rate = (this.offered - this.#lookedAt) / passedMs
    this.#rate = this.#rate === 0 ? rate : this.#rate * 0.9 + rate * 0.1
    this.#lookedMs = nowMs
    this.#lookedAt = this.offered
  }

  /** A copy, to be given away. */
  rows(): Float32Array {
    return this.#rows.slice(0, this.count * this.width)
  }
}
