// What is kept of one series between two requests: its attributes as bytes, when it began, what it counted. And how it is written.
//
//   NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; repeated Exemplar exemplars = 5; sfixed64 as_int = 6;
//     repeated KeyValue attributes = 7; }
//   HistogramDataPoint { start 2; time 3; fixed64 count = 4; double sum = 5; repeated fixed64 bucket_counts = 6;
//     repeated double explicit_bounds = 7; repeated Exemplar exemplars = 8; repeated KeyValue attributes = 9; }
//   ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; start 2; time 3; fixed64 count = 4; double sum = 5; sint32 scale = 6;
//     fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9; repeated Exemplar exemplars = 11; double min = 12; double max = 13; }
//   Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
//   Exemplar { fixed64 time_unix_nano = 2; double as_double = 3; bytes span_id = 4; bytes trace_id = 5; }

import { ExponentialHistogram } from './exponential-histogram.ts'
import type { MetricsRequest } from './metrics-request.ts'
import { plus } from './plus.ts'

export interface Exemplar {
  readonly value: number
  /** A character a byte: a trace id, and a span id behind it. */
  readonly ids: string
}

/** How a series begins. */
export interface Beginning {
  /** Nanoseconds since 1970. */
  readonly startUnixNano: bigint
  /** On the monotonic clock. */
  readonly nowMs: number
  readonly beginsAtZero: boolean
}

export abstract class Series {
  /** Whole fields of the data point, a character a byte. */
  readonly attributes: string
  /** Nanoseconds since 1970. */
  readonly startUnixNano: bigint
  /** On the monotonic clock, in milliseconds. */
  lastSeenMs: number
  /** It counts what would have been series too many. */
  isOverflow = false
  /** Since the last time that it was written. */
  exemplars: Exemplar[] | undefined

  /**
   * A new cumulative series is 0 the first time: whoever computes rates of what is scraped or pushed would otherwise take its first value for
   * where it has always been.
   */
  #beginsAtZero: boolean
  #isWritten = false

  constructor(attributes: string, { startUnixNano, nowMs, beginsAtZero }: Beginning) {
    this.attributes = attributes
    this.startUnixNano = startUnixNano
    this.lastSeenMs = nowMs
    this.#beginsAtZero = beginsAtZero
  }

  /** Whether all that it counted was in what was written last: before, it must not be forgotten. */
  get isWritten(): boolean {
    return this.#isWritten
  }

  /** There will be no second time. */
  skipZero(): void {
    this.#beginsAtZero = false
  }

  /** `value` was seen, `n` times. */
  record(value: number, n: number): void {
    this.#isWritten = false
    this.add(value, n)
  }

  /** The data point, between `beginPoint` and `endPoint`. */
  write(out: MetricsRequest, startUnixNano: bigint, unixNano: bigint): void {
    const isZero = this.#beginsAtZero
    this.#beginsAtZero = false
    this.#isWritten = !isZero
    this.writePoint(out, startUnixNano, unixNano, isZero)
  }

  protected abstract add(value: number, n: number): void
  protected abstract writePoint(out: MetricsRequest, startUnixNano: bigint, unixNano: bigint, isZero: boolean): void

  addExemplar(most: number, value: number, bytes: Buffer, traceId: number, spanId: number): void {
    const exemplars = (this.exemplars ??= [])
    if (exemplars.length >= most) return
    exemplars.push({ value, ids: bytes.toString('latin1', traceId, traceId + 16) + bytes.toString('latin1', spanId, spanId + 8) })
  }

  protected writeTimes(out: MetricsRequest, startUnixNano: bigint, unixNano: bigint): void {
    out.time(0x11, startUnixNano)
    out.time(0x19, unixNano)
  }

  protected writeExemplars(out: MetricsRequest, tag: number, unixNano: bigint): void {
    if (this.exemplars === undefined) return
    for (const { value, ids } of this.exemplars) {
      const body = out.begin(tag)
      out.time(0x11, unixNano)
      out.number(0x19, value)
      out.byte(0x22)
      out.byte(8)
      out.latin1(ids.slice(16))
      out.byte(0x2a)
      out.byte(16)
      out.latin1(ids.slice(0, 16))
      out.end(body)
    }
    this.exemplars = undefined
  }
}

/** A sum that only grows. */
export class Count extends Series {
  #total = 0

  protected override add(_value: number, n: number): void {
    this.#total = plus(this.#total, n)
  }

  protected override writePoint(out: MetricsRequest, startUnixNano: bigint, unixNano: bigint, isZero: boolean): void {
    this.writeTimes(out, startUnixNano, unixNano)
    this.writeExemplars(out, 0x2a, unixNano)
    out.fixed64(0x31, isZero ? 0 : this.#total)
    out.latin1(this.attributes)
  }
}

/** A histogram with given bounds. */
export class Buckets extends Series {
  readonly #bounds: readonly number[]
  /** One more than bounds. */
  readonly #counts: number[]
  #count = 0
  #sum = 0

  constructor(attributes: string, beginning: Beginning, bounds: readonly number[]) {
    super(attributes, beginning)
    this.#bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  protected override add(value: number, n: number): void {
    this.#sum += value * n
    this.#count = plus(this.#count, n)
    const bucket = bucketOf(this.#bounds, value)
    this.#counts[bucket] = plus(this.#counts[bucket]!, n)
  }

  protected override writePoint(out: MetricsRequest, startUnixNano: bigint, unixNano: bigint, isZero: boolean): void {
    this.writeTimes(out, startUnixNano, unixNano)
    out.fixed64(0x21, isZero ? 0 : this.#count)
    out.number(0x29, isZero ? 0 : this.#sum)
    out.byte(0x32)
    out.varint(this.#counts.length * 8)
    for (const count of this.#counts) out.wide(isZero ? 0 : count)
    out.byte(0x3a)
    out.varint(this.#bounds.length * 8)
    for (const bound of this.#bounds) out.double(bound)
    this.writeExemplars(out, 0x42, unixNano)
    out.latin1(this.attributes)
  }
}

/** The first whose bound is not below the value. */
function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (bounds[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** An exponential histogram. */
export class Exponential extends Series {
  readonly #histogram: ExponentialHistogram

  constructor(attributes: string, beginning: Beginning, maxSize: number) {
    super(attributes, beginning)
    this.#histogram = new ExponentialHistogram(maxSize)
  }

  protected override add(value: number, n: number): void {
    this.#histogram.record(value, n)
  }

  protected override writePoint(out: MetricsRequest, startUnixNano: bigint, unixNano: bigint, isZero: boolean): void {
    const { count, sum, scale, zeroCount, offset, buckets, min, max } = this.#histogram
    out.latin1(this.attributes)
    this.writeTimes(out, startUnixNano, unixNano)
    out.fixed64(0x21, isZero ? 0 : count)
    out.number(0x29, isZero ? 0 : sum)
    // As fine as the next: between two of different scales rates are as coarse as the coarser.
    out.zigzag(0x30, scale)
    out.fixed64(0x39, isZero ? 0 : zeroCount)
    const positive = out.begin(0x42)
    out.zigzag(0x08, offset)
    const packed = out.begin(0x12)
    if (!isZero) for (const one of buckets) out.varint(one)
    out.end(packed)
    out.end(positive)
    this.writeExemplars(out, 0x5a, unixNano)
    if (isZero) return
    out.number(0x61, min)
    out.number(0x69, max)
  }
}
