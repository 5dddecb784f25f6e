// What counts from report to report (delta temporality), added up: the same request with the totals in place of the increments. Exporters call
// it before a queue takes a batch, so that a batch is added up once, however often it is offered, and what waits on disk is added up already.
//
// A point at the time of the last one is that one again, sent by a sender that had no answer: it gets the same total. One from before it cannot
// be told from an increment that has been counted, and is refused.

import type { Batch } from '../batch.ts'
import type { Clock } from '../clock.ts'
import { parseDuration } from '../config/duration.ts'
import { RequestEdits } from '../otlp/edits.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { indexChunk } from '../otlp/requests.ts'
import { DeltaKeys } from './delta-keys.ts'
import { addExponential, addHistogram, addNumber, faultOfIncrement, type Total } from './delta-totals.ts'
import { eachField } from './fields.ts'

export interface DeltaOptions {
  readonly maxStreams: number
  readonly maxStaleMs: number
}

export function deltaOptionsOf(config: { readonly max_delta_streams: number; readonly delta_max_stale: string }): DeltaOptions {
  return { maxStreams: config.max_delta_streams, maxStaleMs: parseDuration(config.delta_max_stale) }
}

/** A batch without what cannot be added up, of which there were so many points. */
export interface Converted {
  readonly batch: Batch
  readonly refused: number
  readonly reason: string
}

const DELTA = 1
const ADDED_UP: ReadonlySet<number> = new Set([column.SUM, column.HISTOGRAM, column.EXPONENTIAL_HISTOGRAM])

export class DeltaToCumulative {
  readonly #options: DeltaOptions
  readonly #clock: Clock
  readonly #keys: DeltaKeys
  readonly #edits = new RequestEdits()
  #nextSweepMs: number
  #refused = 0
  #reason = ''

  constructor(options: DeltaOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#keys = new DeltaKeys(options.maxStreams)
    this.#nextSweepMs = clock.monotonicMs() + options.maxStaleMs
  }

  /** How many streams are added up. */
  get streams(): number {
    return this.#keys.size
  }

  /** How many scopes and metrics those are of. */
  get owners(): number {
    return this.#keys.owners
  }

  /** Synchronous. A batch that has nothing to add up is returned itself. */
  convert(batch: Batch): Converted {
    this.#refused = 0
    this.#reason = ''
    this.#sweep()
    let changed = false
    const chunks: Uint8Array[] = []
    for (const chunk of batch.chunks) {
      const made = this.#chunk(chunk)
      if (made !== chunk) changed = true
      if (made.length > 0) chunks.push(made)
    }
    if (!changed) return { batch, refused: 0, reason: '' }
    return { batch: { ...batch, chunks, count: batch.count - this.#refused }, refused: this.#refused, reason: this.#reason }
  }

  #sweep(): void {
    const now = this.#clock.monotonicMs()
    if (now < this.#nextSweepMs) return
    this.#nextSweepMs = now + this.#options.maxStaleMs / 2
    this.#keys.sweep(now - this.#options.maxStaleMs)
  }

  #chunk(chunk: Uint8Array): Uint8Array {
    const index = indexChunk('metrics', chunk)
    if (!hasDelta(index)) return chunk
    // Of its own bytes: batches are immutable, and an index of this chunk must not outlive the change.
    const copy = indexChunk('metrics', Buffer.from(index.bytes))
    const edits = this.#edits
    edits.begin(copy)
    for (let metric = 0; metric < copy.metricCount; metric++) if (isDelta(copy, metric)) this.#metric(copy, metric)
    if (edits.empty) return Buffer.from(copy.bytes)
    return edits.remaining === 0 ? Buffer.alloc(0) : edits.build()
  }

  #metric(index: RequestIndex, metric: number): void {
    const m = metric * column.METRIC_STRIDE
    setCumulative(index, m)
    const kind = index.metrics[m + column.METRIC_KIND]!
    const end = index.metrics[m + column.CHILD_END]!
    for (let item = index.metrics[m + column.CHILD_FIRST]!; item < end; item++) {
      const why = this.#point(index, metric, kind, item)
      if (why === undefined) continue
      this.#edits.dropItem(item)
      this.#refused++
      if (this.#reason === '') this.#reason = why
    }
  }

  #point(index: RequestIndex, metric: number, kind: number, item: number): string | undefined {
    const row = item * column.ITEM_STRIDE
    const timeAt = index.items[row + column.POINT_TIME]!
    if (timeAt < 0) return 'a point of delta temporality has no time'
    const why = faultOfIncrement(index, kind, row)
    if (why !== undefined) return why
    const timeNs = index.view.getBigUint64(timeAt, true)
    const startAt = index.items[row + column.POINT_START_TIME]!
    const startNs = startAt < 0 ? 0n : index.view.getBigUint64(startAt, true)
    const begin = (): Total => ({ startNs, timeNs: -1n, seenMs: 0 })
    const total = this.#keys.total(index, metric, item, begin)
    if (total === undefined) return `there are ${this.#options.maxStreams} streams of delta temporality already, which is the limit`
    if (timeNs < total.timeNs) return 'a point of delta temporality is older than what has been added up'
    const isAgain = timeNs === total.timeNs
    total.seenMs = this.#clock.monotonicMs()
    total.timeNs = timeNs
    if (kind === column.SUM) addNumber(index, item, total, isAgain)
    else if (kind === column.HISTOGRAM) addHistogram(index, item, total, isAgain, startNs)
    else addExponential(index, item, total, isAgain, this.#edits)
    // The one of the first increment; an exponential histogram is written anew, and has it already.
    if (startAt >= 0 && kind !== column.EXPONENTIAL_HISTOGRAM) index.view.setBigUint64(startAt, total.startNs, true)
    return undefined
  }
}

function isDelta({ metrics }: RequestIndex, metric: number): boolean {
  const m = metric * column.METRIC_STRIDE
  return metrics[m + column.METRIC_TEMPORALITY] === DELTA && ADDED_UP.has(metrics[m + column.METRIC_KIND]!)
}

function hasDelta(index: RequestIndex): boolean {
  for (let metric = 0; metric < index.metricCount; metric++) if (isDelta(index, metric)) return true
  return false
}

/** `aggregation_temporality = 2` of a metric's data: 1 becomes 2, also where the varint is longer than it need be. */
function setCumulative({ bytes, metrics }: RequestIndex, m: number): void {
  eachField(bytes, metrics[m + column.MESSAGE_START]!, metrics[m + column.MESSAGE_END]!, (tag, from) => {
    if (tag === 0x10) bytes[from]!++
  })
}
