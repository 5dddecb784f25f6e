// The queue on disk in front of an exporter: a sender is answered once its batch is synced, and the batch stays on disk until it has a fate.
// The graph makes one for each exporter whose `sending_queue` names a storage, and a door to it for each pipeline that ends there.
//
// What has just come is in memory, too, and leaves from there: that is the live line. What does not fit into its bytes, and what an earlier
// run left, is backlog: it is read from the disk page by page, oldest first. While both wait, the live line keeps a quarter of the consumers,
// unless the destination needs everything in its order: then nothing that has just come leaves before the backlog has.
//
// It is longer than other files: both lines, the page and the sums over them change together, and none can be followed alone.

import { type Batch, byteLengthOf, capacityOf } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Consumer, Lifecycle, Logger } from '../component.ts'
import type { QueueOptions } from '../config/queue-options.ts'
import { RetryableError } from '../errors.ts'
import { type DestinationAccount, type Ledger, markAccounted } from '../ledger.ts'
import { type DurableLog, FullError, type Page, type Position } from '../storage.ts'
import { encodeBatch, Origins, readBatch, readHead } from './batch-record.ts'
import { Courier, type CourierOptions } from './courier.ts'
import { Line } from './line.ts'

/** When a sender should come back that found no room, or a disk that did not take its batch. */
const RETRY_MS = 1000
/** How much of the backlog is in memory at once, in bytes. */
const PAGE_BYTES = 4 * 1024 * 1024
/** When the disk is asked again that could not be read. */
const READ_AGAIN_MS = 1000

/** A batch in memory whose record is in the log. */
interface Held {
  readonly position: Position
  readonly batch: Batch
  readonly account: DestinationAccount
  readonly bytes: number
  readonly isLive: boolean
}

export interface DurableQueueParts {
  readonly options: QueueOptions
  /** Whether what came first has to be offered first. */
  readonly keepsOrder?: boolean
  readonly courier: Omit<CourierOptions, 'onFailing'>
  /** Called once, in `start`. */
  readonly open: () => Promise<DurableLog>
  readonly ledger: Ledger
}

export class DurableQueue implements Lifecycle {
  readonly #id: string
  readonly #options: QueueOptions
  readonly #keepsOrder: boolean
  readonly #open: () => Promise<DurableLog>
  readonly #ledger: Ledger
  readonly #courier: Courier
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #origins = new Origins()
  readonly #accounts = new Set<DestinationAccount>()
  #log: DurableLog | undefined
  readonly #live = new Line<Held>()
  #liveBytes = 0
  readonly #page = new Line<Held>()
  /** What is in memory, waiting or on its way: the backlog is everything else. */
  readonly #held = new Set<Position>()
  /** Whether something of the backlog may lie at `#cursor` or behind it. */
  #behind = true
  #cursor: Position = 0
  #reading: Promise<void> | undefined
  /** Ends the pause before the disk is asked again. */
  #askAgain: (() => void) | undefined
  /** Whether the disk did not give back the last page, did not note what was released last, did not take what came last. */
  #unreadable = false
  #unnoted = false
  #unwritable = false
  /** Of what got its fate while a page was read: it may be in that page. */
  readonly #settledMeanwhile = new Set<Position>()
  /** Where this run's own records begin; what lies before was another's. */
  #firstOwn: Position = Infinity
  /** Of what has no fate yet: items, and the bytes of their batches. What an earlier run left counts once it is read. */
  #items = 0
  #bytes = 0
  /** In the unit of the sizer: what is being written. */
  #entering = 0
  #busy = 0
  #busyLive = 0
  #turn = 0
  readonly #waiting: (() => void)[] = []
  #onQuiet: (() => void) | undefined
  #stopping = false
  #stopped = false

  constructor({ options, keepsOrder = false, courier, open, ledger }: DurableQueueParts) {
    this.#id = courier.id
    this.#keepsOrder = keepsOrder
    this.#options = options
    this.#open = open
    this.#ledger = ledger
    this.#clock = courier.clock
    this.#logger = courier.log
    this.#courier = new Courier({ ...courier, onFailing: () => this.#quiet() })
  }

