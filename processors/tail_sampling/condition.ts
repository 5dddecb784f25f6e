// The policy `condition`: holds for a trace if one of its conditions in CEL holds for one of its spans.

import { Conditions } from '../../core/condition/index.ts'
import { otlp } from '../../core/index.ts'
import { type Cells, FAILED, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'

const HELD = 1
const NO_ANSWER = 2

export type ErrorMode = 'ignore' | 'silent' | 'propagate'

export class Condition implements Policy {
  readonly #cell: number
  readonly #edits = new otlp.RequestEdits()
  readonly #conditions: Conditions
  readonly #mode: ErrorMode
  readonly #report: (reason: string) => void

  /** `report` is told why a condition has no answer, other than for an attribute that is not there. */
  constructor(cells: Cells, texts: readonly string[], mode: ErrorMode, report: (reason: string) => void) {
    this.#cell = cells.take(1)
    this.#conditions = new Conditions('span', texts, this.#edits)
    this.#mode = mode
    this.#report = report
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    if (cells[at + this.#cell] !== 0) return
    this.#edits.index = index
    const verdict = this.#ask(span)
    if (verdict === true) cells[at + this.#cell] = HELD
    else if (verdict !== false && !verdict.isMissing) {
      if (this.#mode !== 'silent') this.#report(verdict.message)
      if (this.#mode === 'propagate') cells[at + this.#cell] = NO_ANSWER
    }
  }

  /** An error without a stack costs a quarter of one with: asking for an attribute that is not there is the usual case. */
  #ask(span: number): ReturnType<Conditions['any']> {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      return this.#conditions.any(span)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  evaluate({ cells, at }: TraceView): Vote {
    const found = cells[at + this.#cell]
    return found === HELD ? SAMPLED : found === NO_ANSWER ? FAILED : NOT_SAMPLED
  }
}
