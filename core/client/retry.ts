// Sends again what may succeed later: exponential pauses with jitter, the destination's own wish first, an end when nobody waits any more.
// Exporters run every batch through one.

import type { Clock } from '../clock.ts'
import { RetryableError } from '../errors.ts'
import type { RetryOptions } from './retry-options.ts'

/** Pauses grow no longer than this while somebody waits for the answer: a destination that is back should not be waited for. */
const WAITED_FOR_MAX_MS = 1000
/** How often in a row a broken connection is followed at once by a new one: the second may have been as old as the first. */
const AT_ONCE = 2

/**
 * A connection that stood broke before any of the answer came. A server that restarts closes those that wait, and a request that was
 * just written there says nothing about the server that listens now: so it is tried on a new connection without a pause.
 */
export class BrokenConnectionError extends RetryableError {}

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
   * attempt would begin at `deadlineMs` or later: the sender learns early, and how long to wait. `abort` ends a pause. With a deadline of
   * Infinity, where a queue owns the batch, there is one attempt: the queue offers again, and knows sooner that the destination is down.
   */
  async run(attempt: () => Promise<void>, deadlineMs: number, abort: AbortSignal): Promise<void> {
    const end = Math.min(deadlineMs, this.#clock.monotonicMs() + this.#options.maxElapsedMs)
    let broken = 0
    for (let failures = 0; ; failures++) {
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error
        broken = error instanceof BrokenConnectionError ? broken + 1 : 0
        if (this.#isAtOnce(broken) && this.#clock.monotonicMs() < end && !abort.aborted) {
          failures--
          continue
        }
        if (deadlineMs === Infinity) throw error
        const pauseMs = Math.max(this.#pauseMs(failures), error.retryAfterMs ?? 0)
        const late = this.#clock.monotonicMs() + pauseMs >= end
        if (!this.#options.enabled || late || abort.aborted) throw giveUp(error, pauseMs)
        await this.#pause(pauseMs, abort)
        if (abort.aborted) throw giveUp(error, pauseMs)
      }
    }
  }

  #isAtOnce(broken: number): boolean {
    return this.#options.enabled && broken > 0 && broken <= AT_ONCE
  }

  #pauseMs(failures: number): number {
    const { initialIntervalMs, maxIntervalMs } = this.#options
    const longest = Math.min(maxIntervalMs, Math.max(initialIntervalMs, WAITED_FOR_MAX_MS))
    return pauseMsOf({ ...this.#options, maxIntervalMs: longest }, failures, this.#random())
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

/** The pause after so many failures in a row, from 0; `random` is from 0 to below 1. */
export function pauseMsOf(options: RetryOptions, failures: number, random: number): number {
  const { initialIntervalMs, maxIntervalMs, multiplier, randomizationFactor } = options
  const interval = Math.min(maxIntervalMs, initialIntervalMs * multiplier ** failures)
  return interval * (1 + randomizationFactor * (2 * random - 1))
}

function giveUp(error: RetryableError, pauseMs: number): RetryableError {
  return error.retryAfterMs === undefined ? new RetryableError(error.message, { cause: error, retryAfterMs: pauseMs }) : error
}
