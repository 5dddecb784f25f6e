import assert from 'node:assert/strict'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t from 'tap'
import type { Signal } from '../batch.ts'
import { admit } from '../otlp/requests.ts'
import { CollectingConsumer, encodeLogs, encodeMetrics, numberedItems, numbersOf, readDataPoints, readLogRecords } from './index.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- generated without types
const { collector } = (root as any).opentelemetry.proto

for (const signal of ['traces', 'metrics', 'logs'] as const satisfies readonly Signal[])
  t.test(`numbered items of ${signal} are a valid request, and carry their numbers`, async (t) => {
    const batch = numberedItems(signal, 47, 3)
    t.equal(batch.count, 47)
    const { chunk, count, refused } = admit(signal, batch.chunks[0]!)
    t.equal(chunk, batch.chunks[0])
    t.same([count, refused], [47, 0])
    const numbers = Array.from({ length: 47 }, (_, i) => 3 + i)
    t.same(numbersOf(batch), numbers)
    const next = new CollectingConsumer()
    await next.consume(batch, 0)
    t.same(next.numbers(), numbers)
    t.equal(next.itemCount(), 47)
    const lengths = [next.spans().length, next.dataPoints().length, next.logRecords().length]
    t.same([Math.max(...lengths), lengths.reduce((sum, length) => sum + length)], [47, 47], 'read as what they are and nothing else')
  })

t.test('plain logs are what another library reads', async () => {
  const record = {
    timeUnixNano: 5n,
    observedTimeUnixNano: 2n ** 64n - 1n,
    severityNumber: 17,
    severityText: 'ERROR',
    body: { a: [1, 'x', null] },
    eventName: 'boom',
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    flags: 257,
    attributes: { k: 'v' },
  }
  const bytes = encodeLogs([{ resource: { r: 1 }, scopeName: 's', logRecords: [record] }])
  const [seen] = readLogRecords(bytes)
  assert.deepEqual(
    { ...seen!, body: JSON.stringify(seen!.body) },
    { ...record, body: '{"a":[1,"x",null]}', resource: { r: 1 }, scopeName: 's' },
  )
  const [theirs] = collector.logs.v1.ExportLogsServiceRequest.decode(bytes).resourceLogs[0].scopeLogs[0].logRecords
  assert.deepEqual(
    [String(theirs.timeUnixNano), String(theirs.observedTimeUnixNano), theirs.severityText, theirs.eventName, theirs.flags],
    ['5', '18446744073709551615', 'ERROR', 'boom', 257],
  )
})

t.test('plain metrics are what another library reads', async () => {
  const bytes = encodeMetrics([
    {
      metrics: [
        { name: 'a', description: 'd', unit: 's', type: 'sum', isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ value: -7n }] },
        {
          name: 'b',
          type: 'exponential_histogram',
          dataPoints: [{ count: 2n ** 53n + 1n, sum: 0.5, startTimeUnixNano: 1n, attributes: { k: 'v' } }],
        },
      ],
    },
  ])
  const [first, second] = readDataPoints(bytes)
  assert.partialDeepStrictEqual(first, {
    metricName: 'a',
    metricDescription: 'd',
    metricUnit: 's',
    metricType: 'sum',
    value: -7,
    count: undefined,
  })
  assert.partialDeepStrictEqual(first, { isMonotonic: true, aggregationTemporality: 2, startTimeUnixNano: 0n })
  assert.partialDeepStrictEqual(second, { metricName: 'b', count: 2n ** 53n + 1n, sum: 0.5, startTimeUnixNano: 1n, attributes: { k: 'v' } })
  const [sum, histogram] = collector.metrics.v1.ExportMetricsServiceRequest.decode(bytes).resourceMetrics[0].scopeMetrics[0].metrics
  assert.deepEqual([sum.name, sum.sum.isMonotonic, String(sum.sum.dataPoints[0].asInt)], ['a', true, '-7'])
  assert.equal(String(histogram.exponentialHistogram.dataPoints[0].count), '9007199254740993')
  assert.equal(histogram.exponentialHistogram.dataPoints[0].attributes[0].key, 'k')
})
