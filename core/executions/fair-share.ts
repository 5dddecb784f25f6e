// What is remembered of many owners, within one bound: when it is full, those who have more than their share forget first, so that nobody can push
// out what others have. The memory of messages, and what of it is on disk, stand on it.

import type { Clock } from '../clock.ts'

export interface FairShareOptions<K> {
  /** The weight that all may have together. */
  readonly most: number
  readonly forMs: number
  readonly clock: Clock
  /** Told of each that is forgotten; `early`: for want of room. */
  readonly forgotten: (key: K, early: boolean) => void
}

/** Owners that are looked at, with each that is added, for what is too old. */
const STEPS = 2

interface Kept<V> {
  readonly value: V
  readonly weight: number
  readonly endMs: number
}

/** What one owner has: whatever was asked for or added longest ago comes first. */
interface Share<K, V> {
  readonly kept: Map<K, Kept<V>>
  weight: number
}

export class FairShare<K, V> {
  readonly #options: FairShareOptions<K>
  readonly #shares = new Map<string, Share<K, V>>()
  #weight = 0
  /** Goes round all owners, some steps at a time. */
  #round: MapIterator<[string, Share<K, V>]>

  constructor(options: FairShareOptions<K>) {
    this.#options = options
    this.#round = this.#shares.entries()
  }

  get weight(): number {
    return this.#weight
  }

  get(owner: string, key: K): V | undefined {
    const share = this.#shares.get(owner)
    const kept = share?.kept.get(key)
    if (kept === undefined || kept.endMs <= this.#options.clock.monotonicMs()) return undefined
    share!.kept.delete(key)
    share!.kept.set(key, kept)
    return kept.value
  }

  set(owner: string, key: K, value: V, weight = 1): void {
    const { most, forMs, clock } = this.#options
    const nowMs = clock.monotonicMs()
    let share = this.#shares.get(owner)
    if (share === undefined) this.#shares.set(owner, (share = { kept: new Map(), weight: 0 }))
    const before = share.kept.get(key)
    if (before !== undefined) this.#remove(share, key, before)
    share.kept.set(key, { value, weight, endMs: nowMs + forMs })
    share.weight += weight
    this.#weight += weight
    this.#expire(owner, share, nowMs)
    for (let step = 0; step < STEPS && this.#shares.size > 0; step++) this.#expire(...this.#next(), nowMs)
    while (this.#weight > most) this.#forgetOne(owner, share, nowMs)
  }

  /** Of this owner if it has more than its share, or else of one that has. */
  #forgetOne(own: string, ownShare: Share<K, V>, nowMs: number): void {
    const fair = this.#options.most / this.#shares.size
    let [owner, share] = [own, ownShare]
    while (share.weight <= fair) [owner, share] = this.#next()
    const [key, kept] = share.kept.entries().next().value!
    this.#forget(owner, share, key, kept, nowMs)
  }

  #expire(owner: string, share: Share<K, V>, nowMs: number): void {
    for (const [key, kept] of share.kept) {
      if (kept.endMs > nowMs) return
      this.#forget(owner, share, key, kept, nowMs)
    }
  }

  #forget(owner: string, share: Share<K, V>, key: K, kept: Kept<V>, nowMs: number): void {
    this.#remove(share, key, kept)
    if (share.kept.size === 0) this.#shares.delete(owner)
    this.#options.forgotten(key, kept.endMs > nowMs)
  }

  #remove(share: Share<K, V>, key: K, { weight }: Kept<V>): void {
    share.kept.delete(key)
    share.weight -= weight
    this.#weight -= weight
  }

  /** Only where there is one. */
  #next(): [string, Share<K, V>] {
    const { value, done } = this.#round.next()
    if (done !== true) return value
    this.#round = this.#shares.entries()
    return this.#round.next().value!
  }
}
