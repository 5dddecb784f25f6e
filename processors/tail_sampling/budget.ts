// The policy `budget`: so many spans a second, whatever arrives. What is due together is shared out among services and operations, so that
// each gets the same until it has all its spans: rare ones survive whole, frequent ones are thinned.
//
// The choice is consistent: an operation's share becomes a threshold, which is compared with the trace's randomness and written into the
// tracestate of what is kept. So whoever counts spans downstream by 1 / probability counts right. The share of a trace never depends on
// its own randomness, or the counts would be off.

import type { otlp } from '../../core/index.ts'
import { hashOfOperation, isRoot } from '../../core/traces/index.ts'
import { type Cells, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'
import { ALL, explicitRandomness, randomnessOf, SpanTexts } from './trace-state.ts'

/** What was not used is kept for half a second, and what was too much is paid back for up to two. */
const SAVED_SECONDS = 0.5
const OWED_SECONDS = 2

/** Offsets from the policy's first cell: the operation (0: no span yet), whether it is the root's, and the explicit randomness plus one. */
const OPERATION = 0
const OF_ROOT = 1
const RANDOMNESS = 2

export class Budget implements Policy {
  readonly #perSecond: number
  readonly #cell: number
  readonly #texts = new SpanTexts()
  #credit = 0
  #atMs = -1
  /** Spans that are due together, by operation. */
  readonly #due = new Map<number, number>()
  #isShared = true
  /** What an operation gets of what is due now. */
  #share = Infinity

  constructor(cells: Cells, perSecond: number) {
    this.#cell = cells.take(3)
    this.#perSecond = perSecond
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    const first = at + this.#cell
    const root = isRoot(index, span)
    if (cells[first + OPERATION] !== 0 && (!root || cells[first + OF_ROOT] === 1)) return
    cells[first + OPERATION] = hashOfOperation(index, span)
    if (root) cells[first + OF_ROOT] = 1
    const explicit = explicitRandomness(this.#texts.traceState(index, span))
    if (explicit !== undefined) cells[first + RANDOMNESS] = explicit + 1
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

  /** Of 2^20 ids, how many are rejected. */
  thresholdOf({ cells, at }: TraceView): number {
    const due = this.#due.get(cells[at + this.#cell + OPERATION]!) ?? 0
    return due <= this.#share ? 0 : Math.min(ALL - 1, Math.round(ALL * (1 - this.#share / due)))
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
