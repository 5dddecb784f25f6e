// The spans of a batch by their traces, noted for a scorer: for whoever scores a batch as it comes, without waiting for the rest of its traces.

import { indexChunk } from '../otlp/requests.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { OWN_CELLS, TraceTable } from '../traces/trace-table.ts'
import type { AnomalyScorer } from './anomaly-model.ts'

export class BatchTraces {
  readonly #scorer: AnomalyScorer
  /** Of the batch in hand, by id, with what stands for each; empty between two batches. */
  readonly #table = new TraceTable(1, 64)

  constructor(scorer: AnomalyScorer) {
    this.#scorer = scorer
  }

  /** What stands for each trace; a span's ordinal is its number in the batch. Synchronous, for the index is everybody's. */
  note(chunks: readonly Uint8Array[]): number[] {
    const table = this.#table
    const traces: number[] = []
    let ordinal = 0
    for (const chunk of chunks) {
      const index = indexChunk('traces', chunk)
      for (let span = 0; span < index.itemCount; span++) {
        const trace = this.#traceOf(index, span)
        const at = trace * table.stride + OWN_CELLS
        if (table.cells[at] === 0) traces.push(trace)
        table.cells[at] = this.#scorer.note(index, span, table.cells[at]! - 1, ordinal++) + 1
      }
    }
    const firsts = traces.map((trace) => table.cells[trace * table.stride + OWN_CELLS]! - 1)
    for (const trace of traces) table.remove(trace)
    return firsts
  }

  #traceOf({ items, view }: RequestIndex, span: number): number {
    const id = items[span * column.ITEM_STRIDE + column.SPAN_TRACE_ID]!
    const a = view.getInt32(id, true)
    const b = view.getInt32(id + 4, true)
    const c = view.getInt32(id + 8, true)
    const d = view.getInt32(id + 12, true)
    const found = this.#table.find(a, b, c, d, 0)
    return found >= 0 ? found : this.#table.add(a, b, c, d, 0, 0)
  }
}
