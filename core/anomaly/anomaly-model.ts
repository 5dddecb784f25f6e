// Part of the contract: what the extension `anomaly_model` can do for processors, policies and connectors that name it.

import type { Extension } from '../component.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import type { Kind } from './features.ts'
import type { Judgement } from './judgement.ts'

export interface AnomalyModel extends Extension {
  /** One for each kind, whoever asks: all that is judged by it is what it learns from. Call it before `start`. */
  scorer(kind: Kind): AnomalyScorer
  /** Settles once no training is under way. */
  trained(): Promise<void>
  /** In milliseconds: `judge` settles within it. */
  readonly timeoutMs: number
}

export interface AnomalyScorer {
  /** What each note takes in memory until it is judged or forgotten. */
  readonly noteBytes: number
  /**
   * Takes note of a span, of which nothing else is kept: `first` is what this returned for the span of its trace before, -1 for the first. Returns
   * what stands for the trace from now on. `ordinal` is the caller's number of the span, where spans are judged.
   */
  note(index: RequestIndex, span: number, first: number, ordinal?: number): number
  /** The trace will not be judged. */
  forget(first: number): void
  /**
   * Judges traces by what was noted of them, learns from them, and forgets them. `scores` has `count` numbers: of spans by ordinal, of traces by
   * place in `traces`, where -1 stands for none. Settles within `timeoutMs`, whatever happens to the threads; never rejects.
   */
  judge(traces: readonly number[], count: number): Promise<Judgement>
}
