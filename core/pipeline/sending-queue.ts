// The queue in front of an exporter: takes responsibility for batches at once, in memory, and hands them on as fast as the destination
// takes them. The graph makes one for each exporter that is configured so, and a door to it for each pipeline that ends there.

import { type Batch, capacityOf } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Consumer, Lifecycle, Logger } from '../component.ts'
import { type ConsumeError, PartialError, PermanentError, RetryableError, asConsumeError } from '../errors.ts'
import { type DestinationAccount, markAccounted } from '../ledger.ts'
import { countItems } from '../otlp/count.ts'
import { FanOut } from './fan-out.ts'
import type { QueueOptions } from '../config/queue-options.ts'

/** Pauses between two offers of what the exporter gave back, in milliseconds: the first, doubled each time up to the longest. */
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/** When a sender that found no room should come back. */
const RETRY_FULL_MS = 1000

interface Queued {
  readonly batch: Batch
  readonly account: DestinationAccount
  readonly bytes: number
  /** Offers that failed. */
  failures: number
}

/** A sender that waits for room. */
interface Waiting {
  readonly queued: Queued
  readonly resolve: (entered: boolean) => void
}

export class SendingQueue implements Lifecycle {
  readonly #options: QueueOptions
  readonly #destination: FanOut
  readonly #clock: Clock
  readonly #log: Logger
  readonly #waiting: Waiting[] = []
  /** What waits to be sent, oldest first. */
  #line: Queued[] = []
  /** Where in `#line` the oldest stands: taking it must not move all others. */
  #head = 0
  #size = 0
  #bytes = 0
  /** Spans, data points or log records that have no fate yet. */
  #items = 0
  /** Batches that a consumer has taken out of the line, in flight or pausing. */
  #busy = 0
  #onIdle: (() => void) | undefined
  readonly #pauses = new Set<() => void>()
  #stopped = false

  constructor(id: string, exporter: Consumer, options: QueueOptions, clock: Clock, log: Logger) {
    this.#options = options
    this.#destination = new FanOut([{ id, consumer: exporter }], log)
    this.#clock = clock
    this.#log = log
  }

  /** In the unit of the sizer: what waits or is on its way, and the most that may. */
  get size(): number {
    return this.#size
  }
  get capacity(): number {
    return this.#options.size
  }

