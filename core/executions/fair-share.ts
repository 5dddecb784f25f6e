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

interface Kept<K, V> {
  readonly key: K
  readonly value: V
  readonly weight: number
  readonly endMs: number
  before: Kept<K, V> | undefined
  after: Kept<K, V> | undefined
}

/**
 * What one owner has: whatever was asked for or added longest ago comes first. In a line of its own, for a Map of which the first is taken again and
 * again has to look past all that were.
 */
interface Share<K, V> {
  readonly kept: Map<K, Kept<K, V>>
  first: Kept<K, V> | undefined
  last: Kept<K, V> | undefined
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
    unlink(share!, kept)
    append(share!, kept)
    return kept.value
  }

  set(owner: string, key: K, value: V, weight = 1): void {
    const { most, forMs, clock } = this.#options
    const nowMs = clock.monotonicMs()
    let share = this.#shares.get(owner)
    if (share === undefined) this.#shares.set(owner, (share = { kept: new Map(), first: undefined, last: undefined, weight: 0 }))
    const before = share.kept.get(key)
    if (before !== undefined) this.#remove(share, before)
    const kept = { key, value, weight, endMs: nowMs + forMs, before: undefined, after: undefined }
    share.kept.set(key, kept)
    append(share, kept)
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
    this.#forget(owner, share, share.first!, nowMs)
  }

  #expire(owner: string, share: Share<K, V>, nowMs: number): void {
    while (share.first !== undefined && share.first.endMs <= nowMs) this.#forget(owner, share, share.first, nowMs)
  }

  #forget(owner: string, share: Share<K, V>, kept: Kept<K, V>, nowMs: number): void {
    this.#remove(share, kept)
    if (share.first === undefined) this.#shares.delete(owner)
    this.#options.forgotten(kept.key, kept.endMs > nowMs)
  }

  #remove(share: Share<K, V>, kept: Kept<K, V>): void {
    share.kept.delete(kept.key)
    unlink(share, kept)
    share.weight -= kept.weight
    this.#weight -= kept.weight
  }

  /** Only where there is one. */
  #next(): [string, Share<K, V>] {
    const { value, done } = this.#round.next()
    if (done !== true) return value
    this.#round = this.#shares.entries()
    return this.#round.next().value!
  }
}

function append<K, V>(share: Share<K, V>, kept: Kept<K, V>): void {
  kept.before = share.last
  kept.after = undefined
  if (share.last === undefined) share.first = kept
  else share.last.after = kept
  share.last = kept
}

function unlink<K, V>(share: Share<K, V>, { before, after }: Kept<K, V>): void {
  if (before === undefined) share.first = after
  else before.after = after
  if (after === undefined) share.last = before
  else after.before = before
}
