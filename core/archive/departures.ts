// The line in which full objects wait to be put where they belong, several at once; what cannot be put goes behind the others and comes again. archiver.ts has one.

import type { Clock } from '../clock.ts'

/** Of those that failed before, one less: whatever becomes of them, what comes new finds somebody. */
export const AT_ONCE = 4
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 30_000

export interface DeparturesOptions<T> {
  readonly clock: Clock
  /** Rejects where it is to be tried again. */
  readonly attempt: (one: T) => Promise<void>
  readonly failed: (one: T, error: Error, againInMs: number) => void
}

export class Departures<T> {
  readonly #options: DeparturesOptions<T>
  readonly #fresh: T[] = []
  /** Failed before, and its time has come. */
  readonly #due: T[] = []
  /** Failed before, and its time is to come. */
  readonly #later = new Map<T, { cancel(): void }>()
  /** How often each has failed. */
  readonly #failures = new Map<T, number>()
  #atWork = 0
  #retrying = 0
  /** Since one succeeded. */
  readonly #failedSince = new Set<T>()
  #idle: PromiseWithResolvers<void> | undefined
  #isStopping = false
  /** By the storage: nothing begins any more. */
  #isKept = false

  constructor(options: DeparturesOptions<T>) {
    this.#options = options
  }

  /** How many have failed, and did not succeed since. */
  get failing(): number {
    return this.#failures.size
  }

  /** Whether the store is taken to be away: so many have failed that it will not be their fault. */
  get isAway(): boolean {
    return this.#failedSince.size >= AT_ONCE
  }

  add(one: T): void {
    if (this.#isKept) return
    this.#fresh.push(one)
    this.#employ()
  }

  /**
   * Settles when nothing is at work any more, or with `abort`. Everything is tried once more before, and stays where it is if it fails; not where
   * `isKept`, for then another process tries it.
   */
  async stop(abort: AbortSignal, isKept = false): Promise<void> {
    this.#isStopping = true
    this.#hurry()
    this.#isKept = isKept
    if (isKept) this.#fresh.length = this.#due.length = 0
    this.#employ()
    if (this.#atWork === 0 || abort.aborted) return
    this.#idle = Promise.withResolvers<void>()
    abort.addEventListener('abort', () => this.#idle!.resolve(), { once: true })
    await this.#idle.promise
  }

  #employ(): void {
    while (this.#atWork < AT_ONCE) {
      // One of those that failed before is always at work, so that a busy store does not keep them waiting for ever.
      const isRetry = this.#due.length > 0 && (this.#retrying === 0 || (this.#fresh.length === 0 && this.#retrying < AT_ONCE - 1))
      const one = isRetry ? this.#due.shift() : this.#fresh.shift()
      if (one === undefined) break
      void this.#work(one, isRetry)
    }
    if (this.#atWork === 0) this.#idle?.resolve()
  }

  async #work(one: T, isRetry: boolean): Promise<void> {
    this.#atWork++
    if (isRetry) this.#retrying++
    try {
      await this.#options.attempt(one)
      this.#succeeded(one)
    } catch (error) {
      this.#failed(one, error as Error)
    }
    this.#atWork--
    if (isRetry) this.#retrying--
    this.#employ()
  }

  #succeeded(one: T): void {
    this.#failures.delete(one)
    const wasAway = this.isAway
    this.#failedSince.clear()
    if (wasAway) this.#hurry()
  }

  #failed(one: T, error: Error): void {
    const failures = (this.#failures.get(one) ?? 0) + 1
    this.#failures.set(one, failures)
    this.#failedSince.add(one)
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1))
    this.#options.failed(one, error, delayMs)
    if (this.#isStopping) return
    const timer = this.#options.clock.after(delayMs, () => {
      this.#later.delete(one)
      this.#due.push(one)
      this.#employ()
    })
    this.#later.set(one, timer)
  }

  /** The store is back, or the end is near: nobody waits for its time. */
  #hurry(): void {
    for (const [one, timer] of this.#later) {
      timer.cancel()
      this.#due.push(one)
    }
    this.#later.clear()
  }
}
