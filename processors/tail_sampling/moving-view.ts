// A row of the trace buffer as policies see it: one object for all traces, moved from one to the next.

import type { Settings } from '../../core/index.ts'
import { BYTES, ID, OWN_CELLS, SPAN_COUNT, type TraceBuffer } from '../../core/traces/index.ts'
import type { TraceView } from './policy.ts'

/** Policies keep nothing of it. */
export class MovingView implements TraceView {
  readonly #buffer: TraceBuffer
  readonly #settings: Settings
  readonly id: Int32Array = new Int32Array(4)
  spanCount = 0
  bytes = 0
  at = 0
  nowMs = 0

  constructor(buffer: TraceBuffer, settings: Settings) {
    this.#buffer = buffer
    this.#settings = settings
  }

  get cells(): Int32Array {
    return this.#buffer.table.cells
  }

  /** The time of all that it is moved to until the next call: asking for each trace costs as much as a policy. */
  readClock(): this {
    this.nowMs = this.#settings.clock.monotonicMs()
    return this
  }

  moveTo(trace: number): this {
    const { cells, stride } = this.#buffer.table
    const row = trace * stride
    for (let i = 0; i < 4; i++) this.id[i] = cells[row + ID + i]!
    this.spanCount = cells[row + SPAN_COUNT]!
    this.bytes = cells[row + BYTES]!
    this.at = row + OWN_CELLS
    return this
  }
}
