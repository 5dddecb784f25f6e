// OTLP metrics as Prometheus knows them: for every data point of a request, the values of its series. Exporters call `translate` for a chunk
// and get its points in their order; what cannot be translated is refused by the name of its metric, and the rest goes on.
// Source: the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".

import type { Clock } from '../clock.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { indexChunk } from '../otlp/requests.ts'
import { cumulative, faultOf, faultOfBuckets, faultOfCount, isPlain, type Refusals, refuse } from './faults.ts'
import * as fields from './fields.ts'
import { MAX_SCHEMA, MIN_SCHEMA, nativeBuckets, readBuckets, ZERO_THRESHOLD, type DenseBuckets } from './native.ts'
import type { TranslationOptions } from './options.ts'
import { type Exemplar, NO_EXEMPLARS, Point } from './point.ts'
import type { Family, Stream } from './stream.ts'
import { type MetricEntry, type ScopeEntry, StreamTable } from './stream-table.ts'

export type { Refusals }

/** What is told of every point, in their order. */
export interface Taker {
  /** A point of one series that has a value and nothing else, which nearly all are: no object is made for it. `startMs` as of a Point. */
  number(stream: Stream, timestampMs: number, startMs: number, value: number): void
  point(point: Point): void
}

/** For whoever wants objects of all. */
export function asPoints(take: (point: Point) => void): Taker {
  return {
    point: take,
    number: (stream, timestampMs, startMs, value) => take(numberPoint(stream, timestampMs, startMs, value)),
  }
}

export function numberPoint(stream: Stream, timestampMs: number, startMs: number, value: number): Point {
  return new Point(stream, timestampMs, startMs, [stream.single], [value], undefined, undefined, false, NO_EXEMPLARS)
}

/** A bit of the flags: the series ends here. */
const NO_RECORDED_VALUE = 1

/** How often `target_info` is repeated while points come, in milliseconds. Prometheus looks back for five minutes. */
const TARGET_INFO_MS = 30_000
/** Streams of which nothing came for so long are found anew when something does. */
const FORGET_MS = 600_000

export class Translator {
  readonly streams: StreamTable
  readonly #options: TranslationOptions
  readonly #clock: Clock
  /** Whether streams beyond the limit are refused, or all are forgotten to begin again. */
  readonly #refusesMore: boolean
  #nextSweepMs: number
  #nowMs = 0
  #nowS = 0
  /** When each `target_info` was said last: the time of its sample. */
  readonly #saidMs = new WeakMap<Stream, number>()

  /** `refusesMore` where streams are what is kept, and not only remembered. Such a table is swept by its owner. */
  constructor(options: TranslationOptions, clock: Clock, refusesMore = false) {
    this.#options = options
    this.#clock = clock
    this.#refusesMore = refusesMore
    this.streams = new StreamTable(options)
    this.#nextSweepMs = clock.monotonicMs() + FORGET_MS
  }

  /** Hands every point of the chunk to `taker`. Synchronous. */
  translate(chunk: Uint8Array, taker: Taker): Refusals {
    const refusals: Refusals = { count: 0, reason: '' }
    const index = indexChunk('metrics', chunk)
    this.#nowMs = this.#clock.monotonicMs()
    this.#nowS = Math.ceil(this.#nowMs / 1000)
    this.#tidy()
    for (let scope = 0; scope < index.scopeCount; scope++) this.#scope(index, scope, refusals, taker)
    return refusals
  }

