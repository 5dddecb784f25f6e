// Traces in the order in which they came, linked by their rows: whoever stands in a line leaves it from anywhere at no cost.

import { BEFORE, BEHIND, type TraceTable } from './trace-table.ts'

export class TraceLine {
  /** -1: nobody. */
  first = -1
  count = 0
  #last = -1
  readonly #table: TraceTable

  constructor(table: TraceTable) {
    this.#table = table
  }

  push(trace: number): void {
    const { cells, stride } = this.#table
    cells[trace * stride + BEFORE] = this.#last
    cells[trace * stride + BEHIND] = -1
    if (this.#last < 0) this.first = trace
    else cells[this.#last * stride + BEHIND] = trace
    this.#last = trace
    this.count++
  }

  remove(trace: number): void {
    const { cells, stride } = this.#table
    const before = cells[trace * stride + BEFORE]!
    const behind = cells[trace * stride + BEHIND]!
    if (before < 0) this.first = behind
    else cells[before * stride + BEHIND] = behind
    if (behind < 0) this.#last = before
    else cells[behind * stride + BEFORE] = before
    this.count--
  }
}
