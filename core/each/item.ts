// A processor in one function: the loop over batches, chunks and items. Plugin authors call `eachItem` for several signals at once;
// `eachSpan`, `eachDataPoint` and `eachLogRecord` call it for one.

import type { Batch, Signal } from '../batch.ts'
import type { Consumer, Processor, ProcessorFactory, Settings } from '../component.ts'
import type { ConfigOf, ConfigSchema } from '../config/schema.ts'
import { type DataPoint, DataPointCursor } from '../otlp/data-point-cursor.ts'
import { RequestEdits } from '../otlp/edits.ts'
import type { OnDrop } from '../otlp/item-cursor.ts'
import { type LogRecord, LogRecordCursor } from '../otlp/log-record-cursor.ts'
import { indexChunk } from '../otlp/requests.ts'
import { type Span, SpanCursor } from '../otlp/span-cursor.ts'

/** What every plugin made from a function says of itself. */
export interface ItemPlugin<S extends ConfigSchema> {
  readonly type: string
  readonly stability: ProcessorFactory<S>['stability']
  readonly schema: S
}

/**
 * One function for each signal that the processor takes. They are synchronous; what one throws refuses the batch, and the sender is told to
 * try again: the data is still theirs.
 */
export interface EachItem<S extends ConfigSchema> extends ItemPlugin<S> {
  span?(span: Span, config: ConfigOf<S>, settings: Settings): void
  dataPoint?(point: DataPoint, config: ConfigOf<S>, settings: Settings): void
  logRecord?(record: LogRecord, config: ConfigOf<S>, settings: Settings): void
}

/** A processor of items. It runs for every one of them, and the batch goes on unchanged if it touched nothing. */
export function eachItem<const S extends ConfigSchema>(plugin: EachItem<S>): ProcessorFactory<S> {
  const signals: Signal[] = []
  if (plugin.span !== undefined) signals.push('traces')
  if (plugin.dataPoint !== undefined) signals.push('metrics')
  if (plugin.logRecord !== undefined) signals.push('logs')
  if (signals.length === 0) throw new TypeError(`${plugin.type}: none of span, dataPoint and logRecord is a function`)
  const { type, stability, schema } = plugin
  return {
    kind: 'processor',
    type,
    stability,
    schema,
    signals,
    create: async (config, next, settings) => new ItemLoop(visitorsOf(plugin, config, settings), next, settings),
  }
}

/** Calls the function of one signal for one item, by number. */
type Visit = (item: number) => void
type Visitors = (edits: RequestEdits, dropped: OnDrop) => Readonly<Record<Signal, Visit>>

function visitorsOf<S extends ConfigSchema>(plugin: EachItem<S>, config: ConfigOf<S>, settings: Settings): Visitors {
  return (edits, dropped) => {
    const span = new SpanCursor(edits, dropped)
    const point = new DataPointCursor(edits, dropped)
    const record = new LogRecordCursor(edits, dropped)
    return {
      traces: (item) => {
        span.moveTo(item)
        plugin.span!(span, config, settings)
      },
      metrics: (item) => {
        point.moveTo(item)
        plugin.dataPoint!(point, config, settings)
      },
      logs: (item) => {
        record.moveTo(item)
        plugin.logRecord!(record, config, settings)
      },
    }
  }
}

class ItemLoop implements Processor {
  readonly #visitors: Readonly<Record<Signal, Visit>>
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #edits: RequestEdits = new RequestEdits()
  readonly #drops = new Map<string, number>()

  constructor(visitors: Visitors, next: Consumer, settings: Settings) {
    this.#visitors = visitors(this.#edits, (reason) => this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1))
    this.#next = next
    this.#settings = settings
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const changed = this.#apply(batch)
    // Only now: had the function thrown, the sender would offer the same items again, and they would be counted twice.
    for (const [reason, count] of this.#drops) this.#settings.drop(count, reason)
    this.#drops.clear()
    if (changed.count > 0) await this.#next.consume(changed, deadlineMs)
  }

  #apply(batch: Batch): Batch {
    const visit = this.#visitors[batch.signal]
    const edits = this.#edits
    let count = 0
    let touched = false
    const chunks: Uint8Array[] = []
    this.#drops.clear()
    for (const chunk of batch.chunks) {
      edits.begin(indexChunk(batch.signal, chunk))
      for (let item = 0; item < edits.index.itemCount; item++) visit(item)
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
