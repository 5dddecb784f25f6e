// Metrics in plain objects, for tests: into the bytes of a request, and back.

import { ANONYMOUS, type Batch } from '../batch.ts'
import type { ByteWriter } from '../otlp/byte-writer.ts'
import { DataPointCursor } from '../otlp/data-point-cursor.ts'
import { RequestEdits } from '../otlp/edits.ts'
import type { MetricType } from '../otlp/metric-cursor.ts'
import { indexChunk } from '../otlp/requests.ts'
import {
  NEW_YEAR,
  type PlainAttributes,
  type PlainEnvelope,
  encodeRequest,
  writeAttributes,
  writeDouble,
  writeFixed64,
  writeNumber,
} from './plain.ts'

/** Everything has a default. */
export interface PlainDataPoint {
  readonly startTimeUnixNano?: bigint
  readonly timeUnixNano?: bigint
  /** Of a gauge or a sum: a bigint is written as an integer, a number as a double. */
  readonly value?: number | bigint | undefined
  /** Of the other types. */
  readonly count?: number | bigint | undefined
  readonly sum?: number | undefined
  readonly attributes?: PlainAttributes
}

export interface PlainMetric {
  readonly name?: string
  readonly description?: string
  readonly unit?: string
  readonly type?: MetricType
  readonly isMonotonic?: boolean
  readonly aggregationTemporality?: 0 | 1 | 2
  readonly dataPoints: readonly PlainDataPoint[]
}

export interface PlainMetricsResource extends PlainEnvelope {
  readonly metrics: readonly PlainMetric[]
}

/** By type: the tag of its data in a metric, and that of the attributes in its points. */
const TAGS: Readonly<Record<MetricType, readonly [data: number, attributes: number]>> = {
  gauge: [0x2a, 0x3a],
  sum: [0x3a, 0x3a],
  histogram: [0x4a, 0x4a],
  exponential_histogram: [0x52, 0x0a],
  summary: [0x5a, 0x3a],
}

/** The bytes of an export request. */
export function encodeMetrics(resources: readonly PlainMetricsResource[]): Buffer {
  return encodeRequest(resources, (out, { metrics }) => {
    for (const metric of metrics) writeMetric(out, metric)
  })
}

function writeMetric(out: ByteWriter, metric: PlainMetric): void {
  const { name = 'metric', description = '', unit = '', type = 'gauge', isMonotonic = false, aggregationTemporality = 0 } = metric
  const body = out.begin(0x12)
  out.text(0x0a, name)
  if (description !== '') out.text(0x12, description)
  if (unit !== '') out.text(0x1a, unit)
  const [dataTag, attributeTag] = TAGS[type]
  const data = out.begin(dataTag)
  for (const point of metric.dataPoints) writePoint(out, point, type === 'gauge' || type === 'sum', attributeTag)
  writeNumber(out, 0x10, aggregationTemporality)
  if (isMonotonic) writeNumber(out, 0x18, 1)
  out.end(data)
  out.end(body)
}

function writePoint(out: ByteWriter, point: PlainDataPoint, isNumber: boolean, attributeTag: number): void {
  const { startTimeUnixNano = 0n, timeUnixNano = NEW_YEAR, attributes = {} } = point
  const body = out.begin(0x0a)
  if (attributeTag === 0x0a) writeAttributes(out, attributeTag, attributes)
  if (startTimeUnixNano !== 0n) writeFixed64(out, 0x11, startTimeUnixNano)
  writeFixed64(out, 0x19, timeUnixNano)
  if (!isNumber) {
    writeFixed64(out, 0x21, BigInt(point.count ?? 0))
    if (point.sum !== undefined) writeDouble(out, 0x29, point.sum)
  } else if (typeof point.value === 'bigint') writeFixed64(out, 0x31, point.value)
  else if (point.value !== undefined) writeDouble(out, 0x21, point.value)
  if (attributeTag !== 0x0a) writeAttributes(out, attributeTag, attributes)
  out.end(body)
}

/** A batch of one chunk. */
export function metricsBatch(resources: readonly PlainMetricsResource[]): Batch {
  const count = resources.reduce((sum, { metrics }) => sum + metrics.reduce((points, { dataPoints }) => points + dataPoints.length, 0), 0)
  return { signal: 'metrics', chunks: [encodeMetrics(resources)], count, origin: ANONYMOUS }
}

const POINTS_PER_METRIC = 3

/**
 * A batch of `count` data points of one resource that differ in their value and their `n`, which counts from `first`: three to a metric,
 * and metrics of every type in turn.
 */
export function numberedDataPoints(count: number, first = 0): Batch {
  const types = Object.keys(TAGS) as MetricType[]
  const metrics = Array.from({ length: Math.ceil(count / POINTS_PER_METRIC) }, (_, m) => ({
    name: `metric ${m}`,
    type: types[m % types.length]!,
    dataPoints: Array.from({ length: Math.min(POINTS_PER_METRIC, count - m * POINTS_PER_METRIC) }, (_, i) => {
      const n = first + m * POINTS_PER_METRIC + i
      return { value: BigInt(n), count: n, sum: n, attributes: { n } }
    }),
  }))
  return metricsBatch([{ resource: { 'service.name': 'test' }, scopeName: 'tests', metrics }])
}

export interface ReadDataPoint extends Required<PlainDataPoint> {
  readonly metricName: string
  readonly metricDescription: string
  readonly metricUnit: string
  readonly metricType: MetricType
  readonly isMonotonic: boolean | undefined
  readonly aggregationTemporality: 0 | 1 | 2
  readonly resource: PlainAttributes
  readonly scopeName: string
}

/** Every data point of a batch or a request, decoded, with its metric, resource and scope. */
export function readDataPoints(source: Batch | Uint8Array): ReadDataPoint[] {
  const chunks = source instanceof Uint8Array ? [source] : source.chunks
  return chunks.flatMap((chunk) => {
    const edits = new RequestEdits(indexChunk('metrics', chunk))
    const point = new DataPointCursor(edits, () => {})
    return Array.from({ length: edits.index.itemCount }, (_, i) => {
      point.moveTo(i)
      const { metricName, metricDescription, metricUnit, metricType, isMonotonic, aggregationTemporality } = point
      const { startTimeUnixNano, timeUnixNano, value, count, sum, scopeName } = point
      const attributes = Object.fromEntries(point.attributes)
      const resource = Object.fromEntries(point.resource)
      const metric = { metricName, metricDescription, metricUnit, metricType, isMonotonic, aggregationTemporality }
      return { ...metric, startTimeUnixNano, timeUnixNano, value, count, sum, attributes, resource, scopeName }
    })
  })
}
