// Carries batches that a queue owns to their destination: offers each until it has a fate, writes that into the ledger, and puts what can
// never be delivered with the dead letters. Both queues hold one.

import type { Batch } from '../batch.ts'
import { pauseMsOf } from '../client/retry.ts'
import type { RetryOptions } from '../client/retry-options.ts'
import type { Clock } from '../clock.ts'
import type { Consumer, Logger } from '../component.ts'
import { type ConsumeError, PartialError, PermanentError, RetryableError, asConsumeError } from '../errors.ts'
import type { DestinationAccount } from '../ledger.ts'
import { countItems } from '../otlp/count.ts'
import type { DeadLetters } from './dead-letters.ts'
import { FanOut } from './fan-out.ts'

export interface CourierOptions {
  readonly id: string
  readonly exporter: Consumer
  readonly retry: RetryOptions
  readonly clock: Clock
  readonly log: Logger
  /** Told each time that nothing is taken now. */
  readonly onFailing?: () => void
  /** Without it, what cannot be delivered is lost, and the log says so. */
  readonly deadLetters?: Pick<DeadLetters, 'add'> | undefined
}

/** Of one offer: what went wrong, and whether there is time for another. */
interface Outcome {
  readonly error: ConsumeError | undefined
  readonly again: boolean
}

/** Hears of every part of a batch that has its fate: of how many items. */
export type Settled = (count: number) => void

export class Courier {
  readonly #options: CourierOptions
  readonly #destination: FanOut
  /** What ends each pause, and whether the destination had asked for it. */
  readonly #pauses = new Map<() => void, boolean>()
  #stopped = false
  #failing = false

  constructor(options: CourierOptions) {
    this.#options = options
    this.#destination = new FanOut([{ id: options.id, consumer: options.exporter }], options.log)
  }

  /** Whether the last word, of the destination or of the dead letters, was that nothing is taken now. */
  get failing(): boolean {
    return this.#failing
  }

  /** Settles with true once everything in the batch has a fate, with false where `stop` came first. */
  async deliver(batch: Batch, account: DestinationAccount, settled: Settled): Promise<boolean> {
    const { retry, clock } = this.#options
    const end = clock.monotonicMs() + retry.maxElapsedMs
    let rest: Batch | undefined = batch
    for (let failures = 0; ; failures++) {
      const error = await this.#offer(rest)
      const asked = error instanceof RetryableError ? error.retryAfterMs : undefined
      const pauseMs = Math.max(pauseMsOf(retry, failures, Math.random()), asked ?? 0)
      const again = retry.enabled && clock.monotonicMs() + pauseMs < end
      rest = await this.#settle(rest, { error, again }, account, settled)
      if (rest === undefined) return true
      if (this.#stopped) return false
      await this.#pause(pauseMs, asked !== undefined)
      if (this.#stopped) return false
    }
  }

  /** Ends all pauses; what is on its way may still arrive. */
  stop(): void {
    this.#stopped = true
    for (const wake of this.#pauses.keys()) wake()
  }

  async #offer(batch: Batch): Promise<ConsumeError | undefined> {
    try {
      await this.#destination.consume(batch, Infinity)
      this.#worked()
      return undefined
    } catch (thrown) {
      const error = asConsumeError(thrown)
      if (error instanceof RetryableError) this.#fails()
      else this.#worked()
      return error
    }
  }

  #fails(): void {
    this.#failing = true
    this.#options.onFailing?.()
  }

  /** Whoever pauses for fear that the destination is still down need not any more. */
  #worked(): void {
    if (!this.#failing) return
    this.#failing = false
    for (const [wake, asked] of this.#pauses) if (!asked) wake()
  }

  /** What became of a batch, or of its chunks where their fates differ. Returns what must be offered again. */
  async #settle(batch: Batch, outcome: Outcome, account: DestinationAccount, settled: Settled): Promise<Batch | undefined> {
    const { error } = outcome
    const chunks = error instanceof PermanentError ? undefined : error?.chunks
    if (chunks === undefined) return (await this.#has(batch, outcome, account, settled)) ? undefined : batch
    const again: Uint8Array[] = []
    for (const [i, chunk] of batch.chunks.entries()) {
      const one = { ...batch, chunks: [chunk], count: countItems(batch.signal, chunk) }
      if (!(await this.#has(one, { ...outcome, error: chunks.get(i) }, account, settled))) again.push(chunk)
    }
    if (again.length === 0) return undefined
    return { ...batch, chunks: again, count: again.reduce((sum, chunk) => sum + countItems(batch.signal, chunk), 0) }
  }

  /** False where `batch` has no fate yet. */
  async #has(batch: Batch, { error, again }: Outcome, account: DestinationAccount, settled: Settled): Promise<boolean> {
    if (error instanceof RetryableError && again) return false
    const { count } = batch
    const refused = error === undefined ? 0 : error instanceof PartialError ? Math.min(error.refused, count) : count
    if (refused > 0 && !(await this.#lay(batch, account, refused, error!.message))) return false
    account.queued -= count
    account.delivered += count - refused
    settled(count)
    return true
  }

  /** What the destination refuses is put aside, or lost. False where the dead letters cannot take it now. */
  async #lay(batch: Batch, account: DestinationAccount, refused: number, reason: string): Promise<boolean> {
    const { id: exporter, deadLetters, log } = this.#options
    if (deadLetters === undefined) {
      account.refused += refused
      log.error({ items: refused, reason }, 'lost: the destination refused what its senders were told was taken')
      return true
    }
    try {
      await deadLetters.add({ batch, pipeline: account.pipeline, exporter, reason, refused })
      account.deadLettered += refused
      return true
    } catch {
      // They have said so themselves.
      this.#fails()
      return false
    }
  }

  /** `asked`: by the destination, which then is not asked any sooner. */
  #pause(ms: number, asked: boolean): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel()
        this.#pauses.delete(wake)
        resolve()
      }
      const timer = this.#options.clock.after(ms, wake)
      this.#pauses.set(wake, asked)
    })
  }
}