  /** In the unit of the sizer: what waits or is on its way, and the most that may. Bytes on disk where the storage alone bounds it. */
  get size(): number {
    const { size, sizer } = this.#options
    if (size === Infinity) return this.#log?.bytes ?? 0
    if (sizer === 'requests') return this.#log?.records ?? 0
    // Not what the files take: they are not cut where something in them is done with.
    return sizer === 'items' ? this.#items : this.#bytes
  }
  get capacity(): number {
    return Math.min(this.#options.size, this.#options.size === Infinity ? (this.#log?.maxBytes ?? 0) : Infinity)
  }

  /** The way in for one pipeline, which keeps its own account. */
  door(account: DestinationAccount): Consumer {
    account.durable = true
    this.#accounts.add(account)
    return { consume: (batch, deadlineMs) => this.#take(batch, deadlineMs, account) }
  }

  async start(): Promise<void> {
    this.#log = await this.#open()
    this.#advance()
  }

  /** Sends what it can while the destination takes it; everything else stays on disk for the next run. */
  async stop(abort: AbortSignal): Promise<void> {
    if (this.#log === undefined || this.#stopped) return
    this.#stopping = true
    await this.#until(abort, () => this.#isStuck() || this.#idle())
    this.#stopped = true
    this.#courier.stop()
    for (const wake of this.#waiting.splice(0)) wake()
    await this.#until(abort, () => this.#busy === 0)
    this.#askAgain?.()
    await this.#reading
    if (this.#items > 0 || !this.#idle()) {
      const items = this.#behind ? 'not all counted' : this.#items
      this.#logger.info({ items, bytes: this.#log.bytes }, 'kept on disk: the next run sends what waits')
    }
    await this.#log.close()
  }

  #idle(): boolean {
    return this.#busy === 0 && this.#live.length === 0 && this.#page.length === 0 && !this.#behind
  }

  #isStuck(): boolean {
    return this.#courier.failing || this.#unreadable
  }

  async #until(abort: AbortSignal, done: () => boolean): Promise<void> {
    const aborted = (): void => this.#onQuiet?.()
    abort.addEventListener('abort', aborted, { once: true })
    while (!abort.aborted && !done()) await new Promise<void>((resolve) => (this.#onQuiet = resolve))
    abort.removeEventListener('abort', aborted)
  }

  #quiet(): void {
    this.#onQuiet?.()
  }

  async #take(batch: Batch, deadlineMs: number, account: DestinationAccount): Promise<void> {
    let position: Position
    try {
      position = await this.#append(batch, deadlineMs, account)
    } catch (cause) {
      account.refused += batch.count
      if (cause instanceof FullError) account.overflowed += batch.count
      else this.#tellUnwritable(cause)
      const message = cause instanceof FullError ? 'the sending queue is full' : `the sending queue cannot be written: ${messageOf(cause)}`
      throw markAccounted(new RetryableError(message, { cause, retryAfterMs: RETRY_MS }))
    }
    if (this.#unwritable) this.#logger.info({}, 'the disk takes again what comes')
    this.#unwritable = false
    this.#firstOwn = Math.min(this.#firstOwn, position)
    account.queued += batch.count
    this.#enter({ position, batch, account, bytes: capacityOf(batch), isLive: true })
    this.#advance()
  }

  /** Rejects with a FullError where there is no room, or none by the deadline where the sender may wait for it. */
  async #append(batch: Batch, deadlineMs: number, account: DestinationAccount): Promise<Position> {
    const parts = encodeBatch(batch, account.pipeline)
    for (;;) {
      try {
        return await this.#write(batch, parts)
      } catch (error) {
        if (!(error instanceof FullError) || !this.#options.blockOnOverflow || !(await this.#room(deadlineMs))) throw error
      }
    }
  }

  /** What the storage holds at most it knows itself. An empty queue takes what is larger than all of it. */
  async #write(batch: Batch, parts: readonly Uint8Array[]): Promise<Position> {
    if (this.#log === undefined || this.#stopped) throw new Error('it is stopped')
    const { size, sizer } = this.#options
    const bytes = byteLengthOf(batch)
    const more = sizer === 'requests' ? 1 : sizer === 'items' ? batch.count : bytes
    const has = this.size + this.#entering
    if (size !== Infinity && has > 0 && has + more > size) throw new FullError(`it holds ${has} ${sizer}, of ${size} at most`)
    this.#entering += more
    try {
      const position = await this.#log.append(parts)
      this.#items += batch.count
      this.#bytes += bytes
      return position
    } finally {
      this.#entering -= more
    }
  }

  /** Settles with false once the deadline has come, with true when something has left. Who waits is served in order. */
  #room(deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const leftMs = deadlineMs - this.#clock.monotonicMs()
      if (leftMs <= 0) return resolve(false)
      const wake = (): void => {
        timer?.cancel()
        resolve(true)
      }
      const late = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1)
        resolve(false)
      }
      const timer = leftMs === Infinity ? undefined : this.#clock.after(leftMs, late)
      this.#waiting.push(wake)
    })
  }

  #enter(held: Held): void {
    if (this.#liveBytes + held.bytes > this.#options.maxBytes && this.#live.length > 0) this.#forget()
    this.#held.add(held.position)
    this.#live.push(held)
    this.#liveBytes += held.bytes
  }

  /** Lets go of what waits in the live line: it is on disk, and from now on backlog. So the live line never holds what is oldest. */
  #forget(): void {
    for (const { position } of this.#live.clear()) {
      this.#held.delete(position)
      this.#cursor = Math.min(this.#cursor, position)
    }
    this.#liveBytes = 0
    this.#behind = true
  }

  #advance(): void {
    if (this.#stopping && (this.#stopped || this.#isStuck())) return
    while (this.#busy < this.#options.consumers) {
      const held = this.#next()
      if (held === undefined) break
      this.#busy++
      if (held.isLive) this.#busyLive++
      void this.#send(held)
    }
  }

  #next(): Held | undefined {
    if (this.#behind && this.#page.length < this.#options.consumers) this.#readOn()
    if (this.#page.length > 0 && !this.#livesTurn()) return this.#page.shift()
    if (this.#behind && this.#keepsOrder) return undefined
    const held = this.#live.shift()
    if (held !== undefined) this.#liveBytes -= held.bytes
    return held
  }

  /** A quarter of the consumers; where they are fewer than four, every fourth time. */
  #livesTurn(): boolean {
    if (this.#live.length === 0 || this.#keepsOrder) return false
    return this.#busyLive < Math.floor(this.#options.consumers / 4) || ++this.#turn % 4 === 0
  }

  /** Never rejects. */
  async #send({ position, batch, account, isLive }: Held): Promise<void> {
    const settled = await this.#courier.deliver(batch, account, (count) => (this.#items -= count))
    this.#busy--
    if (isLive) this.#busyLive--
    if (settled) {
      this.#bytes -= byteLengthOf(batch)
      this.#release(position)
    }
    this.#advance()
    this.#writeOff()
    if (this.#busy === 0) this.#quiet()
  }

  #release(position: Position): void {
    this.#held.delete(position)
    if (this.#reading !== undefined) this.#settledMeanwhile.add(position)
    const noted = this.#log!.release(position).then(
      () => (this.#unnoted = false),
      (cause: unknown) => this.#tellUnnoted(cause),
    )
    // There is room also where the disk does not note it.
    void noted.then(() => this.#waiting.shift()?.())
  }

  /** Once, until the disk takes something again. */
  #tellUnwritable(cause: unknown): void {
    if (!this.#unwritable && !this.#stopped)
      this.#logger.error({ reason: messageOf(cause) }, 'the disk takes nothing now: senders are told to come back')
    this.#unwritable = true
  }

  /** Once, until the disk notes something again: there may be thousands a second. */
  #tellUnnoted(cause: unknown): void {
    if (!this.#unnoted) this.#logger.warn({ reason: messageOf(cause) }, 'the disk does not note what was delivered: it may come again')
    this.#unnoted = true
  }

  #readOn(): void {
    this.#reading ??= this.#readPage().finally(() => {
      this.#reading = undefined
      this.#settledMeanwhile.clear()
      this.#advance()
      this.#writeOff()
      if (this.#idle()) this.#quiet()
    })
  }

  /** When all that can be read has its fate, nothing else will come of what waited on disk alone. */
  #writeOff(): void {
    if (this.#stopped || !this.#idle()) return
    for (const account of this.#accounts) {
      const lost = account.queued
      if (lost <= 0) continue
      account.queued -= lost
      account.refused += lost
      this.#items -= lost
      const fields = { items: lost, pipeline: account.pipeline }
      this.#logger.error(fields, 'lost: they waited on disk alone, and their files are damaged, or somebody removed them')
    }
    this.#bytes = 0
  }

  async #readPage(): Promise<void> {
    const from = this.#cursor
    this.#cursor = Infinity // whoever forgets something meanwhile sets it back
    let page: Page
    try {
      page = await this.#log!.read(from, PAGE_BYTES)
    } catch (cause) {
      this.#cursor = Math.min(this.#cursor, from)
      if (!this.#unreadable)
        this.#logger.error({ reason: messageOf(cause) }, 'the disk does not give back what waits in the queue: trying again every second')
      this.#unreadable = true
      this.#quiet()
      if (!this.#stopping) await this.#pause(READ_AGAIN_MS)
      return
    }
    this.#unreadable = false
    this.#behind = page.records.length > 0 || this.#cursor !== Infinity
    this.#cursor = Math.min(this.#cursor, page.next)
    for (const { position, bytes } of page.records) this.#restore(position, bytes)
  }

  /** Settles after `ms`, or as soon as the queue stops. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#clock.after(ms, resolve)
    this.#askAgain = resolve
    await promise
    timer.cancel()
    this.#askAgain = undefined
  }

  #restore(position: Position, bytes: Uint8Array): void {
    if (this.#held.has(position) || this.#settledMeanwhile.has(position)) return
    this.#held.add(position)
    try {
      const head = readHead(bytes)
      const batch = readBatch(bytes, head, this.#origins)
      const account = this.#ledger.restored(head.pipeline, this.#id)
      if (position < this.#firstOwn) {
        account.durable = true
        this.#accounts.add(account)
        account.restored += head.count
        account.queued += head.count
        this.#items += head.count
        this.#bytes += byteLengthOf(batch)
      }
      this.#page.push({ position, batch, account, bytes: bytes.length, isLive: false })
    } catch (cause) {
      this.#logger.error({ position, reason: messageOf(cause) }, 'a record in the queue is no batch: it stays where it is, unsent')
    }
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
