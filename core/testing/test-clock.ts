// A clock that tests move themselves: no test sleeps.

import type { Clock } from '../clock.ts'

export class TestClock implements Clock {
  #nowMs = 0
  /** What the wall clock shows at monotonic 0; it may be set to any time, also while timers wait. */
  wallStartMs: number = Date.UTC(2026, 0, 1)
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>()

  monotonicMs(): number {
    return this.#nowMs
  }

  now(): Date {
    return new Date(this.wallStartMs + this.#nowMs)
  }

  after(ms: number, run: () => void): { cancel(): void } {
    const timer = { dueMs: this.#nowMs + Math.max(0, ms), run }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Lets `ms` milliseconds pass: due timers run in order, and what they set in motion gets its turn of the event loop. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await turn()
    for (;;) {
      const due = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.run()
      await turn()
    }
    this.#nowMs = endMs
    await turn()
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
