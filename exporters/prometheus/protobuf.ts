// The page as protobuf, the one format that has native histograms: messages of io.prometheus.client, each with its length in front. Where a
// reader asks for it.
//
//   MetricFamily { string name = 1; string help = 2; MetricType type = 3; repeated Metric metric = 4; string unit = 5; }
//   Metric       { repeated LabelPair label = 1; Gauge gauge = 2; Counter counter = 3; Summary summary = 4; Untyped untyped = 5;
//     int64 timestamp_ms = 6; Histogram histogram = 7; }
//   Counter      { double value = 1; Exemplar exemplar = 2; Timestamp start_timestamp = 3; }
//   Summary      { uint64 sample_count = 1; double sample_sum = 2; repeated Quantile quantile = 3; Timestamp start_timestamp = 4; }
//   Histogram    { uint64 sample_count = 1; double sample_sum = 2; repeated Bucket bucket = 3; sint32 schema = 5; double zero_threshold = 6;
//     uint64 zero_count = 7; BucketSpan negative_span = 9; sint64 negative_delta = 10; BucketSpan positive_span = 12; sint64 positive_delta = 13;
//     Timestamp start_timestamp = 15; repeated Exemplar exemplars = 16; }
//   Bucket       { uint64 cumulative_count = 1; double upper_bound = 2; Exemplar exemplar = 3; }
//   Quantile     { double quantile = 1; double value = 2; }
//   Exemplar     { repeated LabelPair label = 1; double value = 2; Timestamp timestamp = 3; }
//   LabelPair    { string name = 1; string value = 2; }        Timestamp { int64 seconds = 1; int32 nanos = 2; }

import { otlp } from '../../core/index.ts'
import { type Exemplar, exemplarsByBucket, type FamilyType, type NativeBuckets, type Point } from '../../core/prometheus/index.ts'
import type { ShownFamily } from './families.ts'
import { escaped, shownLabels } from './negotiate.ts'

const TYPE: Readonly<Record<FamilyType, number>> = { counter: 0, gauge: 1, summary: 2, unknown: 3, histogram: 4, info: 1, stateset: 1 }

/** So many bytes are made at once: some milliseconds. */
const PIECE_BYTES = 256 * 1024

/** In pieces, for whoever has other things to do between them. A family is written whole, for its length stands in front. */
export function* protobufOf(families: readonly ShownFamily[], isUtf8: boolean, timestamps: boolean): Generator<Buffer> {
  const out = new otlp.ByteWriter(64 * 1024)
  for (const family of families) {
    out.at = 0
    for (const _ of writeFamily(out, family, isUtf8, timestamps)) yield NOTHING
    const length = new otlp.ByteWriter(16)
    length.varint(out.at)
    yield length.copy()
    yield out.copy()
  }
}

const NOTHING = Buffer.alloc(0)

type Out = otlp.ByteWriter

function* writeFamily(
  out: Out,
  { name, type, help, unit, points }: ShownFamily,
  isUtf8: boolean,
  timestamps: boolean,
): Generator<undefined> {
  let pieceEnd = PIECE_BYTES
  out.text(0x0a, isUtf8 ? name : escaped(name, false))
  if (help !== '') out.text(0x12, help)
  uint(out, 0x18, TYPE[type])
  for (const point of points) {
    const metric = out.begin(0x22)
    const labels = shownLabels(
      point.stream.labels.map(({ text }) => text),
      isUtf8,
    )
    for (const [label, value] of labels) writeLabel(out, 0x0a, label, value)
    writeValue(out, point, type)
    if (timestamps) uint(out, 0x30, point.timestampMs)
    out.end(metric)
    if (out.at < pieceEnd) continue
    pieceEnd = out.at + PIECE_BYTES
    yield
  }
  if (unit !== '') out.text(0x2a, unit)
}

function writeValue(out: Out, point: Point, type: FamilyType): void {
  switch (type) {
    case 'counter': {
      const counter = out.begin(0x1a)
      double(out, 0x09, point.values[0]!)
      const exemplar = point.exemplars.at(-1)
      if (exemplar !== undefined) writeExemplar(out, 0x12, exemplar)
      writeTime(out, 0x1a, point.startMs)
      return out.end(counter)
    }
    case 'histogram':
      return writeHistogram(out, point)
    case 'summary':
      return writeSummary(out, point)
    default: {
      const value = out.begin(type === 'unknown' ? 0x2a : 0x12)
      double(out, 0x09, point.values[0]!)
      return out.end(value)
    }
  }
}

