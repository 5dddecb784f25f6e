// The policy `budget`: so many spans a second, whatever arrives. What is due together is shared out among services and operations, so that
// each gets the same until it has all its spans: rare ones survive whole, frequent ones are thinned.
//
// The choice is consistent: an operation's share becomes a threshold, which is compared with the trace's randomness and written into the
// tracestate of what is kept. So whoever counts spans downstream by 1 / probability counts right. The share of a trace never depends on
// its own randomness, or the counts would be off.

import type { otlp } from '../../core/index.ts'
import { traceStateOf } from '../../core/sampling/index.ts'
import { hashOfOperation, isRoot } from '../../core/traces/index.ts'
import { type Cells, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'
import { ALL, explicitRandomness, randomnessOf, thresholdBefore } from './trace-state.ts'

/** What was not used is kept for half a second, and what was too much is paid back for up to two. */
const SAVED_SECONDS = 0.5
const OWED_SECONDS = 2

/**
 * Offsets from the policy's first cell: the operation (0: no span yet), whether it is the root's, the explicit randomness plus one, and the
 * threshold by which a sampler before this one kept it.
 */
const OPERATION = 0
const OF_ROOT = 1
const RANDOMNESS = 2
const BEFORE = 3

export class Budget implements Policy {
  readonly #perSecond: number
  readonly #cell: number
  #credit = 0
  #atMs = -1
  /** Spans that are due together, by operation. */
  readonly #due = new Map<number, number>()
  #isShared = true
  /** What an operation gets of what is due now. */
  #share = Infinity

  constructor(cells: Cells, perSecond: number) {
    this.#cell = cells.take(4)
    this.#perSecond = perSecond
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    const first = at + this.#cell
    const root = isRoot(index, span)
    if (cells[first + OPERATION] !== 0 && (!root || cells[first + OF_ROOT] === 1)) return
    cells[first + OPERATION] = hashOfOperation(index, span)
    if (root) cells[first + OF_ROOT] = 1
    const traceState = traceStateOf(index, span)
    if (traceState === '') return
    const explicit = explicitRandomness(traceState)
    if (explicit !== undefined) cells[first + RANDOMNESS] = explicit + 1
    cells[first + BEFORE] = thresholdBefore(traceState)
  }

  gather({ cells, at, spanCount }: TraceView): void {
    if (this.#isShared) this.#due.clear()
    this.#isShared = false
    const operation = cells[at + this.#cell + OPERATION]!
    this.#due.set(operation, (this.#due.get(operation) ?? 0) + spanCount)
  }

  evaluate(trace: TraceView): Vote {
    if (!this.#isShared) this.#shareOut(trace.nowMs)
    const { cells, at, id } = trace
    const explicit = cells[at + this.#cell + RANDOMNESS]!
    return (explicit > 0 ? explicit - 1 : randomnessOf(id)) >= this.thresholdOf(trace) ? SAMPLED : NOT_SAMPLED
  }

  /**
   * Of 2^20 ids, how many are rejected. Of those that a sampler before this one rejected none arrive, so the share is taken of the rest: by the
   * same threshold as without it, nearly everything would be kept.
   */
  thresholdOf({ cells, at }: TraceView): number {
    const due = this.#due.get(cells[at + this.#cell + OPERATION]!) ?? 0
    if (due <= this.#share) return 0
    const before = cells[at + this.#cell + BEFORE]!
    return Math.min(ALL - 1, before + Math.round((ALL - before) * (1 - this.#share / due)))
  }

  settle({ spanCount }: TraceView, isKept: boolean): void {
    if (isKept) this.#credit = Math.max(this.#credit - spanCount, -OWED_SECONDS * this.#perSecond)
  }

  /** The level up to which every operation is filled, so that together they take what there is. */
  #shareOut(nowMs: number): void {
    this.#isShared = true
    const seconds = this.#atMs < 0 ? SAVED_SECONDS : Math.max(0, nowMs - this.#atMs) / 1000
    this.#atMs = nowMs
    this.#credit = Math.min(this.#credit + seconds * this.#perSecond, Math.max(SAVED_SECONDS, seconds) * this.#perSecond)
    const amounts = Float64Array.from(this.#due.values()).sort()
    let left = Math.max(0, this.#credit)
    let operations = amounts.length
    this.#share = Infinity
    for (const amount of amounts) {
      if (amount * operations > left) {
        this.#share = left / operations
        return
      }
      left -= amount
      operations--
    }
  }
}
