// How many spans a span stands for: what samplers before it have written into its tracestate. Connectors that count spans ask.

import type { RequestIndex } from '../otlp/request-index.ts'
import { adjustedCountOf, hasTraceState, parseTraceState, traceStateOf } from '../sampling/index.ts'

export class Weight {
  readonly #random: () => number
  #text = ''
  #count = 1
  /** Whether the span that was asked about last was sampled, and says with which probability. */
  isExtrapolated = false

  constructor(random: () => number) {
    this.#random = random
  }

  /**
   * Whole, and on average what it is: where one of three is kept each counts for 3, and where two of three are, half of them for 1 and half for 2.
   */
  of(index: RequestIndex, span: number): number {
    if (!hasTraceState(index, span)) {
      this.isExtrapolated = false
      return 1
    }
    const text = traceStateOf(index, span)
    // Spans of a trace have the same, and most of a sampler's.
    if (text !== this.#text) this.#count = countOf((this.#text = text))
    this.isExtrapolated = this.#count > 0
    if (this.#count === 0) return 1
    const whole = Math.floor(this.#count)
    return whole === this.#count || this.#random() >= this.#count - whole ? whole : whole + 1
  }
}

/** 0 where it does not say. */
function countOf(text: string): number {
  const state = parseTraceState(text)
  return typeof state === 'string' || state.threshold === undefined ? 0 : adjustedCountOf(state.threshold)
}
