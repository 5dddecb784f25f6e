// Writes metrics that somebody here has aggregated, as the bytes of export requests. Connectors write what they have into one and take a
// request out whenever it is large enough.
//
//   ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
//   ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; }
//   Metric { string name = 1; string description = 2; string unit = 3;
//     oneof { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; ExponentialHistogram exponential_histogram = 10; } }
//   Sum { repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }

import { ByteWriter } from '../otlp/byte-writer.ts'
import { EXPONENTIAL_HISTOGRAM, HISTOGRAM, SUM } from '../otlp/request-index.ts'

/** In bytes: many servers take no message of gRPC above 4 MiB. */
const LARGE = 2 * 1024 * 1024

export const DELTA = 1
export const CUMULATIVE = 2
export type Temporality = typeof DELTA | typeof CUMULATIVE

export interface MetricHead {
  readonly name: string
  readonly unit: string
  readonly kind: typeof SUM | typeof HISTOGRAM | typeof EXPONENTIAL_HISTOGRAM
  readonly temporality: Temporality
}

/** The tag of `attributes` in a data point, by kind of metric. */
export const ATTRIBUTES_TAG: Readonly<Record<MetricHead['kind'], number>> = {
  [SUM]: 0x3a,
  [HISTOGRAM]: 0x4a,
  [EXPONENTIAL_HISTOGRAM]: 0x0a,
}

export class MetricsRequest extends ByteWriter {
  readonly #scope: string
  #resource: Uint8Array | undefined
  #metric: MetricHead | undefined
  /** Where what is open began: the resource, its scope, the metric, its data, the point. */
  #open: number[] = []
  /** Data points so far. */
  points = 0

  constructor(scope: string) {
    super(65_536)
    this.#scope = scope
  }

  get isLarge(): boolean {
    return this.at >= LARGE
  }

  /** What follows is of the resource with this body. */
  resource(body: Uint8Array): void {
    this.#close(0)
    this.#resource = body
  }

  /** What follows is of this metric. Without a data point it is not written. */
  metric(head: MetricHead): void {
    this.#close(2)
    this.#metric = head
  }

  beginPoint(): void {
    if (this.#open.length === 0) this.#beginResource()
    if (this.#open.length === 2) this.#beginMetric()
    this.#open.push(this.begin(0x0a))
    this.points++
  }

  endPoint(): void {
    this.end(this.#open.pop()!)
  }

  #beginResource(): void {
    this.#open.push(this.begin(0x0a))
    this.field(0x0a, this.#resource!)
    this.#open.push(this.begin(0x12))
    const scope = this.begin(0x0a)
    this.text(0x0a, this.#scope)
    this.end(scope)
  }

  #beginMetric(): void {
    const { name, unit, kind, temporality } = this.#metric!
    this.#open.push(this.begin(0x12))
    this.text(0x0a, name)
    if (unit !== '') this.text(0x1a, unit)
    this.#open.push(this.begin((kind << 3) | 2))
    this.byte(0x10)
    this.byte(temporality)
    if (kind !== SUM) return
    this.byte(0x18)
    this.byte(1)
  }

  /** Ends what is open, down to so many levels. */
  #close(levels: number): void {
    while (this.#open.length > levels) this.end(this.#open.pop()!)
  }

  /** The request so far, in memory of its own. What follows is of the same resource and metric, in the next one. */
  take(): { readonly bytes: Buffer; readonly count: number } {
    this.#close(0)
    const taken = { bytes: this.copy(), count: this.points }
    this.at = this.points = 0
    return taken
  }

  /** A fixed64 field: a whole number up to 2^53. */
  fixed64(tag: number, value: number): void {
    this.byte(tag)
    this.wide(value)
  }

  /** The eight bytes alone, as in packed fields. */
  wide(value: number): void {
    this.reserve(8)
    const upper = Math.floor(value / 0x1_0000_0000)
    this.bytes.writeUInt32LE(value - upper * 0x1_0000_0000, this.at)
    this.bytes.writeUInt32LE(upper, this.at + 4)
    this.at += 8
  }

  time(tag: number, unixNano: bigint): void {
    this.byte(tag)
    this.reserve(8)
    this.at = this.bytes.writeBigUInt64LE(unixNano, this.at)
  }

  number(tag: number, value: number): void {
    this.byte(tag)
    this.double(value)
  }

  /** A sint32. */
  zigzag(tag: number, value: number): void {
    this.byte(tag)
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  /** Bytes that were kept as a text, a character each. */
  latin1(text: string): void {
    this.reserve(text.length)
    this.at += this.bytes.write(text, this.at, 'latin1')
  }
}
