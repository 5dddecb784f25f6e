// The layout with large objects: spans gather by tenant and hour, and an object leaves when it is large or old enough. What gathers waits in the storage, and
// leaves in the same object after a crash; without a storage it waits in memory alone.

import type { Batch } from '../batch.ts'
import { RetryableError } from '../errors.ts'
import { type DurableLog, FullError, type Storage } from '../storage.ts'
import type { ArchiveTools } from './archive-tools.ts'
import { takeBounded } from './bounded.ts'
import { isErased } from './catalogue.ts'
import { Departures } from './departures.ts'
import { Filling, type SharedRecord } from './filling.ts'
import { manifestIn } from './manifest.ts'
import { INDEX_SUFFIX, MANIFEST_SUFFIX } from './places.ts'
import { byHour } from './partition.ts'
import { publish } from './publish.ts'
import { restored } from './restoring.ts'
import { encodeRecord } from './waiting-record.ts'

export interface ArchiverOptions {
  readonly maxObjectBytes: number
  readonly maxObjectAgeMs: number
  /** Objects that are being filled at once: past it, the oldest leaves before its time. */
  readonly maxOpen: number
  /** What waiting may take in memory, in bytes. Past it, nothing is taken. */
  readonly maxWaitingBytes: number
  /** Undefined where what gathers waits in memory alone. */
  readonly storage: Storage | undefined
  /** Spans that waited in memory, and could not be put anywhere before the end. */
  readonly lost: (spans: number) => void
}

const LOOK_MS = 1000
/** Failures are told of at most so often. */
const SAY_EVERY_MS = 1000

export class Archiver {
  readonly #tools: ArchiveTools
  readonly #options: ArchiverOptions
  /** By tenant and hour, in the order in which they were opened. */
  readonly #open = new Map<string, Filling>()
  readonly #leaving = new Set<Filling>()
  readonly #departures: Departures<Filling>
  #log: DurableLog | undefined
  #timer: { cancel(): void } | undefined
  #waitingBytes = 0
  #saidMs = -Infinity
  #isStopped = false