  #tidy(): void {
    if (this.#refusesMore) return
    if (this.#nowMs >= this.#nextSweepMs) {
      this.#nextSweepMs = this.#nowMs + FORGET_MS / 2
      this.streams.sweep(this.#nowMs - FORGET_MS)
    }
    if (this.streams.isFull || this.streams.hasAllOwners) this.streams.clear()
  }

  #scope(index: RequestIndex, scope: number, refusals: Refusals, taker: Taker): void {
    const row = scope * column.ENVELOPE_STRIDE
    const first = index.scopes[row + column.CHILD_FIRST]!
    const end = index.scopes[row + column.CHILD_END]!
    if (first === end) return
    const entry = this.streams.scope(index, scope, this.#nowMs, !this.#refusesMore || !this.streams.isFull)
    let latestMs = 0
    for (let metric = first; metric < end; metric++) latestMs = Math.max(latestMs, this.#metric(index, entry, metric, refusals, taker))
    this.#target(entry, latestMs, taker)
  }

  /** Once in a while, at the time of the latest point, and never back in time. */
  #target(scope: ScopeEntry, timestampMs: number, taker: Taker): void {
    if (timestampMs === 0) return
    const target = this.streams.target(scope, !this.#refusesMore || !this.streams.isFull)
    if (target === undefined) return
    target.seenS = this.#nowS
    if (timestampMs < (this.#saidMs.get(target) ?? -Infinity) + TARGET_INFO_MS) return
    this.#saidMs.set(target, timestampMs)
    taker.number(target, timestampMs, 0, 1)
  }

  /** Returns the latest time of its points. */
  #metric(index: RequestIndex, scope: ScopeEntry, metric: number, refusals: Refusals, taker: Taker): number {
    const m = metric * column.METRIC_STRIDE
    const first = index.metrics[m + column.CHILD_FIRST]!
    const end = index.metrics[m + column.CHILD_END]!
    if (first === end) return 0
    const entry = this.streams.metric(scope, index, metric, this.#nowMs)
    const { family } = entry
    const fault = family === undefined ? 'Prometheus has no name for it' : faultOf(index, m)
    if (family === undefined || fault !== undefined) {
      refuse(refusals, index, m, end - first, fault!)
      return 0
    }
    let latestMs = 0
    for (let item = first; item < end; item++) {
      const timestampMs = fields.msAt(index.view, index.items[item * column.ITEM_STRIDE + column.POINT_TIME] ?? -1)
      const why = timestampMs === 0 ? 'a point has no time' : this.#point(index, scope, entry, family, item, timestampMs, taker)
      if (why !== undefined) refuse(refusals, index, m, 1, why)
      else if (timestampMs > latestMs) latestMs = timestampMs
    }
    return latestMs
  }

  /** Why not, where it cannot be. */
  #point(
    index: RequestIndex,
    scope: ScopeEntry,
    metric: MetricEntry,
    family: Family,
    item: number,
    timestampMs: number,
    taker: Taker,
  ): string | undefined {
    const { streams } = this
    let stream = streams.known(metric, index, item)
    if (stream === undefined) {
      if (this.#refusesMore && streams.isFull) stream = streams.knownByLabels(scope, family, index, item)
      else stream = streams.add(scope, family, index, item)
      if (stream === undefined) return `there are ${this.#options.maxStreams} streams already, which is the limit`
    }
    stream.seenS = this.#nowS
    const made = this.#made(index, stream, item, timestampMs, taker)
    if (made === undefined || typeof made === 'string') return made
    taker.point(made)
    return undefined
  }

  #made(index: RequestIndex, stream: Stream, item: number, timestampMs: number, taker: Taker): Point | string | undefined {
    switch (index.metrics[index.items[item * column.ITEM_STRIDE + column.PARENT]! * column.METRIC_STRIDE + column.METRIC_KIND]) {
      case column.HISTOGRAM:
        return this.#histogram(index, stream, item, timestampMs)
      case column.EXPONENTIAL_HISTOGRAM:
        return this.#exponential(index, stream, item, timestampMs)
      case column.SUMMARY:
        return this.#summary(index, stream, item, timestampMs)
      default:
        return this.#number(index, stream, item, timestampMs, taker)
    }
  }

  #number(index: RequestIndex, stream: Stream, item: number, timestampMs: number, taker: Taker): Point | string | undefined {
    const row = item * column.ITEM_STRIDE
    const { items, view } = index
    const double = items[row + column.POINT_DOUBLE]!
    const int = items[row + column.POINT_INT]!
    const isCounter = stream.family.type === 'counter'
    let flags = 0
    let exemplars = NO_EXEMPLARS
    if (!isPlain(index, row)) {
      const found: Exemplar[] = []
      fields.eachField(index.bytes, items[row + column.START]!, items[row + column.END]!, (tag, from, to) => {
        if (tag === 0x40) flags = fields.varintAt(index.bytes, from)
        else if (tag === 0x2a && isCounter) found.push(fields.readExemplar(index, from, to, this.#options.strategy))
      })
      if (found.length > 0) exemplars = found
    }
    const isStale = (flags & NO_RECORDED_VALUE) !== 0
    if (double < 0 && int < 0 && !isStale) return 'a point has no value'
    const value = double >= 0 ? view.getFloat64(double, true) : int >= 0 ? fields.int64At(view, int) : 0
    const startMs = isCounter ? fields.msAt(view, items[row + column.POINT_START_TIME]!) : 0
    if (!isStale && exemplars === NO_EXEMPLARS) {
      taker.number(stream, timestampMs, startMs, value)
      return undefined
    }
    const series = [stream.single]
    return new Point(stream, timestampMs, startMs, series, [value], undefined, undefined, isStale, exemplars)
  }

  #histogram(index: RequestIndex, stream: Stream, item: number, timestampMs: number): Point | string {
    const row = item * column.ITEM_STRIDE
    const { items, view, bytes } = index
    const counts: number[] = []
    const bounds: number[] = []
    const exemplars: Exemplar[] = []
    let flags = 0
    fields.eachField(bytes, items[row + column.START]!, items[row + column.END]!, (tag, from, to) => {
      if (tag === 0x32 || tag === 0x31) fields.numbersIn(view, from, to, fields.uint64At, counts)
      else if (tag === 0x3a || tag === 0x39) fields.numbersIn(view, from, to, fields.doubleAt, bounds)
      else if (tag === 0x42) exemplars.push(fields.readExemplar(index, from, to, this.#options.strategy))
      else if (tag === 0x50) flags = fields.varintAt(bytes, from)
    })
    const isStale = (flags & NO_RECORDED_VALUE) !== 0
    if (isStale) return this.#ended(stream, timestampMs, bounds)
    const why = faultOfBuckets(bounds, counts.length)
    if (why !== undefined) return why
    const sum = items[row + column.POINT_SUM]!
    const layout = stream.laidOut([...bounds, Infinity], sum >= 0, this.streams.symbols)
    const count = fields.uint64At(view, items[row + column.POINT_COUNT]!)
    const values = cumulative(counts, bounds.length)
    values.push(count)
    if (sum >= 0) values.push(view.getFloat64(sum, true))
    values.push(count)
    const startMs = fields.msAt(view, items[row + column.POINT_START_TIME]!)
    return new Point(stream, timestampMs, startMs, layout.series, values, undefined, layout, false, exemplars)
  }

  /** A point that says that nothing comes any more has no bounds, usually: those are meant that there were. */
  #ended(stream: Stream, timestampMs: number, bounds: readonly number[]): Point {
    const { symbols } = this.streams
    const last = stream.family.type === 'summary' ? [] : [Infinity]
    const layout = bounds.length > 0 || stream.layout === undefined ? stream.laidOut([...bounds, ...last], true, symbols) : stream.layout
    return new Point(
      stream,
      timestampMs,
      0,
      layout.series,
      layout.series.map(() => 0),
      undefined,
      layout,
      true,
      NO_EXEMPLARS,
    )
  }

  #exponential(index: RequestIndex, stream: Stream, item: number, timestampMs: number): Point | string {
    const row = item * column.ITEM_STRIDE
    const { items, view, bytes } = index
    const exemplars: Exemplar[] = []
    let [flags, scale, zeroCount, zeroThreshold] = [0, 0, 0, 0]
    let positive: DenseBuckets = { offset: 0, counts: [] }
    let negative = positive
    fields.eachField(bytes, items[row + column.START]!, items[row + column.END]!, (tag, from, to) => {
      if (tag === 0x30) scale = fields.signed(fields.varintAt(bytes, from))
      else if (tag === 0x39) zeroCount = fields.uint64At(view, from)
      else if (tag === 0x42) positive = readBuckets(index, from, to)
      else if (tag === 0x4a) negative = readBuckets(index, from, to)
      else if (tag === 0x50) flags = fields.varintAt(bytes, from)
      else if (tag === 0x5a) exemplars.push(fields.readExemplar(index, from, to, this.#options.strategy))
      else if (tag === 0x71) zeroThreshold = view.getFloat64(from, true)
    })
    const isStale = (flags & NO_RECORDED_VALUE) !== 0
    const sumAt = items[row + column.POINT_SUM]!
    if (!isStale && sumAt < 0) return 'an exponential histogram has no sum'
    if (scale < MIN_SCHEMA) return `an exponential histogram has scale ${scale}; accepted: ${MIN_SCHEMA} and finer`
    const coarser = Math.max(0, scale - MAX_SCHEMA)
    const startMs = isStale ? 0 : fields.msAt(view, items[row + column.POINT_START_TIME]!)
    const none = { offset: 0, counts: [] }
    const count = fields.uint64At(view, items[row + column.POINT_COUNT]!)
    const sum = sumAt < 0 ? 0 : view.getFloat64(sumAt, true)
    const why = isStale ? undefined : faultOfCount(count, zeroCount, positive.counts, negative.counts, sum)
    if (why !== undefined) return why
    const native = {
      count: isStale ? 0 : count,
      sum,
      schema: scale - coarser,
      zeroThreshold: zeroThreshold > 0 ? zeroThreshold : ZERO_THRESHOLD,
      zeroCount: isStale ? 0 : zeroCount,
      positive: nativeBuckets(isStale ? none : positive, coarser),
      negative: nativeBuckets(isStale ? none : negative, coarser),
    }
    return new Point(stream, timestampMs, startMs, [stream.single], [], native, undefined, isStale, exemplars)
  }

  /** ValueAtQuantile { double quantile = 1; double value = 2; } */
  #summary(index: RequestIndex, stream: Stream, item: number, timestampMs: number): Point | string {
    const row = item * column.ITEM_STRIDE
    const { items, view, bytes } = index
    const quantiles: [quantile: number, value: number][] = []
    let flags = 0
    fields.eachField(bytes, items[row + column.START]!, items[row + column.END]!, (tag, from, to) => {
      if (tag === 0x40) flags = fields.varintAt(bytes, from)
      if (tag !== 0x32) return
      const pair: [number, number] = [0, 0]
      fields.eachField(bytes, from, to, (inner, at) => {
        if (inner === 0x09) pair[0] = view.getFloat64(at, true)
        else if (inner === 0x11) pair[1] = view.getFloat64(at, true)
      })
      quantiles.push(pair)
    })
    quantiles.sort(([a], [b]) => a - b)
    const keys = quantiles.map(([quantile]) => quantile)
    if ((flags & NO_RECORDED_VALUE) !== 0) return this.#ended(stream, timestampMs, keys)
    if (new Set(keys).size !== keys.length) return 'a summary has a quantile twice'
    const layout = stream.laidOut(keys, true, this.streams.symbols)
    const sum = items[row + column.POINT_SUM]!
    const values = quantiles.map(([, value]) => value)
    values.push(sum < 0 ? 0 : view.getFloat64(sum, true), fields.uint64At(view, items[row + column.POINT_COUNT]!))
    const startMs = fields.msAt(view, items[row + column.POINT_START_TIME]!)
    return new Point(stream, timestampMs, startMs, layout.series, values, undefined, layout, false, NO_EXEMPLARS)
  }
}
