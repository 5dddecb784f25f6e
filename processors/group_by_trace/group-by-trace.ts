// Processor `group_by_trace` at work: every request that it hands on is one trace. Senders are answered when the buffer has their spans.

import { type Batch, type Consumer, parseDuration, type Processor, RetryableError, type Settings } from '../../core/index.ts'
import { type Cause, HandOff, type Remembered, SPAN_COUNT, TraceBuffer, type TraceOwner } from '../../core/traces/index.ts'
import type { GroupByTraceConfig } from './factory.ts'

/** How often it is looked who is due, in milliseconds. */
const TICK_MS = 50
const ONE_TRACE = { traces: 1, spans: Infinity, bytes: Infinity } as const

export class GroupByTrace implements Processor, TraceOwner {
  readonly #settings: Settings
  readonly #buffer: TraceBuffer
  readonly #handOff: HandOff
  readonly #evicted: (n: number) => void
  readonly #spansReleased: (n: number) => void
  readonly #tracesReleased: (n: number) => void
  #timer: { cancel(): void } | undefined
  #stopped = false
  readonly recalledVerdict = 0

  constructor(config: GroupByTraceConfig, next: Consumer, settings: Settings) {
    this.#settings = settings
    const { meter, clock } = settings
    this.#buffer = new TraceBuffer(
      {
        maxBytes: config.max_bytes,
        maxTraces: config.num_traces,
        waitMs: parseDuration(config.wait_duration),
        waitAfterRootMs: Infinity,
        ownCells: 0,
        decidesEarly: true,
        clock,
      },
      this,
    )
    this.#handOff = new HandOff({ next, settings, take: () => this.#buffer.leave(ONE_TRACE)?.batch })
    const prefix = 'otelcol_processor_groupbytrace'
    this.#evicted = meter.counter(`${prefix}_traces_evicted`, '{traces}', 'Traces handed on before their time, for want of room.')
    this.#spansReleased = meter.counter(`${prefix}_spans_released`, '{spans}', 'Spans released to the next component.')
    this.#tracesReleased = meter.counter(`${prefix}_traces_released`, '{traces}', 'Traces released to the next component.')
    meter.gauge(`${prefix}_conf_num_traces`, '{traces}', 'Maximum number of traces to hold.', () => config.num_traces)
    meter.gauge(`${prefix}_num_traces_in_memory`, '{traces}', 'Traces that wait for spans.', () => this.#buffer.openTraces)
  }

  async consume(batch: Batch): Promise<void> {
    if (this.#stopped) throw new RetryableError(`${this.#settings.id} has stopped`)
    this.#buffer.take(batch, this.#handOff.bytes)
    this.#handOff.pump()
    if (this.#buffer.openTraces > 0) this.#timer ??= this.#settings.clock.after(TICK_MS, () => this.#tick())
  }

  #tick(): void {
    const { clock } = this.#settings
    this.#buffer.decideDue(clock.monotonicMs())
    this.#handOff.pump()
    this.#timer = this.#buffer.openTraces > 0 && !this.#stopped ? clock.after(TICK_MS, () => this.#tick()) : undefined
  }

  observe(): void {}

  recall(): Remembered {
    return 'unknown'
  }

  decide(traces: readonly number[], cause: Cause): void {
    const { table } = this.#buffer
    let spans = 0
    for (const trace of traces) {
      spans += table.cells[trace * table.stride + SPAN_COUNT]!
      this.#buffer.keep(trace, 0)
    }
    if (cause !== 'due') this.#evicted(traces.length)
    this.#tracesReleased(traces.length)
    this.#spansReleased(spans)
  }

  /** Hands on what there is. */
  async stop(abort: AbortSignal): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#stopped = true
    this.#buffer.decideDue(Infinity)
    await this.#handOff.drain(abort)
    const lost = this.#buffer.leavingSpans + this.#handOff.spans
    if (lost > 0) this.#settings.log.error({ spans: lost }, 'lost: they had not been taken when the time to drain was over')
  }
}
