// The program's own metrics as an OTLP request, for the reader that sends them somewhere.
//
//   ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
//   ScopeMetrics    { InstrumentationScope scope = 1; repeated Metric metrics = 2; }
//   Metric          { string name = 1; string description = 2; string unit = 3; oneof { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; } }
//   Sum, Histogram  { repeated … data_points = 1; AggregationTemporality aggregation_temporality = 2; (Sum) bool is_monotonic = 3; }

import { writeKeyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'
import type { MetricAttributes } from '../component.ts'
import type { HistogramPoint, Metric, NumberPoint } from './meter.ts'

const CUMULATIVE = 2

export interface Reported {
  readonly resource: MetricAttributes
  readonly scopeName: string
  readonly scopeVersion: string
  /** When counting began, and now: nanoseconds since 1970. */
  readonly startUnixNano: bigint
  readonly nowUnixNano: bigint
}

export function metricsRequest(metrics: readonly Metric[], reported: Reported): Buffer {
  const out = new ByteWriter(16_384)
  const resourceMetrics = out.begin(0x0a)
  const resource = out.begin(0x0a)
  writeAttributes(out, 0x0a, reported.resource)
  out.end(resource)
  const scopeMetrics = out.begin(0x12)
  const scope = out.begin(0x0a)
  out.text(0x0a, reported.scopeName)
  out.text(0x12, reported.scopeVersion)
  out.end(scope)
  for (const metric of metrics) if (metric.points.length > 0) writeMetric(out, metric, reported)
  out.end(scopeMetrics)
  out.end(resourceMetrics)
  return out.copy()
}

function writeMetric(out: ByteWriter, metric: Metric, reported: Reported): void {
  const start = out.begin(0x12)
  out.text(0x0a, metric.name)
  out.text(0x12, metric.help)
  out.text(0x1a, metric.unit)
  const kind = out.begin(metric.type === 'gauge' ? 0x2a : metric.type === 'counter' ? 0x3a : 0x4a)
  if (metric.type === 'histogram') for (const point of metric.points) writeHistogram(out, point, metric.bounds, reported)
  else for (const point of metric.points) writeNumber(out, point, reported)
  if (metric.type !== 'gauge') {
    out.byte(0x10)
    out.varint(CUMULATIVE)
  }
  if (metric.type === 'counter') {
    out.byte(0x18)
    out.byte(1)
  }
  out.end(kind)
  out.end(start)
}

/** `NumberDataPoint { fixed64 start 2; fixed64 time 3; double as_double 4; sfixed64 as_int 6; repeated KeyValue attributes 7; }` */
function writeNumber(out: ByteWriter, { attributes, value }: NumberPoint, reported: Reported): void {
  const point = out.begin(0x0a)
  writeTimes(out, reported)
  if (Number.isSafeInteger(value)) writeFixed64(out, 0x31, BigInt(value))
  else {
    out.byte(0x21)
    out.double(value)
  }
  writeAttributes(out, 0x3a, attributes)
  out.end(point)
}

/**
 * `HistogramDataPoint { fixed64 start 2; fixed64 time 3; fixed64 count 4; double sum 5; repeated fixed64 bucket_counts 6; repeated double
 * explicit_bounds 7; repeated KeyValue attributes 9; }`
 */
function writeHistogram(out: ByteWriter, { attributes, counts, sum }: HistogramPoint, bounds: readonly number[], reported: Reported): void {
  const point = out.begin(0x0a)
  writeTimes(out, reported)
  writeFixed64(
    out,
    0x21,
    counts.reduce((total, count) => total + BigInt(count), 0n),
  )
  out.byte(0x29)
  out.double(sum)
  const packedCounts = out.begin(0x32)
  for (const count of counts) putFixed64(out, BigInt(count))
  out.end(packedCounts)
  const packedBounds = out.begin(0x3a)
  for (const bound of bounds) out.double(bound)
  out.end(packedBounds)
  writeAttributes(out, 0x4a, attributes)
  out.end(point)
}

function writeTimes(out: ByteWriter, { startUnixNano, nowUnixNano }: Reported): void {
  writeFixed64(out, 0x11, startUnixNano)
  writeFixed64(out, 0x19, nowUnixNano)
}

export function writeAttributes(out: ByteWriter, tag: number, attributes: Readonly<Record<string, string | bigint>>): void {
  for (const [key, value] of Object.entries(attributes)) {
    const body = out.begin(tag)
    writeKeyValue(out, key, value)
    out.end(body)
  }
}

export function writeFixed64(out: ByteWriter, tag: number, value: bigint): void {
  out.byte(tag)
  putFixed64(out, value)
}

function putFixed64(out: ByteWriter, value: bigint): void {
  out.reserve(8)
  out.at = out.bytes.writeBigInt64LE(value, out.at)
}
