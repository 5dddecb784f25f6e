// A processor in one function: `eachSpan` writes the loop over batches, chunks and spans. Plugin authors call it.

import type { Batch } from './batch.ts'
import type { Consumer, Processor, ProcessorFactory, Settings } from './component.ts'
import type { ConfigOf, ConfigSchema } from './config/schema.ts'
import { SpanCursor, type Span } from './otlp/cursor.ts'
import { TraceEdits } from './otlp/trace-edits.ts'
import { TraceIndex } from './otlp/trace-index.ts'
import { indexTraces } from './otlp/traces.ts'

export interface EachSpan<S extends ConfigSchema> {
  readonly type: string
  readonly stability: ProcessorFactory<S>['stability']
  readonly schema: S
  /** Synchronous. What it throws refuses the batch, and the sender is told to try again: the data is still theirs. */
  each(span: Span, config: ConfigOf<S>, settings: Settings): void
}

/** A processor in one function. It is synchronous, runs for every span, and the batch goes on unchanged if it touched nothing. */
export function eachSpan<const S extends ConfigSchema>(plugin: EachSpan<S>): ProcessorFactory<S> {
  return {
    kind: 'processor',
    type: plugin.type,
    stability: plugin.stability,
    schema: plugin.schema,
    signals: ['traces'],
    create: async (config, next, settings) => new SpanLoop(plugin, config, next, settings),
  }
}

class SpanLoop<S extends ConfigSchema> implements Processor {
  readonly #plugin: EachSpan<S>
  readonly #config: ConfigOf<S>
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #edits: TraceEdits = new TraceEdits(new TraceIndex())
  readonly #cursor: SpanCursor
  readonly #drops = new Map<string, number>()

  constructor(plugin: EachSpan<S>, config: ConfigOf<S>, next: Consumer, settings: Settings) {
    this.#plugin = plugin
    this.#config = config
    this.#next = next
    this.#settings = settings
    this.#cursor = new SpanCursor(this.#edits, (reason) => this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1))
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const changed = this.#apply(batch)
    // Only now: had `each` thrown, the sender would offer the same spans again, and they would be counted twice.
    for (const [reason, count] of this.#drops) this.#settings.drop(count, reason)
    this.#drops.clear()
    if (changed.count > 0) await this.#next.consume(changed, deadlineMs)
  }

  #apply(batch: Batch): Batch {
    let count = 0
    let touched = false
    const chunks: Uint8Array[] = []
    this.#drops.clear()
    for (const chunk of batch.chunks) {
      const edits = this.#edits
      edits.begin(indexTraces(chunk))
      for (let span = 0; span < edits.index.spanCount; span++) {
        this.#cursor.moveTo(span)
        this.#plugin.each(this.#cursor, this.#config, this.#settings)
      }
      count += edits.remaining
      if (edits.empty) chunks.push(chunk)
      else {
        touched = true
        if (edits.remaining > 0) chunks.push(edits.build())
      }
    }
    return touched ? { ...batch, chunks, count } : batch
  }
}