  constructor(tools: ArchiveTools, options: ArchiverOptions) {
    this.#tools = tools
    this.#options = options
    this.#departures = new Departures({
      clock: tools.clock,
      attempt: (filling) => this.#putAway(filling),
      failed: (filling, error, againInMs) => this.#sayFailed(filling, error, againInMs),
    })
  }

  /** Objects that are being filled, and those that wait to be put where they belong. */
  get open(): number {
    return this.#open.size
  }
  get leaving(): number {
    return this.#leaving.size
  }
  /** Of those, which could not be put there, and are tried again. */
  get failing(): number {
    return this.#departures.failing
  }
  /** What all that waits takes in memory. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  async start(): Promise<void> {
    await this.#tools.store.check()
    this.#log = await this.#options.storage?.open()
    if (this.#log !== undefined) await this.#restore(this.#log)
    this.#look()
  }

  async consume(batch: Batch): Promise<void> {
    if (this.#isStopped) throw new RetryableError('the archive has been stopped')
    const { waitingBytes } = this
    if (waitingBytes > this.#options.maxWaitingBytes * 0.75 && this.#isIdle()) this.#leaveLargest()
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
      for (const { filling, chunk } of parts) this.#end(filling, isThere ? chunk : undefined, record)
    }
    for (const { filling } of parts) if (filling.writer.bytes >= this.#options.maxObjectBytes) this.#leave(filling)
  }

  /** What waits in the storage stays there; what waits in memory leaves now, as far as `abort` allows. */
  async stop(abort: AbortSignal): Promise<void> {
    this.#timer?.cancel()
    this.#isStopped = true
    if (this.#log === undefined) for (const filling of this.#open.values()) this.#leave(filling)
    // In memory alone nothing is on its way into one: each is in the line when this is reached.
    if (this.#log === undefined) await Promise.all([...this.#leaving].map((filling) => filling.whole()))
    await this.#departures.stop(abort, this.#log !== undefined)
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

  #end(filling: Filling, chunk: Uint8Array | undefined, record: SharedRecord | undefined): void {
    filling.end(chunk, record)
    this.#count(filling)
  }

  /** Nothing else changes what it takes: all of them cannot be asked whenever something comes. */
  #count(filling: Filling, bytes: number = filling.memoryBytes): void {
    this.#waitingBytes += bytes - filling.countedBytes
    filling.countedBytes = bytes
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

  /** Nothing is on its way that would make room before it is old, and something could be. */
  #isIdle(): boolean {
    return this.#leaving.size === this.failing && !this.#departures.isAway
  }

  #leaveLargest(): void {
    const [first, ...others] = this.#open.values()
    if (first !== undefined) this.#leave(others.reduce((most, one) => (one.countedBytes > most.countedBytes ? one : most), first))
  }

  #leave(filling: Filling): void {
    const { tenant, hourMs } = filling.belongs
    const key = keyOf(tenant, hourMs)
    if (this.#open.get(key) === filling) this.#open.delete(key)
    if (this.#leaving.has(filling)) return
    this.#leaving.add(filling)
    void filling.whole().then(() => {
      filling.writer.close()
      this.#count(filling)
      if (filling.writer.spans === 0) this.#forget(filling)
      else this.#departures.add(filling)
    })
  }

  /** @throws RetryableError where it is to be tried again. */
  async #putAway(filling: Filling): Promise<void> {
    const { store, clock, tell, counted } = this.#tools
    // Written once: what is there may have been erased by the time at which it is told of.
    filling.manifest ??= await this.#manifestThere(filling)
    if (filling.manifest === undefined) {
      const finished = await filling.writer.finish(clock.now())
      await publish(store, finished)
      filling.manifest = finished.manifest
      counted(finished.manifest)
      await this.#removeHalf(filling)
    }
    if (filling.manifest !== 'not to be told of') await tell(filling.manifest)
    this.#forget(filling)
    this.#release(filling.records)
  }

  /** What an earlier run left without a manifest, under a name that it has no longer. */
  async #removeHalf({ begunAs, belongs: { object } }: Filling): Promise<void> {
    if (begunAs === undefined || begunAs === object) return
    for (const name of [begunAs, `${begunAs}${INDEX_SUFFIX}`]) await this.#tools.store.remove(name).catch(() => {})
  }

  #forget(filling: Filling): void {
    this.#leaving.delete(filling)
    this.#count(filling, 0)
  }

  #sayFailed({ belongs: { object } }: Filling, { message: reason }: Error, againInMs: number): void {
    const nowMs = this.#tools.clock.monotonicMs()
    if (nowMs < this.#saidMs + SAY_EVERY_MS) return
    this.#saidMs = nowMs
    this.#tools.log.warn({ object, reason, again_in_ms: againInMs, failing: this.failing }, 'an object cannot be archived now; it waits')
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

  async #restore(log: DurableLog): Promise<void> {
    const fillings = await restored(log, this.#tools, (filling, chunk, record) => this.#end(filling, chunk, record))
    // Nothing is added to those: they may be where they belong already.
    for (const filling of fillings) this.#leave(filling)
    const spans = fillings.reduce((sum, { writer }) => sum + writer.spans, 0)
    if (spans > 0) this.#tools.log.info({ spans, objects: fillings.length }, 'spans that were not archived yet are restored')
  }

  /** Of a restored object that was there before the process ended: then all that waits for it is in it. Whether that was told of is not known. */
  async #manifestThere({ belongs: { object }, begunAs }: Filling): Promise<Filling['manifest']> {
    if (begunAs === undefined) return undefined
    for (const name of new Set([begunAs, object])) {
      const bytes = await this.#tools.store.get(`${name}${MANIFEST_SUFFIX}`)
      if (bytes === undefined) continue
      const manifest = manifestIn(bytes)
      return 'fault' in manifest || isErased(manifest) ? 'not to be told of' : manifest
    }
    return undefined
  }
}

function keyOf(tenant: string, hourMs: number): string {
  return `${hourMs} ${tenant}`
}
