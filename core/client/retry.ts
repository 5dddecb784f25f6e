// Sends again what may succeed later: exponential pauses with jitter, the destination's own wish first, an end when nobody waits any more.
// Exporters run every batch through one.

import type { Clock } from '../clock.ts'
import { RetryableError } from '../errors.ts'
import type { RetryOptions } from './retry-options.ts'

export class Retry {
  readonly #options: RetryOptions
  readonly #clock: Clock
  /** From 0 to below 1. */
  readonly #random: () => number

  constructor(options: RetryOptions, clock: Clock, random: () => number = Math.random) {
    this.#options = options
    this.#clock = clock
    this.#random = random
  }

  /**
   * Runs `attempt` until it succeeds or fails with anything but a RetryableError. Gives up, with the last one, as soon as the next
   * attempt would begin at `deadlineMs` or later: the sender learns early, and how long to wait. `abort` ends a pause.
   */
  async run(attempt: () => Promise<void>, deadlineMs: number, abort: AbortSignal): Promise<void> {
    const end = Math.min(deadlineMs, this.#clock.monotonicMs() + this.#options.maxElapsedMs)
    for (let failures = 0; ; failures++) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error
        const pauseMs = Math.max(this.#pauseMs(failures), error.retryAfterMs ?? 0)
        const late = this.#clock.monotonicMs() + pauseMs >= end
        if (!this.#options.enabled || late || abort.aborted) throw giveUp(error, pauseMs)
        await this.#pause(pauseMs, abort)
        if (abort.aborted) throw giveUp(error, pauseMs)
      }
    }
  }

  #pauseMs(failures: number): number {
    const { initialIntervalMs, maxIntervalMs, multiplier, randomizationFactor } = this.#options
    const interval = Math.min(maxIntervalMs, initialIntervalMs * multiplier ** failures)
    return interval * (1 + randomizationFactor * (2 * this.#random() - 1))
  }

  #pause(ms: number, abort: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#clock.after(ms, resolve)
    const wake = (): void => {
      timer.cancel()
      resolve()
    }
    abort.addEventListener('abort', wake, { once: true })
    return promise.finally(() => abort.removeEventListener('abort', wake))
  }
}

function giveUp(error: RetryableError, pauseMs: number): RetryableError {
  return error.retryAfterMs === undefined ? new RetryableError(error.message, { cause: error, retryAfterMs: pauseMs }) : error
}
