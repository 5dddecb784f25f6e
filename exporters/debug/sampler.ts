// Which batches of a second are shown: the first few, then one of so many. One for each signal; debug.ts asks it.

import type { Clock } from '../../core/index.ts'

export interface SamplingOptions {
  /** Batches shown of each second, before the thinning begins. */
  readonly initial: number
  /** Then every so manieth; 0 is none. */
  readonly thereafter: number
}

const SECOND_MS = 1000

export class Sampler {
  readonly #options: SamplingOptions
  readonly #clock: Clock
  #endsAtMs = 0
  #seen = 0

  constructor(options: SamplingOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** Counts the batch. */
  shows(): boolean {
    const { initial, thereafter } = this.#options
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= this.#endsAtMs) {
      this.#endsAtMs = nowMs + SECOND_MS
      this.#seen = 0
    }
    const beyond = ++this.#seen - initial
    return beyond <= 0 || (thereafter > 0 && beyond % thereafter === 0)
  }
}
