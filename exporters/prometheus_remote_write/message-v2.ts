// io.prometheus.write.v2.Request, the message of remote write 2.0: every text once, and series that refer to them by number. Shards write one
// a request.
//
//   Request    { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
//   TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
//     Metadata metadata = 5; }
//   Sample     { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
//   Exemplar   { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
//   Metadata   { MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }

import type { Exemplar, Family, FamilyType, Point, Series, Stream, Sym, Symbols } from '../../core/prometheus/index.ts'
import { Bytes, type Counts, exemplarsOf, type Message, runsOf, writeHistogram } from './message.ts'

const TYPE: Readonly<Record<FamilyType, number>> = { unknown: 0, counter: 1, gauge: 2, histogram: 3, summary: 5, info: 6, stateset: 7 }

/** Of all requests of this thread: a symbol knows by it whether its number is of this one. */
let round = 0

export class MessageV2 implements Message {
  /** The series; the symbols, which they add to, come first and are written apart. */
  readonly #out = new Bytes()
  readonly #table = new Bytes()
  readonly #symbols: Symbols
  /** Texts of this request that are not interned. */
  readonly #loose = new Map<string, number>()
  #round = 0
  #count = 0
  readonly counts: Counts = { samples: 0, histograms: 0, exemplars: 0 }

  constructor(symbols: Symbols) {
    this.#symbols = symbols
  }

  begin(): this {
    this.#out.at = this.#table.at = 0
    this.#loose.clear()
    this.#round = ++round
    this.#count = 0
    this.counts.samples = this.counts.histograms = this.counts.exemplars = 0
    this.#refOf(this.#symbols.of(''))
    return this
  }

  get length(): number {
    return this.#out.at + this.#table.at
  }

  number(stream: Stream, timestampMs: number, startMs: number, value: number): void {
    const start = this.#begin(stream, stream.family.name, undefined)
    this.#sample(timestampMs, startMs, value, false)
    this.counts.samples++
    this.#metadata(stream.family)
    this.#out.end(start)
  }

  add(points: readonly Point[]): void {
    if (points.length === 1) return this.#run(points)
    for (const run of runsOf(points)) this.#run(run)
  }

  finish(): Uint8Array {
    const out = this.#table
    out.reserve(this.#out.at)
    out.raw(this.#out.bytes.subarray(0, this.#out.at))
    return out.bytes.subarray(0, out.at)
  }

  #run(points: readonly Point[]): void {
    const { series } = points[0]!
    for (let i = 0; i < series.length; i++) this.#series(series[i]!, points, i)
  }

  #series(series: Series, points: readonly Point[], i: number): void {
    const out = this.#out
    const { stream, native } = points[0]!
    const start = this.#begin(series.stream, series.name, series.bound)
    if (native === undefined) {
      for (const { timestampMs, startMs, values, isStale } of points) this.#sample(timestampMs, startMs, values[i]!, isStale)
      this.counts.samples += points.length
    } else {
      for (const point of points) writeHistogram(out, 0x1a, point, point.native!, point.startMs)
      this.counts.histograms += points.length
    }
    for (const point of points) if (point.exemplars.length > 0) for (const exemplar of exemplarsOf(point, i)) this.#exemplar(exemplar)
    this.#metadata(stream.family)
    out.end(start)
  }

  /** As `Series.labels`, without making that list. */
  #begin(stream: Stream, name: Sym, bound: Sym | undefined): number {
    const out = this.#out
    const { labels, nameAt, boundAt, family } = stream
    const start = out.begin(0x2a)
    out.reserve(80 + 5 * (labels.length + 4))
    const refs = out.begin(0x0a)
    for (let i = 0; i < nameAt; i++) out.varint(this.#refOf(labels[i]!))
    out.varint(this.#refOf(family.nameKey))
    out.varint(this.#refOf(name))
    const boundFrom = bound === undefined ? labels.length : boundAt
    for (let i = nameAt; i < boundFrom; i++) out.varint(this.#refOf(labels[i]!))
    if (bound !== undefined) {
      out.varint(this.#refOf(family.boundKey!))
      out.varint(this.#refOf(bound))
      for (let i = boundFrom; i < labels.length; i++) out.varint(this.#refOf(labels[i]!))
    }
    out.end(refs)
    return start
  }

  #sample(timestampMs: number, startMs: number, value: number, isStale: boolean): void {
    const out = this.#out
    const start = out.begin(0x12)
    out.reserve(40)
    out.bytes[out.at++] = 0x09
    out.double(value, isStale)
    out.bytes[out.at++] = 0x10
    out.int64(timestampMs)
    if (startMs !== 0) {
      out.bytes[out.at++] = 0x18
      out.int64(startMs)
    }
    out.end(start)
  }

  #exemplar({ labels, value, timestampMs }: Exemplar): void {
    const out = this.#out
    const start = out.begin(0x22)
    out.reserve(40 + 5 * labels.length)
    const refs = out.begin(0x0a)
    for (const label of labels) out.varint(this.#refOfText(label))
    out.end(refs)
    out.bytes[out.at++] = 0x11
    out.double(value, false)
    out.bytes[out.at++] = 0x18
    out.int64(timestampMs)
    out.end(start)
    this.counts.exemplars++
  }

  #metadata({ type, help, unit }: Family): void {
    const out = this.#out
    out.reserve(40)
    const start = out.begin(0x2a)
    out.bytes[out.at++] = 0x08
    out.varint(TYPE[type])
    out.bytes[out.at++] = 0x18
    out.varint(this.#refOf(help))
    out.bytes[out.at++] = 0x20
    out.varint(this.#refOf(unit))
    out.end(start)
  }

  #refOf(sym: Sym): number {
    if (sym.round === this.#round) return sym.ref
    sym.round = this.#round
    return (sym.ref = this.#loose.size === 0 ? this.#add(sym.bytes) : (this.#loose.get(sym.text) ?? this.#add(sym.bytes)))
  }

  #refOfText(text: string): number {
    const sym = this.#symbols.find(text)
    if (sym !== undefined) return this.#refOf(sym)
    let ref = this.#loose.get(text)
    if (ref === undefined) this.#loose.set(text, (ref = this.#add(Buffer.from(text))))
    return ref
  }

  #add(bytes: Uint8Array): number {
    const table = this.#table
    table.reserve(bytes.length + 8)
    table.bytes[table.at++] = 0x22
    table.varint(bytes.length)
    table.raw(bytes)
    return this.#count++
  }
}
