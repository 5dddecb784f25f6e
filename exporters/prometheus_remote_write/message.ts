// What both messages of remote write are written with: a buffer that grows, and the parts that are the same in both. Numbers of fields are as
// in prompb/types.proto and io/prometheus/write/v2/types.proto.

import { type Exemplar, exemplarsByBucket, type NativeHistogram, type Point, type Stream } from '../../core/prometheus/index.ts'

/** A request that is being written. */
export interface Message {
  /** The one sample of a stream that has nothing else. */
  number(stream: Stream, timestampMs: number, startMs: number, value: number): void
  /** Points of one stream, sorted by time, no two of one time. */
  add(points: readonly Point[]): void
  /** Bytes so far, nearly. */
  readonly length: number
  readonly counts: Counts
  /** The whole message. It can be used until the next one is begun. */
  finish(): Uint8Array
}

/** What a receiver of 2.0 says that it has written, and what we have sent. */
export interface Counts {
  samples: number
  histograms: number
  exemplars: number
}

/** The end of a series. No other NaN is ever written. */
const STALE_HIGH = 0x7ff00000
const STALE_LOW = 2
const NAN_HIGH = 0x7ff80000
const NAN_LOW = 1

export class Bytes {
  bytes: Buffer = Buffer.allocUnsafeSlow(256 * 1024)
  view: DataView = new DataView(this.bytes.buffer)
  at = 0

  /** Makes room for `n` more. */
  reserve(n: number): void {
    if (this.at + n <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.at + n, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }

  /** `n` is 0 … 2^53. There is room. */
  varint(n: number): void {
    const { bytes } = this
    let { at } = this
    while (n > 0x7fff_ffff) {
      bytes[at++] = (n % 128) + 128
      n = Math.floor(n / 128)
    }
    while (n > 0x7f) {
      bytes[at++] = (n & 0x7f) | 0x80
      n >>>= 7
    }
    bytes[at++] = n
    this.at = at
  }

  /** int64 or uint64, of a whole number. */
  int64(n: number): void {
    if (n >= 0 && n <= Number.MAX_SAFE_INTEGER) this.varint(n)
    else this.#wide(BigInt.asUintN(64, BigInt(n)))
  }

  /** sint64. */
  signed(n: number): void {
    if (Math.abs(n) < 2 ** 52) return this.varint(n < 0 ? -2 * n - 1 : 2 * n)
    const wide = BigInt(n)
    this.#wide(BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)))
  }

  #wide(rest: bigint): void {
    for (; rest > 0x7fn; rest >>= 7n) this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80
    this.bytes[this.at++] = Number(rest)
  }

  double(value: number, isStale: boolean): void {
    const { view, at } = this
    if (isStale || value !== value) {
      view.setUint32(at, isStale ? STALE_LOW : NAN_LOW, true)
      view.setUint32(at + 4, isStale ? STALE_HIGH : NAN_HIGH, true)
    } else view.setFloat64(at, value, true)
    this.at = at + 8
  }

  raw(source: Uint8Array): void {
    this.bytes.set(source, this.at)
    this.at += source.length
  }

  /** Begins a message of unknown length; `end` closes it. One of 128 bytes or more is moved, to make room for its length. */
  begin(tag: number): number {
    this.reserve(16)
    this.bytes[this.at++] = tag
    return ++this.at
  }

  end(start: number): void {
    const length = this.at - start
    if (length < 0x80) {
      this.bytes[start - 1] = length
      return
    }
    const extra = varintSize(length) - 1
    this.reserve(extra)
    this.bytes.copyWithin(start + extra, start, this.at)
    this.at = start - 1
    this.varint(length)
    this.at += length
  }
}

export function varintSize(n: number): number {
  let size = 1
  for (; n > 0x7f; n = Math.floor(n / 128)) size++
  return size
}

/**
 * Histogram { uint64 count_int = 1; double sum = 3; sint32 schema = 4; double zero_threshold = 5; uint64 zero_count_int = 6;
 *   BucketSpan negative_spans = 8; sint64 negative_deltas = 9; BucketSpan positive_spans = 11; sint64 positive_deltas = 12;
 *   ResetHint reset_hint = 14; int64 timestamp = 15; int64 start_timestamp = 17 (in 2.0 alone); }
 */
export function writeHistogram(out: Bytes, tag: number, point: Point, native: NativeHistogram, startMs: number): void {
  const { positive, negative } = native
  const start = out.begin(tag)
  const numbers = positive.spans.length + positive.deltas.length + negative.spans.length + negative.deltas.length
  out.reserve(120 + 12 * numbers)
  const { bytes } = out
  bytes[out.at++] = 0x08
  out.int64(native.count)
  bytes[out.at++] = 0x19
  out.double(native.sum, point.isStale)
  bytes[out.at++] = 0x20
  out.signed(native.schema)
  bytes[out.at++] = 0x29
  out.double(native.zeroThreshold, false)
  bytes[out.at++] = 0x30
  out.int64(native.zeroCount)
  writeSpans(out, 0x42, negative.spans)
  writeDeltas(out, 0x4a, negative.deltas)
  writeSpans(out, 0x5a, positive.spans)
  writeDeltas(out, 0x62, positive.deltas)
  bytes[out.at++] = 0x78
  out.int64(point.timestampMs)
  if (startMs !== 0) {
    bytes[out.at++] = 0x88
    bytes[out.at++] = 0x01
    out.int64(startMs)
  }
  out.end(start)
}

/** BucketSpan { sint32 offset = 1; uint32 length = 2; } */
function writeSpans(out: Bytes, tag: number, spans: readonly number[]): void {
  for (let i = 0; i < spans.length; i += 2) {
    const start = out.begin(tag)
    out.bytes[out.at++] = 0x08
    out.signed(spans[i]!)
    out.bytes[out.at++] = 0x10
    out.varint(spans[i + 1]!)
    out.end(start)
  }
}

function writeDeltas(out: Bytes, tag: number, deltas: readonly number[]): void {
  if (deltas.length === 0) return
  const start = out.begin(tag)
  out.reserve(10 * deltas.length)
  for (const delta of deltas) out.signed(delta)
  out.end(start)
}

/** Points of one stream that differ in nothing but time and values, one run after the other: bounds may have changed between them. */
export function* runsOf(points: readonly Point[]): Generator<readonly Point[]> {
  let from = 0
  for (let i = 1; i <= points.length; i++) {
    const before = points[i - 1]!
    const point = points[i]
    if (point !== undefined && point.layout === before.layout && (point.native === undefined) === (before.native === undefined)) continue
    yield from === 0 && i === points.length ? points : points.slice(from, i)
    from = i
  }
}

/** Those of one series of a point: of a classic histogram each bucket has its own, the latest. */
export function exemplarsOf(point: Point, i: number): readonly Exemplar[] {
  if (point.exemplars.length === 0 || point.layout === undefined) return point.exemplars
  const exemplar = exemplarsByBucket(point).get(i)
  return exemplar === undefined ? [] : [exemplar]
}
