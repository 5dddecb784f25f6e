// All ways to the destination: which shards send now, each for itself or several in one request. The exporter has one, and tells it when points
// have come.
//
// While little waits, what is ready goes together: five requests of twenty points cost five times one of a hundred. When more waits, and after
// anything has failed, each shard sends for itself, so that a request that is not answered holds up its own series alone.

import { RetryableError } from '../../core/index.ts'
import { Load } from './load.ts'
import type { Counts } from './message.ts'
import type { Segment } from './segment.ts'
import { Shard, type ShardParts, shareOf } from './shard.ts'

/** What became of a load: how many of its items were refused, and why. */
export interface Fate {
  readonly refused: number
  readonly reason: string
}

/** A load as bytes, if it fits into one request. */
export interface Encoded {
  readonly body: Uint8Array
  readonly counts: Counts
  readonly version: 1 | 2
}

export interface WaysParts extends Omit<ShardParts, 'onReady'> {
  readonly shards: number
  /** How many points a request may have. */
  readonly maxPoints: number
  /** A number where it does not fit: how many points, of so many, might. One always fits. */
  readonly encode: (load: Load) => Encoded | number
  /** Sends once. Rejects with a RetryableError where it is not now. */
  readonly send: (load: Load, encoded: Encoded) => Promise<Fate>
}

/** Up to so many points go together. */
const TOGETHER_POINTS = 1000
/** Requests that had to be cut are followed by ones that begin a little larger again. */
const GROWTH = 1.25

export class Ways {
  readonly #parts: WaysParts
  readonly #shards: readonly Shard[]
  #maxPoints: number
  #stopped = false

  constructor(parts: WaysParts) {
    this.#parts = parts
    this.#maxPoints = parts.maxPoints
    const { clock, retry } = parts
    this.#shards = Array.from({ length: parts.shards }, () => new Shard({ clock, retry, onReady: () => this.#advance() }))
  }

  /** Segments by shard. Synchronous: they stand in line when it returns. */
  add(segments: readonly (Segment | undefined)[]): void {
    for (const [i, segment] of segments.entries()) if (segment !== undefined) this.#shards[i]!.line.push(segment)
    this.#advance()
  }

  /** Gives everything back, and sends nothing more. */
  stop(error: RetryableError): void {
    this.#stopped = true
    for (const shard of this.#shards) shard.stop(error)
  }

  #advance(): void {
    if (this.#stopped) return
    const ready = this.#shards.filter((shard) => shard.isReady)
    if (ready.length > 1 && this.#isLittle(ready)) {
      const load = new Load(ready.map((shard) => [shard.line, shard.waiting(Infinity)]))
      const encoded = this.#parts.encode(load)
      if (typeof encoded !== 'number') return this.#send(ready, load, encoded)
    }
    for (const shard of ready) this.#one(shard)
  }

  #isLittle(shards: readonly Shard[]): boolean {
    let waiting = 0
    for (const shard of shards) if (!shard.isFine || (waiting += shard.waiting(TOGETHER_POINTS + 1)) > TOGETHER_POINTS) return false
    return waiting <= this.#maxPoints
  }

  /** As many points as may be in a request, from the front of its line. */
  #one(shard: Shard): void {
    for (let points = shard.waiting(Math.floor(this.#maxPoints)); points > 0;) {
      const load = new Load([[shard.line, points]])
      const encoded = this.#parts.encode(load)
      if (typeof encoded !== 'number') return this.#send([shard], load, encoded)
      points = this.#maxPoints = Math.max(1, Math.min(points - 1, encoded))
    }
  }

  #send(shards: readonly Shard[], load: Load, encoded: Encoded): void {
    for (const shard of shards) shard.isBusy = true
    void this.#carry(shards, load, encoded).finally(() => {
      for (const shard of shards) shard.isBusy = false
      this.#advance()
    })
  }

  /** Never rejects. */
  async #carry(shards: readonly Shard[], load: Load, encoded: Encoded): Promise<void> {
    try {
      const fate = load.streams === 0 ? NOTHING_REFUSED : await this.#parts.send(load, encoded)
      this.#arrived(shards, load, fate)
    } catch (thrown) {
      const error = thrown instanceof RetryableError ? thrown : new RetryableError(String(thrown), { cause: thrown })
      for (const shard of shards) shard.failed(error)
    }
  }

  #arrived(shards: readonly Shard[], { pointsOf, itemsOf, items }: Load, { refused, reason }: Fate): void {
    this.#maxPoints = Math.min(this.#parts.maxPoints, this.#maxPoints * GROWTH)
    let [leftItems, leftRefused] = [items, refused]
    for (const [i, shard] of shards.entries()) {
      const share = shareOf(leftRefused, itemsOf[i]!, leftItems)
      leftItems -= itemsOf[i]!
      leftRefused -= share
      shard.arrived(pointsOf[i]!, itemsOf[i]!, share, reason)
    }
    for (const shard of this.#shards) shard.wake()
  }
}

const NOTHING_REFUSED: Fate = { refused: 0, reason: '' }
