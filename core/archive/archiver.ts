// The layout with large objects: spans gather by tenant and hour, and an object leaves when it is large or old enough. What gathers waits in the storage, and
// leaves in the same object after a crash; without a storage it waits in memory alone.

import type { Batch } from '../batch.ts'
import { RetryableError } from '../errors.ts'
import { type DurableLog, FullError, type Position, type Storage } from '../storage.ts'
import type { ArchiveTools } from './archive-tools.ts'
import { bounded, takeBounded } from './bounded.ts'
import { Filling, type SharedRecord } from './filling.ts'
import type { Manifest } from './manifest.ts'
import { MANIFEST_SUFFIX } from './places.ts'
import { byHour } from './partition.ts'
import { publish } from './publish.ts'
import { encodeRecord, partsOf } from './waiting-record.ts'

export interface ArchiverOptions {
  readonly maxObjectBytes: number
  readonly maxObjectAgeMs: number
  /** Objects that are being filled at once: past it, the oldest leaves before its time. */
  readonly maxOpen: number
  /** What may wait in memory, in bytes as it would lie in objects. Past it, nothing is taken. */
  readonly maxWaitingBytes: number
  /** Undefined where what gathers waits in memory alone. */
  readonly storage: Storage | undefined
  /** Spans that waited in memory, and could not be put anywhere before the end. */
  readonly lost: (spans: number) => void
}

/** What an object takes in memory beside its spans, in bytes: measured, and counted as waiting. */
export const OBJECT_BYTES = 8192
const LOOK_MS = 1000
const LEAVING_AT_ONCE = 4
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 30_000
const PAGE_BYTES = 4 * 1024 * 1024

