// One request of OTLP on its way through the shards: how many of its points have no fate yet, what was refused of them, and who waits for it.

import { PartialError, PermanentError, type RetryableError } from '../../core/index.ts'

type Waiter = PromiseWithResolvers<void>

export class Job {
  /** Monotonic: after it nobody waits. Infinity where a queue has the request, and offers it again. */
  deadlineMs: number
  readonly beganMs: number
  /** Given back to its sender: what waits of it is not sent. */
  isGone = false
  readonly #items: number
  #left: number
  #refused: number
  #reason: string
  #waiters: Waiter[] = []

  /** Of `items` data points, `points` are on their way, with what was added to them; `refused` never will be, for `reason`. */
  constructor(beganMs: number, deadlineMs: number, items: number, points: number, refused: number, reason: string) {
    this.beganMs = beganMs
    this.deadlineMs = deadlineMs
    this.#items = items
    this.#left = points
    this.#refused = refused
    this.#reason = reason
  }

  get isDone(): boolean {
    return this.#left === 0
  }

  get isAwaited(): boolean {
    return this.#waiters.length > 0
  }

  /** Settles with its fate; rejects earlier with a RetryableError where it can wait no longer, or a queue should know that nothing is taken now. */
  wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>()
    this.#waiters.push(waiter)
    if (this.isDone) this.#finish()
    return waiter.promise
  }

  /** `points` have arrived, or never will: `refused` of its items. */
  settle(points: number, refused = 0, reason = ''): void {
    this.#left -= points
    if (refused > 0) {
      this.#refused = Math.min(this.#items, this.#refused + refused)
      if (this.#reason === '') this.#reason = reason
    }
    if (this.isDone) this.#finish()
  }

  /** Whoever waits hears that it is not now. */
  delay(error: RetryableError): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error)
  }

  giveBack(error: RetryableError): void {
    this.isGone = true
    this.delay(error)
  }

  #finish(): void {
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      if (this.#refused === 0) resolve()
      else reject(this.#refused >= this.#items ? new PermanentError(this.#reason) : new PartialError(this.#refused, this.#reason))
    }
  }
}
