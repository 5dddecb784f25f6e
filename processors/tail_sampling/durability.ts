// What tail_sampling does where it has a storage: spans are answered for once they are synced, nothing follows from a decision before that is
// synced, and what an earlier run left is taken up again.

import { type Batch, RetryableError, type Settings } from '../../core/index.ts'
import type { Earlier, Journal, Leaving } from '../../core/traces/index.ts'

/** When the storage is asked again that did not take a decision. */
const SYNC_AGAIN_MS = 1000
/** When a sender should come back whose spans the storage did not take. */
const RETRY_MS = 1000

export interface Durable {
  readonly journal: Journal
  readonly settings: Settings
  /** How many traces were kept so far. */
  readonly decisions: () => number
  /** Hands on what may leave. */
  readonly pump: () => void
}

export class Durability {
  readonly #parts: Durable
  readonly #journal: Journal
  /** While an earlier run's spans are taken: what it had decided. */
  #earlier: Map<string, Earlier> | undefined
  /** The batch that is being taken. */
  #taking = 0
  /** The batches of spans that were dropped, and go once the decision is synced. */
  #dropped: number[] = []
  #syncing: Promise<void> | undefined
  #isStopped = false
  /** Up to which decision everything is synced. */
  syncedDecisions = 0
  readonly #leaving = new Map<Batch, Leaving>()

  constructor(parts: Durable) {
    this.#parts = parts
    this.#journal = parts.journal
  }

  /**
   * `take` takes a batch, and returns how many of its spans have their fate already. `remember` is told of every decision, for spans that
   * come late.
   */
  async restore(take: (batch: Batch, number: number) => Promise<number>, remember: (earlier: Earlier) => void): Promise<void> {
    const { settings } = this.#parts
    let restored = 0
    this.#earlier = new Map()
    await this.#journal.restore(this.#earlier, async (batch, number) => {
      const waiting = batch.count - (await take(batch, number))
      settings.create?.(waiting, 'restored')
      restored += waiting
    })
    for (const one of this.#earlier.values()) remember(one)
    this.#earlier = undefined
    if (restored > 0) settings.log.info({ spans: restored }, 'an earlier run had taken these spans, and they wait again')
  }

  get isRestoring(): boolean {
    return this.#earlier !== undefined
  }

  /** What an earlier run had come to on that trace, and whether the batch that is being taken was a part of what it delivered. */
  recall(key: string): { readonly earlier: Earlier; readonly isGone: boolean } | undefined {
    const earlier = this.#earlier?.get(key)
    return earlier && { earlier, isGone: earlier.deliveredTo >= this.#journal.positionOf(this.#taking) }
  }

  /** The number of the batch, once it survives a crash. */
  async write(batch: Batch): Promise<number> {
    try {
      return await this.#journal.append(batch)
    } catch (cause) {
      throw new RetryableError(`the storage did not take the spans: ${(cause as Error).message}`, { cause, retryAfterMs: RETRY_MS })
    }
  }

  /** From now on spans are that batch's. */
  begin(batch: number): void {
    this.#taking = batch
  }

  /** The batch was taken: so many spans of it wait, and so many of these are to be dropped. */
  took(batch: number, waiting: number, dropped: number): void {
    this.#journal.hold(batch, waiting)
    for (let n = 0; n < dropped; n++) this.#dropped.push(batch)
  }

  abandon(batch: number): void {
    this.#journal.abandon(batch)
  }

  decide(origin: string, id: Int32Array, isKept: boolean, verdict: number): void {
    this.#journal.decide(origin, id, { isKept, verdict })
  }

  dropped(batch: number): void {
    this.#dropped.push(batch)
  }

  get hasDropped(): boolean {
    return this.#dropped.length > 0
  }

  left(batch: Batch, leaving: Leaving): void {
    this.#leaving.set(batch, leaving)
  }

  /** What left has its fate downstream. */
  settled(batch: Batch): void {
    const journal = this.#journal
    const { originKey, traces, batches } = this.#leaving.get(batch)!
    this.#leaving.delete(batch)
    journal.delivered(
      originKey,
      traces.map(({ id, lastBatch }) => ({ id, to: journal.positionOf(lastBatch) })),
    )
    for (const number of batches) journal.settle(number)
  }

  /** Writes down what was decided, and then does what follows from it. Settles once nothing is left to write. */
  sync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => (this.#syncing = undefined))
    return this.#syncing
  }

  async #sync(): Promise<void> {
    const journal = this.#journal
    do {
      const decisions = this.#parts.decisions()
      const dropped = this.#dropped
      this.#dropped = []
      try {
        if (journal.hasDecisions) await journal.sync()
      } catch (error) {
        this.#dropped = [...dropped, ...this.#dropped]
        if (this.#isStopped) return
        await this.#pause(error as Error)
        continue
      }
      this.syncedDecisions = decisions
      for (const batch of dropped) journal.settle(batch)
      this.#parts.pump()
    } while (journal.hasDecisions || this.#dropped.length > 0)
  }

  #pause({ message: reason }: Error): Promise<void> {
    const { log, clock } = this.#parts.settings
    log.error({ reason }, 'the storage does not take decisions, and nothing leaves until it does')
    return new Promise((resolve) => clock.after(SYNC_AGAIN_MS, resolve))
  }

  /** The last decisions are written, if the storage takes them now. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.sync()
  }
}