  /** The way in for one pipeline, which keeps its own account. */
  door(account: DestinationAccount): Consumer {
    return { consume: (batch, deadlineMs) => this.#take(batch, deadlineMs, account) }
  }

  async start(): Promise<void> {}

  /** Sends what waits; what is still there when `abort` fires is lost, and the ledger says so. */
  async stop(abort: AbortSignal): Promise<void> {
    if (this.#size > 0 && !abort.aborted) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
        abort.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    this.#stopped = true
    for (const wake of this.#pauses) wake()
    for (const { resolve } of this.#waiting.splice(0)) resolve(false)
    const items = this.#items
    if (items > 0) this.#log.error({ items }, 'lost: the queue had no answer for them yet when the time to drain it was over')
    this.#line = []
    this.#head = 0
  }

  async #take(batch: Batch, deadlineMs: number, account: DestinationAccount): Promise<void> {
    const queued: Queued = { batch, account, bytes: capacityOf(batch), failures: 0 }
    const fits = this.#fits(queued)
    if (!fits && (!this.#options.blockOnOverflow || !(await this.#room(queued, deadlineMs)))) {
      account.overflowed += batch.count
      account.refused += batch.count
      throw markAccounted(new RetryableError('the sending queue is full', { retryAfterMs: RETRY_FULL_MS }))
    }
    if (fits) this.#enter(queued)
    this.#advance()
  }

  /** An empty queue takes anything: what is larger than the whole of it would never be taken otherwise. */
  #fits(queued: Queued): boolean {
    if (this.#stopped) return false
    if (this.#size === 0) return true
    const { size, maxBytes } = this.#options
    return this.#size + this.#sizeOf(queued) <= size && this.#bytes + queued.bytes <= maxBytes
  }

  #sizeOf({ batch, bytes }: Queued): number {
    const { sizer } = this.#options
    return sizer === 'requests' ? 1 : sizer === 'items' ? batch.count : bytes
  }

  #enter(queued: Queued): void {
    this.#size += this.#sizeOf(queued)
    this.#bytes += queued.bytes
    this.#items += queued.batch.count
    queued.account.queued += queued.batch.count
    this.#line.push(queued)
  }

  /** True once `queued` stands in the line; false where its sender's deadline came first. Who waits is served in order. */
  #room(queued: Queued, deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const leftMs = deadlineMs - this.#clock.monotonicMs()
      const waiting: Waiting = {
        queued,
        resolve: (entered) => {
          timer?.cancel()
          resolve(entered)
        },
      }
      const timer =
        leftMs === Infinity
          ? undefined
          : this.#clock.after(leftMs, () => {
              this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
              resolve(false)
            })
      this.#waiting.push(waiting)
    })
  }

  #admitWaiting(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.queued); first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#enter(first.queued)
      first.resolve(true)
    }
  }

  #advance(): void {
    while (this.#busy < this.#options.consumers && this.#head < this.#line.length) {
      const queued = this.#line[this.#head]!
      this.#head++
      if (this.#head > 256 && this.#head * 2 > this.#line.length) {
        this.#line = this.#line.slice(this.#head)
        this.#head = 0
      }
      this.#busy++
      void this.#send(queued)
    }
  }

  /** Offers one batch until it has a fate; never rejects. */
  async #send(queued: Queued): Promise<void> {
    let { batch } = queued
    for (;;) {
      const error = await this.#offer(batch)
      const again = this.#settle(batch, queued.account, error)
      if (again === undefined) break
      batch = again
      if (this.#stopped) return
      await this.#pause(error as RetryableError, queued.failures++)
      if (this.#stopped) return
    }
    this.#size -= this.#sizeOf(queued)
    this.#bytes -= queued.bytes
    this.#busy--
    this.#admitWaiting()
    this.#advance()
    if (this.#size === 0) this.#onIdle?.()
  }

  async #offer(batch: Batch): Promise<ConsumeError | undefined> {
    try {
      await this.#destination.consume(batch, Infinity)
      return undefined
    } catch (thrown) {
      return asConsumeError(thrown)
    }
  }

  /** Writes into the ledger what became of a batch; returns what must be offered again. */
  #settle(batch: Batch, account: DestinationAccount, error: ConsumeError | undefined): Batch | undefined {
    if (error === undefined || error instanceof PermanentError || error.chunks === undefined) {
      if (error instanceof RetryableError && !this.#options.givesUp) return batch
      this.#close(account, batch.count, error)
      return undefined
    }
    const chunks: Uint8Array[] = []
    let count = 0
    for (const [i, chunk] of batch.chunks.entries()) {
      const fate = error.chunks.get(i)
      const items = countItems(batch.signal, chunk)
      if (fate instanceof RetryableError && !this.#options.givesUp) {
        chunks.push(chunk)
        count += items
      } else this.#close(account, items, fate)
    }
    return chunks.length === 0 ? undefined : { ...batch, chunks, count }
  }

  #close(account: DestinationAccount, count: number, error: ConsumeError | undefined): void {
    const refused = error === undefined ? 0 : error instanceof PartialError ? Math.min(error.refused, count) : count
    this.#items -= count
    account.queued -= count
    account.delivered += count - refused
    account.refused += refused
    if (refused > 0)
      this.#log.error({ items: refused, reason: error!.message }, 'lost: the destination refused what its senders were told was taken')
  }

  #pause(error: RetryableError, failures: number): Promise<void> {
    const ms = error.retryAfterMs ?? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures)
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel()
        this.#pauses.delete(wake)
        resolve()
      }
      const timer = this.#clock.after(ms, wake)
      this.#pauses.add(wake)
    })
  }
}
