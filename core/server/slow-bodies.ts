// Ends requests whose bodies trickle: a sender that opens many of them would otherwise hold memory for as long as it likes. Exchanges are
// in it while they read.

import type { Clock } from '../clock.ts'

export interface BodyRate {
  /** On the average since the request began; 0 is no minimum. */
  readonly minBytesPerSecond: number
  /** How long a request may take at any rate. */
  readonly graceMs: number
  /** How long one may take at most, however fast; 0 is without limit. */
  readonly maxMs: number
}

export interface ReadingBody {
  readonly startedMs: number
  readonly receivedBytes: number
  tooSlow(): void
}

const LOOK_EVERY_MS = 1000

export class SlowBodies {
  readonly #rate: BodyRate
  readonly #clock: Clock
  readonly #reading = new Set<ReadingBody>()
  #timer: { cancel(): void } | undefined

  constructor(rate: BodyRate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
  }

  add(body: ReadingBody): void {
    this.#reading.add(body)
  }

  delete(body: ReadingBody): void {
    this.#reading.delete(body)
  }

  watch(): void {
    const look = (): void => {
      this.#timer = this.#clock.after(LOOK_EVERY_MS, look)
      this.#look()
    }
    this.#timer = this.#clock.after(LOOK_EVERY_MS, look)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    const { minBytesPerSecond, graceMs, maxMs } = this.#rate
    const nowMs = this.#clock.monotonicMs()
    for (const body of this.#reading) {
      const elapsedMs = nowMs - body.startedMs
      const isLate = maxMs > 0 && elapsedMs > maxMs
      if (isLate || (elapsedMs > graceMs && body.receivedBytes * 1000 < minBytesPerSecond * elapsedMs)) body.tooSlow()
    }
  }
}
