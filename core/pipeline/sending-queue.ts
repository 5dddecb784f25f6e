// The queue in front of an exporter: takes responsibility for batches at once, in memory, and hands them on as fast as the destination
// takes them. The graph makes one for each exporter that is configured so, and a door to it for each pipeline that ends there.

import { type Batch, capacityOf } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Consumer, Lifecycle, Logger } from '../component.ts'
import { RetryableError } from '../errors.ts'
import { type DestinationAccount, markAccounted } from '../ledger.ts'
import type { QueueOptions } from '../config/queue-options.ts'
import type { Courier } from './courier.ts'
import { Line } from './line.ts'

/** When a sender that found no room should come back. */
const RETRY_FULL_MS = 1000

interface Queued {
  readonly batch: Batch
  readonly account: DestinationAccount
  readonly bytes: number
}

/** A sender that waits for room. */
interface Waiting {
  readonly queued: Queued
  readonly resolve: (entered: boolean) => void
}

export class SendingQueue implements Lifecycle {
  readonly #options: QueueOptions
  readonly #courier: Courier
  readonly #clock: Clock
  readonly #log: Logger
  readonly #waiting: Waiting[] = []
  /** What waits to be sent, oldest first. */
  readonly #line = new Line<Queued>()
  #size = 0
  #bytes = 0
  /** Spans, data points or log records that have no fate yet. */
  #items = 0
  /** Batches that a consumer has taken out of the line, in flight or pausing. */
  #busy = 0
  #onIdle: (() => void) | undefined
  #stopped = false

  constructor(courier: Courier, options: QueueOptions, clock: Clock, log: Logger) {
    this.#courier = courier
    this.#options = options
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
    this.#courier.stop()
    for (const { resolve } of this.#waiting.splice(0)) resolve(false)
    const items = this.#items
    if (items > 0) this.#log.error({ items }, 'lost: the queue had no answer for them yet when the time to drain it was over')
    this.#line.clear()
  }

  async #take(batch: Batch, deadlineMs: number, account: DestinationAccount): Promise<void> {
    const queued: Queued = { batch, account, bytes: capacityOf(batch) }
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
    while (this.#busy < this.#options.consumers) {
      const queued = this.#line.shift()
      if (queued === undefined) break
      this.#busy++
      void this.#send(queued)
    }
  }

  /** Never rejects. */
  async #send(queued: Queued): Promise<void> {
    const { batch, account } = queued
    if (!(await this.#courier.deliver(batch, account, (count) => (this.#items -= count)))) return
    this.#size -= this.#sizeOf(queued)
    this.#bytes -= queued.bytes
    this.#busy--
    this.#admitWaiting()
    this.#advance()
    if (this.#size === 0) this.#onIdle?.()
  }
}
