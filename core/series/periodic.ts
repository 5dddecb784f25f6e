// Hands on, again and again, what somebody has aggregated: never two rounds at once, and one last when it stops. Connectors that make metrics
// have one.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'

export interface PeriodicOptions {
  readonly intervalMs: number
  readonly clock: Clock
  readonly log: Logger
  /** One round, with the deadline of what it hands on. What it throws is a bug, and in the log. */
  readonly round: (deadlineMs: number, isLast: boolean) => Promise<void>
}

export class Periodic {
  readonly #options: PeriodicOptions
  #timer: { cancel(): void } | undefined
  #dueMs = 0
  #running: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: PeriodicOptions) {
    this.#options = options
  }

  start(): void {
    this.#dueMs = this.#options.clock.monotonicMs()
    this.#arm()
  }

  #arm(): void {
    const { clock, intervalMs } = this.#options
    const now = clock.monotonicMs()
    // After a pause of the whole machine there is no crowd of rounds to make up for.
    this.#dueMs = Math.max(this.#dueMs + intervalMs, now)
    this.#timer = clock.after(this.#dueMs - now, () => {
      this.#arm()
      this.#running ??= this.#round(false)
    })
  }

  async #round(isLast: boolean): Promise<void> {
    const { clock, intervalMs, log, round } = this.#options
    try {
      await round(clock.monotonicMs() + intervalMs, isLast)
    } catch (error) {
      log.error({ error: String(error) }, 'handing on what was aggregated failed')
    }
    this.#running = undefined
  }

  /** Settles after the last round, or with `abort`. Safe without start, and safe twice. */
  async stop(abort: AbortSignal): Promise<void> {
    this.#timer?.cancel()
    this.#stopped ??= this.#last()
    if (abort.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    abort.addEventListener('abort', () => resolve(), { once: true })
    await Promise.race([this.#stopped, promise])
  }

  async #last(): Promise<void> {
    await this.#running
    await this.#round(true)
  }
}
