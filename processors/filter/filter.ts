// Processor `filter` at work: asks its conditions about every item, and leaves out those for which one holds. What stays is not decoded.

import { Conditions, type Verdict } from '../../core/condition/index.ts'
import { type Batch, type Consumer, otlp, PermanentError, type Processor, type Settings } from '../../core/index.ts'
import type { FilterConfig } from './factory.ts'

const REASON = 'filtered'

export class FilterProcessor implements Processor {
  readonly #config: FilterConfig
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #edits: otlp.RequestEdits = new otlp.RequestEdits()
  /** Undefined where there is nothing to ask. */
  readonly #items: Conditions | undefined
  readonly #metrics: Conditions | undefined
  readonly #filtered: (n: number) => void

  constructor(config: FilterConfig, next: Consumer, settings: Settings) {
    this.#config = config
    this.#next = next
    this.#settings = settings
    const { traces, metrics, logs } = config
    const [context, texts, noun] = (
      {
        traces: ['span', traces.span, 'spans'],
        metrics: ['data_point', metrics.datapoint, 'datapoints'],
        logs: ['log_record', logs.log_record, 'logs'],
      } as const
    )[settings.signal ?? 'traces']
    if (texts.length > 0) this.#items = new Conditions(context, texts, this.#edits)
    if (settings.signal === 'metrics' && metrics.metric.length > 0) this.#metrics = new Conditions('metric', metrics.metric, this.#edits)
    const unit = noun === 'spans' ? '{span}' : noun === 'logs' ? '{record}' : '{datapoint}'
    this.#filtered = settings.meter.counter(`otelcol_processor_filter_${noun}_filtered`, unit, `Number of ${noun} dropped by the filter.`)
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const kept = this.#apply(batch)
    const dropped = batch.count - kept.count
    if (dropped > 0) {
      this.#settings.drop(dropped, REASON)
      this.#filtered(dropped)
    }
    if (kept.count > 0) await this.#next.consume(kept, deadlineMs)
  }

  /** Synchronous, for the index is everybody's. */
  #apply(batch: Batch): Batch {
    // An error without a stack costs a quarter of one with: asking for an attribute that is not there is the usual case.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      let count = 0
      const chunks: Uint8Array[] = []
      for (const chunk of batch.chunks) {
        const left = this.#applyTo(batch, chunk)
        if (left !== undefined) chunks.push(left)
        count += this.#edits.remaining
      }
      return count === batch.count && chunks.every((chunk, i) => chunk === batch.chunks[i]) ? batch : { ...batch, chunks, count }
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  /** What is left of a chunk; undefined where that is nothing. */
  #applyTo({ signal }: Batch, chunk: Uint8Array): Uint8Array | undefined {
    const edits = this.#edits
    edits.begin(otlp.indexChunk(signal, chunk))
    if (this.#metrics !== undefined)
      for (let metric = 0; metric < edits.index.metricCount; metric++) if (this.#holds(this.#metrics.any(metric))) edits.dropMetric(metric)
    if (this.#items !== undefined)
      for (let item = 0; item < edits.index.itemCount; item++)
        if (!edits.isDropped(item) && this.#holds(this.#items.any(item))) edits.dropItem(item)
    if (edits.empty) return chunk
    return edits.remaining > 0 ? edits.build() : undefined
  }

  #holds(verdict: Verdict): boolean {
    if (typeof verdict === 'boolean') return verdict
    const { error_mode: mode } = this.#config
    if (verdict.isMissing || mode === 'silent') return false
    if (mode === 'propagate') throw new PermanentError(`${this.#settings.id}: a condition has no answer: ${verdict.message}`)
    this.#settings.log.warn({ reason: verdict.message }, 'a condition has no answer for an item, which is kept')
    return false
  }
}
