// prometheus.WriteRequest, the message of remote write 1.0: every series with all its labels in full. Shards write one a request.
//
//   WriteRequest   { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
//   TimeSeries     { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4; }
//   Label          { string name = 1; string value = 2; }
//   Sample         { double value = 1; int64 timestamp = 2; }
//   Exemplar       { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
//   MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }

import type { Exemplar, Family, FamilyType, Point, Series, Stream } from '../../core/prometheus/index.ts'
import { Bytes, type Counts, exemplarsOf, type Message, runsOf, varintSize, writeHistogram } from './message.ts'

const METADATA_TYPE: Readonly<Record<FamilyType, number>> = {
  unknown: 0,
  counter: 1,
  gauge: 2,
  histogram: 3,
  summary: 5,
  info: 6,
  stateset: 7,
}

export class MessageV1 implements Message {
  readonly #out = new Bytes()
  readonly #metadata: Metadata | undefined
  readonly counts: Counts = { samples: 0, histograms: 0, exemplars: 0 }

  /** `metadata` where types and descriptions are sent, which 1.0 calls experimental. */
  constructor(metadata?: Metadata) {
    this.#metadata = metadata
  }

  /** Makes it empty. */
  begin(): this {
    this.#out.at = 0
    this.counts.samples = this.counts.histograms = this.counts.exemplars = 0
    this.#metadata?.begin()
    return this
  }

  get length(): number {
    return this.#out.at
  }

  /** Its length is known before it is written. */
  number(stream: Stream, timestampMs: number, _startMs: number, value: number): void {
    this.#metadata?.note(stream.family)
    const out = this.#out
    const labels = (stream.encoded ??= encodedLabels(stream.single))
    const sampleLength = 10 + timeSize(timestampMs)
    const length = labels.length + 2 + sampleLength
    out.reserve(length + 8)
    out.bytes[out.at++] = 0x0a
    out.varint(length)
    out.raw(labels)
    out.bytes[out.at++] = 0x12
    out.bytes[out.at++] = sampleLength
    out.bytes[out.at++] = 0x09
    out.double(value, false)
    out.bytes[out.at++] = 0x10
    out.int64(timestampMs)
    this.counts.samples++
  }

  add(points: readonly Point[]): void {
    this.#metadata?.note(points[0]!.stream.family)
    if (points.length === 1) return this.#run(points)
    for (const run of runsOf(points)) this.#run(run)
  }

  finish(): Uint8Array {
    if (this.#metadata !== undefined) for (const family of this.#metadata.due()) this.#describe(family)
    return this.#out.bytes.subarray(0, this.#out.at)
  }

  #run(points: readonly Point[]): void {
    const { series, native } = points[0]!
    if (native !== undefined) return this.#native(series[0]!, points)
    for (let i = 0; i < series.length; i++) this.#samples(series[i]!, points, i)
  }

  #samples(series: Series, points: readonly Point[], i: number): void {
    const out = this.#out
    const labels = labelsOf(series)
    const start = out.begin(0x0a)
    out.reserve(labels.length + 32 * points.length)
    out.raw(labels)
    for (const point of points) {
      out.bytes[out.at++] = 0x12
      out.bytes[out.at++] = 10 + timeSize(point.timestampMs)
      out.bytes[out.at++] = 0x09
      out.double(point.values[i]!, point.isStale)
      out.bytes[out.at++] = 0x10
      out.int64(point.timestampMs)
    }
    this.counts.samples += points.length
    for (const point of points) if (point.exemplars.length > 0) for (const exemplar of exemplarsOf(point, i)) this.#exemplar(0x1a, exemplar)
    out.end(start)
  }

  #native(series: Series, points: readonly Point[]): void {
    const out = this.#out
    const labels = labelsOf(series)
    const start = out.begin(0x0a)
    out.reserve(labels.length)
    out.raw(labels)
    for (const point of points) {
      for (const exemplar of point.exemplars) this.#exemplar(0x1a, exemplar)
      writeHistogram(out, 0x22, point, point.native!, 0)
    }
    this.counts.histograms += points.length
    out.end(start)
  }

  #exemplar(tag: number, { labels, value, timestampMs }: Exemplar): void {
    const out = this.#out
    const start = out.begin(tag)
    for (let i = 0; i < labels.length; i += 2) writeLabel(out, Buffer.from(labels[i]!), Buffer.from(labels[i + 1]!))
    out.reserve(20)
    out.bytes[out.at++] = 0x11
    out.double(value, false)
    out.bytes[out.at++] = 0x18
    out.int64(timestampMs)
    out.end(start)
    this.counts.exemplars++
  }

  #describe({ name, type, help, unit }: Family): void {
    const out = this.#out
    const start = out.begin(0x1a)
    out.reserve(20 + name.bytes.length + help.bytes.length + unit.bytes.length)
    out.bytes[out.at++] = 0x08
    out.varint(METADATA_TYPE[type])
    for (const [tag, text] of [
      [0x12, name],
      [0x22, help],
      [0x2a, unit],
    ] as const) {
      if (text.bytes.length === 0) continue
      out.bytes[out.at++] = tag
      out.varint(text.bytes.length)
      out.raw(text.bytes)
    }
    out.end(start)
  }
}

function timeSize(ms: number): number {
  return ms < 0 ? 10 : varintSize(ms)
}

/** Made once a series, and kept there, or with the stream that it is all of. */
function labelsOf(series: Series): Uint8Array {
  const { stream, name, bound } = series
  const keeper = bound === undefined && name === stream.family.name ? stream : series
  return (keeper.encoded ??= encodedLabels(series))
}

const scratch = new Bytes()

function encodedLabels({ labels }: Series): Uint8Array {
  scratch.at = 0
  for (let i = 0; i < labels.length; i += 2) writeLabel(scratch, labels[i]!.bytes, labels[i + 1]!.bytes)
  return Uint8Array.from(scratch.bytes.subarray(0, scratch.at))
}

function writeLabel(out: Bytes, name: Uint8Array, value: Uint8Array): void {
  const length = 2 + varintSize(name.length) + name.length + varintSize(value.length) + value.length
  out.reserve(length + 8)
  out.bytes[out.at++] = 0x0a
  out.varint(length)
  out.bytes[out.at++] = 0x0a
  out.varint(name.length)
  out.raw(name)
  out.bytes[out.at++] = 0x12
  out.varint(value.length)
  out.raw(value)
}

/** How often a metric is described, in milliseconds. */
const METADATA_MS = 60_000
/** Names of metrics that are remembered. */
const MAX_NAMES = 50_000

/** Which metrics of a request are described in it: each once a minute. */
export class Metadata {
  readonly #now: () => number
  readonly #saidMs = new Map<string, number>()
  readonly #due = new Map<string, Family>()

  constructor(nowMs: () => number) {
    this.#now = nowMs
  }

  begin(): void {
    this.#due.clear()
  }

  note(family: Family): void {
    if (!this.#due.has(family.name.text) && (this.#saidMs.get(family.name.text) ?? -Infinity) + METADATA_MS <= this.#now())
      this.#due.set(family.name.text, family)
  }

  due(): Iterable<Family> {
    return this.#due.values()
  }

  /** The last request has arrived. */
  said(): void {
    if (this.#saidMs.size > MAX_NAMES) this.#saidMs.clear()
    for (const name of this.#due.keys()) this.#saidMs.set(name, this.#now())
  }
}
