// Hands on what a trace buffer has decided to keep: its senders have their answer, so what downstream cannot take now is offered again.

import type { Batch } from '../batch.ts'
import { capacityOf } from '../batch.ts'
import type { Consumer, Settings } from '../component.ts'
import { type ConsumeError, RetryableError, asConsumeError } from '../errors.ts'
import { countItems } from '../otlp/count.ts'

/** So many requests are on their way at once; whatever else is kept waits in the buffer. */
const CONCURRENT = 8
/** Pauses between two offers of what came back, in milliseconds: the first, doubled each time up to the longest. */
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000

export interface HandOffOptions {
  readonly next: Consumer
  readonly settings: Settings
  /** The next batch; undefined where there is none now. */
  readonly take: () => Batch | undefined
  /** A batch that was taken has its fate: there may be room again. */
  readonly settled?: (batch: Batch) => void
}

export class HandOff {
  readonly #options: HandOffOptions
  #inFlight = 0
  #bytes = 0
  #spans = 0
  #stopped = false
  /** The last word from downstream was that it takes nothing now. */
  #failing = false
  readonly #pauses = new Set<() => void>()
  #onIdle: (() => void) | undefined

  constructor(options: HandOffOptions) {
    this.#options = options
  }

  /** The memory of what is on its way or waits to be offered again. */
  get bytes(): number {
    return this.#bytes
  }
  get spans(): number {
    return this.#spans
  }

  /** Takes what there is, as far as there is room on the way. */
  pump(): void {
    while (this.#inFlight < CONCURRENT && !this.#stopped) {
      const batch = this.#options.take()
      if (batch === undefined) break
      this.#inFlight++
      void this.#send(batch)
    }
    if (this.#inFlight === 0) this.#onIdle?.()
  }

  /**
   * Settles once everything has its fate, or with `abort`: what has none then is lost, unless it `isKept` elsewhere; then there is no use in
   * waiting for a destination that takes nothing.
   */
  async drain(abort: AbortSignal, isKept = false): Promise<void> {
    this.pump()
    const isOver = (): boolean => this.#inFlight === 0 || abort.aborted || (isKept && this.#failing)
    abort.addEventListener('abort', () => this.#onIdle?.(), { once: true })
    while (!isOver()) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    this.#stopped = true
    for (const wake of this.#pauses) wake()
  }

  /** Offers one batch until it has a fate; never rejects. */
  async #send(batch: Batch): Promise<void> {
    const bytes = capacityOf(batch)
    this.#bytes += bytes
    this.#spans += batch.count
    let rest: Batch | undefined = batch
    for (let failures = 0; rest !== undefined && !this.#stopped; failures++) {
      const offered: Batch = rest
      if (failures > 0) this.#options.settings.create?.(offered.count, 'offered again')
      const error = await this.#offer(offered)
      rest = error === undefined ? undefined : this.#left(offered, error)
      this.#failing = rest !== undefined
      if (this.#failing) {
        this.#onIdle?.()
        this.#options.settings.log.warn({ reason: error!.message }, 'downstream does not take now what was kept: it is offered again')
      }
      this.#spans -= offered.count - (rest?.count ?? 0)
      if (rest !== undefined) await this.#pause(error as RetryableError, failures)
    }
    this.#bytes -= bytes
    this.#inFlight--
    if (rest === undefined) this.#options.settled?.(batch)
    this.pump()
  }

  async #offer(batch: Batch): Promise<ConsumeError | undefined> {
    try {
      await this.#options.next.consume(batch, Infinity)
      return undefined
    } catch (thrown) {
      return asConsumeError(thrown)
    }
  }

  /** What must be offered again. What was refused for good is in the ledger where it was refused. */
  #left(batch: Batch, error: ConsumeError): Batch | undefined {
    if (!(error instanceof RetryableError)) {
      this.#options.settings.log.error(
        { spans: batch.count, reason: error.message },
        'lost: refused after its senders were told it was taken',
      )
      return undefined
    }
    if (error.chunks === undefined) return batch
    const chunks = batch.chunks.filter((_, i) => error.chunks!.get(i) instanceof RetryableError)
    return { ...batch, chunks, count: chunks.reduce((sum, chunk) => sum + countItems(batch.signal, chunk), 0) }
  }

  #pause(error: RetryableError, failures: number): Promise<void> {
    const ms = error.retryAfterMs ?? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures)
    return new Promise((resolve) => {
      if (this.#stopped) return resolve()
      const wake = (): void => {
        timer.cancel()
        this.#pauses.delete(wake)
        resolve()
      }
      const timer = this.#options.settings.clock.after(ms, wake)
      this.#pauses.add(wake)
    })
  }
}