export class Archiver {
  readonly #tools: ArchiveTools
  readonly #options: ArchiverOptions
  /** By tenant and hour, in the order in which they were opened. */
  readonly #open = new Map<string, Filling>()
  readonly #leaving = new Set<Filling>()
  readonly #line: Filling[] = []
  readonly #stopping = new AbortController()
  #log: DurableLog | undefined
  #timer: { cancel(): void } | undefined
  #atWork = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor(tools: ArchiveTools, options: ArchiverOptions) {
    this.#tools = tools
    this.#options = options
  }

  /** Objects that are being filled, and those that wait to be put where they belong. */
  get open(): number {
    return this.#open.size
  }
  get leaving(): number {
    return this.#leaving.size
  }
  /** What waits, as it would lie in objects, and what they take beside it. */
  get waitingBytes(): number {
    let bytes = (this.#open.size + this.#leaving.size) * OBJECT_BYTES
    for (const { writer } of [...this.#open.values(), ...this.#leaving]) bytes += writer.bytes
    return bytes
  }

  async start(): Promise<void> {
    await this.#tools.store.check()
    this.#log = await this.#options.storage?.open()
    if (this.#log !== undefined) await this.#restore(this.#log)
    this.#look()
  }

  async consume(batch: Batch): Promise<void> {
    if (this.#stopping.signal.aborted) throw new RetryableError('the archive has been stopped')
    const { waitingBytes } = this
    if (waitingBytes > this.#options.maxWaitingBytes * 0.75 && this.#leaving.size === 0) this.#leaveLargest()
    if (waitingBytes > this.#options.maxWaitingBytes) throw new RetryableError('too much waits to be archived', { retryAfterMs: 1000 })
    await takeBounded(batch, this.#tools.layout.encoding, (chunks) => this.#take(chunks, batch.origin.tenant))
  }

  async #take(chunks: readonly Uint8Array[], tenant: string): Promise<void> {
    const parts = chunks.flatMap((chunk) => byHour(chunk)).map(({ key, chunk }) => ({ filling: this.#beginIn(tenant, key), chunk }))
    let record: SharedRecord | undefined
    let isThere = false
    try {
      if (this.#log !== undefined) {
        const encoded = encodeRecord(parts.map(({ filling, chunk }) => [filling.belongs, chunk]))
        record = { position: await this.#log.append(encoded), left: parts.length }
      }
      isThere = true
    } catch (cause) {
      const reason = cause instanceof FullError ? 'the storage is full' : 'the storage cannot be written'
      throw new RetryableError(reason, { cause })
    } finally {
      for (const { filling, chunk } of parts) filling.end(isThere ? chunk : undefined, record)
    }
    for (const { filling } of parts) if (filling.writer.bytes >= this.#options.maxObjectBytes) this.#leave(filling)
  }

  /** What waits in the storage stays there; what waits in memory leaves now, as far as `abort` allows. */
  async stop(abort: AbortSignal): Promise<void> {
    this.#timer?.cancel()
    if (this.#log === undefined) for (const filling of this.#open.values()) this.#leave(filling)
    this.#stopping.abort()
    if (this.#atWork > 0 && !abort.aborted) {
      this.#idle = Promise.withResolvers<void>()
      abort.addEventListener('abort', () => this.#idle!.resolve(), { once: true })
      await this.#idle.promise
    }
    if (this.#log === undefined) {
      const lost = [...this.#leaving].reduce((sum, { writer }) => sum + writer.spans, 0)
      if (lost > 0) this.#options.lost(lost)
    }
    this.#tools.store.close()
  }

  /** It waits for the part at once: opening one for the next part may make it leave. */
  #beginIn(tenant: string, hourMs: number): Filling {
    const filling = this.#fillingFor(tenant, hourMs)
    filling.begin()
    return filling
  }

  #fillingFor(tenant: string, hourMs: number): Filling {
    const key = keyOf(tenant, hourMs)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const filling = Filling.open(tenant, hourMs, this.#tools)
    this.#open.set(key, filling)
    if (this.#open.size > this.#options.maxOpen) this.#leave(this.#open.values().next().value!)
    return filling
  }

  /** Nothing is on its way, so that nothing else makes room before it is old. */
  #leaveLargest(): void {
    const [first, ...others] = this.#open.values()
    if (first !== undefined) this.#leave(others.reduce((most, one) => (one.writer.bytes > most.writer.bytes ? one : most), first))
  }

  #leave(filling: Filling): void {
    const { tenant, hourMs } = filling.belongs
    const key = keyOf(tenant, hourMs)
    if (this.#open.get(key) === filling) this.#open.delete(key)
    if (this.#leaving.has(filling)) return
    this.#leaving.add(filling)
    this.#line.push(filling)
    if (this.#atWork < LEAVING_AT_ONCE) void this.#work()
  }

  async #work(): Promise<void> {
    this.#atWork++
    for (let filling = this.#line.shift(); filling !== undefined; filling = this.#line.shift()) await this.#putAway(filling)
    if (--this.#atWork === 0) this.#idle?.resolve()
  }

  /** Tries until it is there, or until we stop. */
  async #putAway(filling: Filling): Promise<void> {
    const { store, clock, log, written } = this.#tools
    await filling.whole()
    if (filling.writer.spans === 0) return void this.#leaving.delete(filling)
    let manifest: Manifest | undefined
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2)) {
      try {
        if (manifest === undefined && (await this.#isThere(filling))) break
        // Written once: what is there may have been erased by the time at which it is told of.
        if (manifest === undefined) {
          const finished = await filling.writer.finish(clock.now())
          await publish(store, finished)
          manifest = finished.manifest
        }
        await written(manifest)
        break
      } catch (error) {
        log.warn(
          { object: filling.belongs.object, reason: (error as Error).message, again_in_ms: delayMs },
          'an object cannot be archived now; it waits',
        )
        if (this.#stopping.signal.aborted) return
        await this.#pause(delayMs)
      }
    }
    this.#leaving.delete(filling)
    this.#release(filling.records)
  }

  /** Ends early where we stop: for a last attempt. */
  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#tools.clock.after(ms, resolve)
    const stops = (): void => resolve()
    this.#stopping.signal.addEventListener('abort', stops, { once: true })
    return promise.finally(() => {
      timer.cancel()
      this.#stopping.signal.removeEventListener('abort', stops)
    })
  }

  /** What is not released comes back after a restart, finds its manifest, and is released then. */
  #release(records: readonly SharedRecord[]): void {
    for (const record of records) if (--record.left === 0) this.#log!.release(record.position).catch(() => {})
  }

  #look(): void {
    const { clock } = this.#tools
    this.#timer = clock.after(LOOK_MS, () => {
      for (const filling of this.#open.values()) {
        if (filling.openedMs + this.#options.maxObjectAgeMs > clock.monotonicMs()) break
        this.#leave(filling)
      }
      this.#look()
    })
  }

  /** Every part belongs to the object that it belonged to before. Nothing is added to those: they may be where they belong already. */
  async #restore(log: DurableLog): Promise<void> {
    const fillings = new Map<string, Filling>()
    for (let from = 0; ;) {
      const { records, next } = await log.read(from, PAGE_BYTES)
      if (records.length === 0) break
      for (const { position, bytes } of records) this.#restoreRecord(position, bytes, fillings)
      from = next
    }
    for (const filling of fillings.values()) this.#leave(filling)
    const spans = [...fillings.values()].reduce((sum, { writer }) => sum + writer.spans, 0)
    if (spans > 0) this.#tools.log.info({ spans, objects: fillings.size }, 'spans that were not archived yet are restored')
  }

  #restoreRecord(position: Position, bytes: Uint8Array, fillings: Map<string, Filling>): void {
    const parts = partsOf(bytes)
    const record: SharedRecord = { position, left: parts.length }
    for (const [belongs, chunk] of parts) {
      // Another encoding may have been chosen since.
      const { chunks, refused } = bounded(chunk, this.#tools.layout.encoding)
      if (refused > 0) this.#sayUnwritable(refused)
      record.left += chunks.length - (refused > 0 ? 0 : 1)
      const filling = fillings.get(belongs.object) ?? new Filling(belongs, this.#tools, true)
      fillings.set(belongs.object, filling)
      for (const one of chunks) {
        filling.begin()
        filling.end(Buffer.from(one), record)
      }
    }
  }

  /** Their record is never released: whoever configures this may choose otherwise. */
  #sayUnwritable(spans: number): void {
    const { encoding } = this.#tools.layout
    this.#tools.log.error(
      { spans },
      `spans that waited are too large to be archived as ${encoding}; they stay in the storage, which is read at every start`,
    )
  }

  /** Before the process ended, perhaps: then all that waits for it is in it. */
  async #isThere({ isRestored, belongs }: Filling): Promise<boolean> {
    return isRestored && (await this.#tools.store.get(`${belongs.object}${MANIFEST_SUFFIX}`)) !== undefined
  }
}

function keyOf(tenant: string, hourMs: number): string {
  return `${hourMs} ${tenant}`
}