function writeHistogram(out: Out, point: Point): void {
  const { native, layout, values, startMs } = point
  const histogram = out.begin(0x3a)
  if (native !== undefined) {
    uint(out, 0x08, native.count)
    double(out, 0x11, native.sum)
    signed(out, 0x28, native.schema)
    double(out, 0x31, native.zeroThreshold)
    uint(out, 0x38, native.zeroCount)
    writeBuckets(out, 0x4a, 0x52, native.negative)
    writeBuckets(out, 0x62, 0x6a, native.positive)
  } else {
    const { bounds, hasSum } = layout!
    uint(out, 0x08, values.at(-1)!)
    if (hasSum) double(out, 0x11, values[bounds.length]!)
    const exemplars = exemplarsByBucket(point)
    for (const [i, bound] of bounds.entries()) {
      const bucket = out.begin(0x1a)
      uint(out, 0x08, values[i]!)
      double(out, 0x11, bound)
      const exemplar = exemplars.get(i)
      if (exemplar !== undefined) writeExemplar(out, 0x1a, exemplar)
      out.end(bucket)
    }
  }
  writeTime(out, 0x7a, startMs)
  if (native !== undefined) for (const exemplar of point.exemplars) if (exemplar.timestampMs !== 0) writeExemplar(out, 0x82, exemplar)
  out.end(histogram)
}

/** One without any bucket has a span without length, or it would be taken for a classic histogram. */
function writeBuckets(out: Out, spanTag: number, deltaTag: number, { spans, deltas }: NativeBuckets): void {
  const isPositive = spanTag === 0x62
  const all = isPositive && spans.length === 0 ? [0, 0] : spans
  for (let i = 0; i < all.length; i += 2) {
    const span = out.begin(spanTag)
    signed(out, 0x08, all[i]!)
    uint(out, 0x10, all[i + 1]!)
    out.end(span)
  }
  if (deltas.length === 0) return
  const packed = out.begin(deltaTag)
  for (const delta of deltas) zigzag(out, delta)
  out.end(packed)
}

function writeSummary(out: Out, { layout, values, startMs }: Point): void {
  const { bounds } = layout!
  const summary = out.begin(0x22)
  uint(out, 0x08, values.at(-1)!)
  double(out, 0x11, values[bounds.length]!)
  for (const [i, quantile] of bounds.entries()) {
    const one = out.begin(0x1a)
    double(out, 0x09, quantile)
    double(out, 0x11, values[i]!)
    out.end(one)
  }
  writeTime(out, 0x22, startMs)
  out.end(summary)
}

/** `tag` is of one byte, or 0x82, which is field 16 and takes two. */
function writeExemplar(out: Out, tag: number, { labels, value, timestampMs }: Exemplar): void {
  if (tag === 0x82) out.byte(0x82)
  const exemplar = out.begin(tag === 0x82 ? 0x01 : tag)
  for (let i = 0; i < labels.length; i += 2) writeLabel(out, 0x0a, labels[i]!, labels[i + 1]!)
  double(out, 0x11, value)
  writeTime(out, 0x1a, timestampMs)
  out.end(exemplar)
}

function writeLabel(out: Out, tag: number, name: string, value: string): void {
  const label = out.begin(tag)
  out.text(0x0a, name)
  out.text(0x12, value)
  out.end(label)
}

function writeTime(out: Out, tag: number, ms: number): void {
  if (ms === 0) return
  const time = out.begin(tag)
  uint(out, 0x08, Math.floor(ms / 1000))
  uint(out, 0x10, (ms - Math.floor(ms / 1000) * 1000) * 1e6)
  out.end(time)
}

function double(out: Out, tag: number, value: number): void {
  out.byte(tag)
  out.double(value)
}

/** A whole number from 0 up; past 2^53 as near as a float is. */
function uint(out: Out, tag: number, value: number): void {
  out.byte(tag)
  if (Number.isSafeInteger(value) && value >= 0) out.varint(value)
  else out.int64(BigInt(value))
}

function signed(out: Out, tag: number, value: number): void {
  out.byte(tag)
  zigzag(out, value)
}

function zigzag(out: Out, value: number): void {
  const wide = BigInt(value)
  if (Math.abs(value) < 2 ** 52) out.varint(value < 0 ? -2 * value - 1 : 2 * value)
  else out.int64((wide << 1n) ^ (wide >> 63n))
}
