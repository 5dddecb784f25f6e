// What a policy is: it is shown every span as it comes in, keeps a few numbers for each trace, and votes once on the whole. A new policy
// implements this and is added to compile.ts. Nothing here knows of the processor: traces in, decisions out.

import type { Attribute } from '../../core/anomaly/index.ts'
import type { otlp } from '../../core/index.ts'

export const NOT_SAMPLED = 0
export const SAMPLED = 1
/** Whatever the other policies say. */
export const DROPPED = 2
/** No vote: the policy could not be evaluated. */
export const FAILED = 3
export type Vote = 0 | 1 | 2 | 3

/** A trace that is being decided: one object for all, moved from one to the next. */
export interface TraceView {
  /** The trace id as four little-endian words. */
  readonly id: Int32Array
  readonly spanCount: number
  /** The numbers that policies keep: each has its own from `at` and its offset on. */
  readonly cells: Int32Array
  readonly at: number
  /** On the monotonic clock. */
  readonly nowMs: number
}

export interface Policy {
  /** A span of the trace whose numbers are `cells[at …]`. The index holds until this returns. */
  observe?(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void
  /** A trace that is about to be decided, together with others: all are gathered before the first is evaluated. */
  gather?(trace: TraceView): void
  evaluate(trace: TraceView): Vote
  /** What all policies together came to, for a trace that was gathered. */
  settle?(trace: TraceView, isKept: boolean): void
  /** For a trace for which it voted SAMPLED: the number of its policy within, and of 2^20 ids how many it rejects. */
  readonly chosen?: number
  thresholdOf?(trace: TraceView): number
}

/** A policy whose answer takes a moment. */
export interface Foreseer extends Policy {
  /** How long before a trace is due it wants to see it, in milliseconds. */
  readonly aheadMs: number
  /** What it keeps of traces that are not decided, beside their cells. */
  readonly bytes: number
  /** A trace that will be decided soon; it may come again. */
  foresee(trace: TraceView): void
  /** Begins to look at those that it was shown. Settles once `evaluate` knows all that it ever was; never rejects. */
  ask(): Promise<void>
  /** What the spans of a trace for which it holds shall say. */
  attributesOf(trace: TraceView): readonly Attribute[] | undefined
  /** The trace is decided: nothing of it is kept. */
  forget(trace: TraceView): void
}

/** Hands out the numbers that are kept for each trace. */
export class Cells {
  count = 0

  /** The offset of the first of `n`. They are 0 for a new trace. */
  take(n: number): number {
    const first = this.count
    this.count += n
    return first
  }
}
