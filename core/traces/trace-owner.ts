// What a trace buffer asks of whoever owns it, and what it hands out.

import type { Batch } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { RequestIndex } from '../otlp/request-index.ts'

export interface TraceBufferOptions {
  readonly maxBytes: number
  readonly maxTraces: number
  /** A trace with more is due at once. An eighth of the budget where it is not given, and never more. */
  readonly largestBytes?: number
  readonly waitMs: number
  /** From the root's arrival, where that makes it shorter; Infinity: it does not. */
  readonly waitAfterRootMs: number
  /** Numbers that the owner keeps for each trace. */
  readonly ownCells: number
  /** Whether a full buffer makes room by deciding the oldest traces early, or refuses. */
  readonly decidesEarly: boolean
  readonly clock: Clock
}

/** Why a trace is decided now: its time has come, there was no room for it, or it grew too large. */
export type Cause = 'due' | 'crowded' | 'large'

/** What becomes of the spans of a trace that is not in the buffer; `gone`: they have their fate, and this is a copy of them. */
export type Remembered = 'unknown' | 'kept' | 'dropped' | 'gone'

export interface TraceOwner {
  /** A span came in; `cells[at …]` are the numbers kept for its trace. The index is the request's that is being walked. */
  observe(index: RequestIndex, span: number, cells: Int32Array, at: number): void
  /** A trace that is not open begins: was it decided already? The words are its id's. Kept ones get `verdict`. */
  recall(origin: string, a: number, b: number, c: number, d: number): Remembered
  /** What `recall` found, for a trace that it said was kept. */
  readonly recalledVerdict: number
  /** Calls `keep` or `drop` for each of them. It may be in the middle of a walk, so it must not index anything. */
  decide(traces: readonly number[], cause: Cause): void
  /** What the owner keeps of traces that are open, beside their cells: it counts to `maxBytes`. */
  readonly keptBytes?: number
  /** For whoever gives batches numbers: a span of that batch was dropped. */
  droppedSpan?(batch: number): void
}

/** One request's worth of what leaves. */
export interface Leaving {
  readonly batch: Batch
  /** The verdict of each span's trace, in the order of the spans. */
  readonly verdicts: Int32Array
  /** The number of the batch that each came in. */
  readonly batches: Int32Array
  /** Where `naming` was asked for: the traces, by id, and the number of the batch that the last span of each came in. */
  readonly traces: readonly { readonly id: Int32Array; readonly lastBatch: number }[]
  /** What `originKey` says of all of them. */
  readonly originKey: string
}

/** How much may leave at once. */
export interface Most {
  readonly traces: number
  readonly spans: number
  readonly bytes: number
  /** Only traces that were kept up to that decision, by `decisions`. */
  readonly decidedUpTo?: number
  /** Whether `Leaving.traces` is wanted. */
  readonly naming?: boolean
}
