// Policies that let through so much a second, as the Collector's of the same names decide: a bucket of tokens that is full at first.

import type { otlp } from '../../core/index.ts'
import { resourceRest, scopeRest, spanBytes } from '../../core/traces/index.ts'
import { type Cells, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'

export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #atMs = 0

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  /** What is larger than the bucket never fits. */
  take(n: number, nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = nowMs
    if (n > this.#tokens) return false
    this.#tokens -= n
    return true
  }
}

export class RateLimiting implements Policy {
  readonly #bucket: TokenBucket

  constructor(perSecond: number, burst: number) {
    this.#bucket = new TokenBucket(perSecond, burst > 0 ? burst : perSecond * 2)
  }

  evaluate({ spanCount, nowMs }: TraceView): Vote {
    return this.#bucket.take(spanCount, nowMs) ? SAMPLED : NOT_SAMPLED
  }
}

/** Offsets from the policy's first cell: the bytes so far, and the request, resource and scope that came last. */
const SIZE = 0
const REQUEST = 1
const RESOURCE = 2
const SCOPE = 3

/**
 * A trace's size is that of the requests it came in, had they held nothing else: its spans, and each resource and scope once for every
 * request. The Collector's may differ by a byte for each length that would be written shorter.
 */
export class BytesLimiting implements Policy {
  readonly #bucket: TokenBucket
  readonly #cell: number
  /** The request that is being walked, by number, for its bytes alone would pin it. */
  #request = 0
  #bytes: WeakRef<Uint8Array> | undefined
  readonly #rests = new Map<number, number>()

  constructor(cells: Cells, perSecond: number, burst: number) {
    this.#cell = cells.take(4)
    this.#bucket = new TokenBucket(perSecond, burst > 0 ? burst : perSecond * 2)
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    if (this.#bytes?.deref() !== index.bytes) {
      this.#bytes = new WeakRef(index.bytes)
      this.#request = (this.#request + 1) | 0
      this.#rests.clear()
    }
    const first = at + this.#cell
    const scope = index.scopeOf(span)
    const resource = index.resourceOf(span)
    const isOther = cells[first + SIZE] === 0 || cells[first + REQUEST] !== this.#request
    if (isOther || cells[first + RESOURCE] !== resource)
      cells[first + SIZE]! += this.#rest(-1 - resource, () => resourceRest(index, resource))
    if (isOther || cells[first + SCOPE] !== scope) cells[first + SIZE]! += this.#rest(scope, () => scopeRest(index, scope))
    cells[first + REQUEST] = this.#request
    cells[first + RESOURCE] = resource
    cells[first + SCOPE] = scope
    cells[first + SIZE]! += spanBytes(index, span)
  }

  #rest(key: number, measure: () => number): number {
    let rest = this.#rests.get(key)
    if (rest === undefined) this.#rests.set(key, (rest = measure()))
    return rest
  }

  evaluate({ cells, at, nowMs }: TraceView): Vote {
    return this.#bucket.take(cells[at + this.#cell + SIZE]!, nowMs) ? SAMPLED : NOT_SAMPLED
  }
}
