// Senders who wait for room in the buffer. The processor wakes them when something has left.

import type { Clock } from '../../core/index.ts'

export class Room {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True once something left, and there may be room; false where the deadline came first. */
  wait(deadlineMs: number): Promise<boolean> {
    const leftMs = deadlineMs - this.#clock.monotonicMs()
    if (leftMs <= 0) return Promise.resolve(false)
    return new Promise((resolve) => {
      const wake = (): void => {
        timer?.cancel()
        this.#waiting.delete(wake)
        resolve(true)
      }
      const timer =
        leftMs === Infinity
          ? undefined
          : this.#clock.after(leftMs, () => {
              this.#waiting.delete(wake)
              resolve(false)
            })
      this.#waiting.add(wake)
    })
  }

  wake(): void {
    for (const wake of this.#waiting) wake()
  }
}
