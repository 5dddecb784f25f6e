// What the generator sends of metrics and logs, read by protobufjs code of OpenTelemetry's own.

import { createRequire } from 'node:module'
import { join } from 'node:path'

import t from 'tap'

import { prepareMessages } from './body.ts'
import { preparer } from './prepare.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- generated code without types
const root: any = createRequire(import.meta.url)(
  join(import.meta.dirname, '../node_modules/otlp-transformer-0213/build/src/generated/root.js'),
)
const { collector } = root.opentelemetry.proto

for (const transport of ['http', 'grpc'] as const) {
  t.test(`a request of logs over ${transport} holds a hundred records, each with a time of its own`, async (t) => {
    const { messages, patch } = preparer({ port: 1, path: '/', run: 1, spansPerRequest: 100, signal: 'logs', transport })(0)
    const message = messages[0]!
    patch(message, 700)
    const { resourceLogs } = collector.logs.v1.ExportLogsServiceRequest.decode(message.bytes.subarray(message.bodyAt))
    const records = resourceLogs[0].scopeLogs[0].logRecords
    t.equal(records.length, 100)
    t.same(
      records.map(({ timeUnixNano }: { timeUnixNano: { low: number } }) => timeUnixNano.low),
      Array.from({ length: 100 }, (_, i) => 700 + i),
    )
    t.ok(
      records.every(
        (record: { attributes: unknown[]; traceId: Buffer; spanId: Buffer }) =>
          record.attributes.length === 6 && record.traceId.length === 16 && record.spanId.length === 8,
      ),
    )
    const size = (message.bytes.length - message.bodyAt) / 100
    t.ok(size > 370 && size < 410, `${size} bytes a record`)
  })

  t.test(`a request of metrics over ${transport} holds a hundred points of sums, gauges and histograms`, async (t) => {
    const { messages, patch } = preparer({ port: 1, path: '/', run: 1, spansPerRequest: 100, signal: 'metrics', transport })(0)
    const message = messages[0]!
    patch(message, 9)
    const { resourceMetrics } = collector.metrics.v1.ExportMetricsServiceRequest.decode(message.bytes.subarray(message.bodyAt))
    interface Metric {
      readonly sum?: { readonly dataPoints: Point[] } | null
      readonly gauge?: { readonly dataPoints: Point[] } | null
      readonly histogram?: { readonly dataPoints: Point[] } | null
    }
    interface Point {
      readonly attributes: unknown[]
      readonly timeUnixNano: { readonly low: number }
    }
    const metrics = resourceMetrics[0].scopeMetrics[0].metrics as Metric[]
    const count = (kind: keyof Metric): number => metrics.filter((metric) => metric[kind] != null).length
    t.same([count('sum'), count('gauge'), count('histogram')], [10, 6, 4])
    const points = metrics.flatMap(({ sum, gauge, histogram }) => (sum ?? gauge ?? histogram)!.dataPoints)
    t.equal(points.length, 100)
    t.ok(points.every(({ attributes }) => attributes.length === 5))
    t.same(
      points.map(({ timeUnixNano }) => timeUnixNano.low),
      Array.from({ length: 100 }, (_, i) => 9 + i),
    )
    const size = (message.bytes.length - message.bodyAt) / 100
    t.ok(size > 200 && size < 320, `${size} bytes a point`)
  })
}

t.test('a gRPC message of traces says its length, and holds what an HTTP one holds', async (t) => {
  const { messages } = preparer({ port: 1, path: '/', run: 1, spansPerRequest: 100, signal: 'traces', transport: 'grpc' })(0)
  const [message] = messages
  t.equal(message!.bodyAt, 5)
  t.equal(message!.bytes[0], 0)
  t.equal(message!.bytes.readUInt32BE(1), message!.bytes.length - 5)
  const [http] = prepareMessages({ run: 1, spans: 100, host: '127.0.0.1:1', path: '/', seed: 0 })
  t.ok(http!.bytes.subarray(http!.bodyAt).equals(message!.bytes.subarray(5)))
})
