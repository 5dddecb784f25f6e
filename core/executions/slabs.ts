// Where the parts of open executions lie: many in one buffer each, for a buffer of its own costs a small part half of its size again. What is
// freed leaves holes; a slab that is mostly holes is emptied into another. One that nobody has looked at for a while is compressed: parts are much alike,
// and executions that are open for long are looked at seldom. The table holds one.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Clock } from '../clock.ts'

export interface Slab {
  /** Either these bytes, or those that they were compressed to. */
  buffer: Buffer | undefined
  packed: Buffer | undefined
  used: number
  /** Bytes that are not freed. */
  live: number
  /** Everything that has ever lain here: what has left says so by its own `slab`. */
  readonly lodgers: Lodger[]
  touchedMs: number
}

/** Something that lies in a slab, and may be moved to another. */
export interface Lodger {
  slab: Slab | undefined
  start: number
  length: number
}

/** Small enough to be unpacked for one part: 30 µs. */
const SLAB_BYTES = 32 * 1024
/** What is larger lies alone. */
const LARGE_BYTES = SLAB_BYTES / 4
/** A slab of which less is live is emptied: so slabs take at most twice what lies in them, and moving costs at most what freeing did. */
const LEAST_LIVE = 1 / 2
/** What nobody has touched for so long is compressed; past so many bytes also what has been touched since, that first which was touched longest ago. */
const COLD_MS = 10_000
const MOST_WARM_BYTES = 8 * 1024 * 1024
const LOOK_MS = 1000
/** So many take less than a millisecond; then others have their turn. */
const PACKED_AT_ONCE = 4
const SOON_MS = 10

const EMPTY = new Uint8Array(0)

export class Slabs {
  readonly #clock: Clock
  readonly #mostWarmBytes: number
  #current: Slab
  /** Full, and not compressed, those first that were touched longest ago. */
  readonly #warm = new Set<Slab>()
  #warmBytes = 0
  #timer: { cancel(): void } | undefined
  #bytes = 0
  #stopped = false

  constructor(clock: Clock, mostWarmBytes: number = MOST_WARM_BYTES) {
    this.#clock = clock
    this.#mostWarmBytes = mostWarmBytes
    this.#current = this.#newSlab(SLAB_BYTES)
  }

  /** What they take. */
  get bytes(): number {
    return this.#bytes
  }

  /** Copies the bytes in. */
  add(lodger: Lodger, bytes: Uint8Array): void {
    const { length } = bytes
    const slab = length > LARGE_BYTES ? this.#alone(length) : this.#slabFor(length)
    slab.buffer!.set(bytes, slab.used)
    lodger.slab = slab
    lodger.start = slab.used
    lodger.length = length
    slab.used += length
    slab.live += length
    slab.lodgers.push(lodger)
  }

  /** Valid until something is freed, and then still what it was. Empty for what was freed itself. */
  bytesIn({ slab, start, length }: Lodger): Uint8Array {
    return slab === undefined ? EMPTY : this.#unpacked(slab).subarray(start, start + length)
  }

  free(lodger: Lodger): void {
    const { slab } = lodger
    if (slab === undefined) return
    lodger.slab = undefined
    slab.live -= lodger.length
    if (slab !== this.#current) this.#tidy(slab)
  }

  /** Compresses no more. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #alone(length: number): Slab {
    const slab = this.#newSlab(length)
    this.#warmed(slab)
    return slab
  }

  #slabFor(length: number): Slab {
    if (this.#current.used + length > SLAB_BYTES) {
      const full = this.#current
      this.#current = this.#newSlab(SLAB_BYTES)
      this.#warmed(full)
      this.#tidy(full)
    }
    return this.#current
  }

  #newSlab(bytes: number): Slab {
    this.#bytes += bytes
    const touchedMs = this.#clock.monotonicMs()
    return { buffer: Buffer.allocUnsafeSlow(bytes), packed: undefined, used: 0, live: 0, lodgers: [], touchedMs }
  }

  #unpacked(slab: Slab): Buffer {
    slab.touchedMs = this.#clock.monotonicMs()
    if (slab.packed !== undefined) {
      slab.buffer = zstdDecompressSync(slab.packed)
      this.#bytes += slab.buffer.length - slab.packed.length
      slab.packed = undefined
    }
    if (slab !== this.#current) {
      // As the one that was touched last.
      this.#left(slab)
      this.#warmed(slab)
    }
    return slab.buffer!
  }

  #warmed(slab: Slab): void {
    this.#warm.add(slab)
    this.#warmBytes += slab.buffer!.length
    if (this.#warmBytes > this.#mostWarmBytes) this.#pack()
    this.#watch()
  }

  #left(slab: Slab): void {
    if (this.#warm.delete(slab)) this.#warmBytes -= slab.buffer!.length
  }

  #tidy(slab: Slab): void {
    if (slab.live > 0 && slab.live >= slab.used * LEAST_LIVE) return
    const bytes = slab.live === 0 ? EMPTY : this.#unpacked(slab)
    this.#left(slab)
    this.#bytes -= (slab.buffer ?? slab.packed)?.length ?? 0
    slab.buffer = slab.packed = undefined
    for (const lodger of slab.lodgers.splice(0)) {
      if (lodger.slab === slab) this.add(lodger, bytes.subarray(lodger.start, lodger.start + lodger.length))
    }
    slab.live = 0
  }

  #watch(afterMs = LOOK_MS): void {
    if (this.#timer !== undefined || this.#stopped) return
    this.#timer = this.#clock.after(afterMs, () => {
      this.#timer = undefined
      const isDone = this.#pack()
      if (this.#warm.size > 0) this.#watch(isDone ? LOOK_MS : SOON_MS)
    })
  }

  /** A few, those first that were touched longest ago; whether there is no more to be done now. */
  #pack(): boolean {
    let left = PACKED_AT_ONCE
    for (const slab of this.#warm) {
      const isDue = this.#warmBytes > this.#mostWarmBytes || slab.touchedMs + COLD_MS <= this.#clock.monotonicMs()
      // Whoever has touched the last one is at work on it.
      if (!isDue || this.#stopped || this.#warm.size === 1) return true
      if (left-- === 0) return false
      this.#packOne(slab)
    }
    return true
  }

  /** Here and now: a context of zstd for each that waits in another thread would take more than is saved. */
  #packOne(slab: Slab): void {
    const { buffer, used } = slab
    this.#left(slab)
    const packed = zstdCompressSync(buffer!.subarray(0, used))
    // A copy, for what it makes lies in a buffer of 64 KB with whatever else was made just then.
    slab.packed = Buffer.allocUnsafeSlow(packed.length)
    packed.copy(slab.packed)
    slab.buffer = undefined
    this.#bytes += slab.packed.length - buffer!.length
  }
}
