// OTLP/JSON of metrics and logs: what json-read.test.ts and json-write.test.ts do not reach with spans.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Any, decodeWhole, protobufjsTypes } from './fixtures/oracles.ts'
import { plainRequests } from './fixtures/wire-items.ts'
import { fromJson } from './json-read.ts'
import { toJson } from './json-write.ts'
import { admit } from './requests.ts'
import { MalformedError } from './wire.ts'

const read = (signal: 'metrics' | 'logs', json: string): ReturnType<typeof fromJson> => fromJson(signal, Buffer.from(json))
const metrics = (...list: string[]): string => `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[${list.join(',')}]}]}]}`
const logs = (...list: string[]): string => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${list.join(',')}]}]}]}`
const metricsIn = (bytes: Uint8Array): Any => decodeWhole('metrics', bytes).resourceMetrics[0]?.scopeMetrics[0]?.metrics
const recordsIn = (bytes: Uint8Array): Any => decodeWhole('logs', bytes).resourceLogs[0].scopeLogs[0].logRecords

for (const signal of ['metrics', 'logs'] as const)
  t.test(`${signal}: what another library wrote is read as it reads the bytes`, async () => {
    const type = protobufjsTypes[signal]
    const keepingZero = (value: unknown): unknown => (Object.is(value, -0) ? (JSON as Any).rawJSON('-0') : value)
    const jsonOf = (bytes: Uint8Array): string =>
      JSON.stringify(type.toObject(type.decode(bytes), { longs: String, bytes: String, json: true }), (key, value: unknown) =>
        ['traceId', 'spanId'].includes(key) ? Buffer.from(value as string, 'base64').toString('hex') : keepingZero(value),
      )
    fc.assert(
      fc.property(plainRequests[signal], (bytes) => {
        const { bytes: back, refused } = read(signal, jsonOf(bytes))
        assert.equal(refused, 0)
        assert.deepEqual(decodeWhole(signal, back), decodeWhole(signal, bytes))
      }),
      { numRuns: 120 },
    )
  })

t.test('numbers of metrics are exact in every form that the specification allows', async (t) => {
  const point = (members: string): Any => {
    const { bytes, refused, reason } = read('metrics', metrics(`{"sum":{"dataPoints":[{${members}}]}}`))
    return refused === 0 ? metricsIn(bytes)[0].value.value.dataPoints[0] : reason
  }
  for (const n of ['9007199254740993', '-9223372036854775808', '9223372036854775807', '0'])
    for (const json of [n, `"${n}"`]) t.same(point(`"asInt":${json}`).value, { case: 'asInt', value: BigInt(n) }, json)
  t.equal(point('"asInt":"9223372036854775808"'), 'NumberDataPoint.asInt is not an integer in its range at byte 80')
  t.same(point('"asDouble":"NaN"').value.value, NaN)
  t.same(point('"asDouble":"-Infinity"').value.value, -Infinity)
  t.same(point('"asDouble":0').value, { case: 'asDouble', value: 0 }, 'zero is a value')
  t.same(point('"asInt":1,"asDouble":2').value, { case: 'asDouble', value: 2 }, 'the last member of the oneof counts')
  t.equal(point('"flags":4294967295').flags, 4294967295)

  const exponential = (members: string): Any =>
    metricsIn(read('metrics', metrics(`{"exponentialHistogram":{"dataPoints":[{${members}}]}}`)).bytes)[0].value.value.dataPoints[0]
  for (const n of [-2147483648, -1, 0, 1, 2147483647]) t.equal(exponential(`"scale":${n}`).scale, n)
  t.same(exponential('"positive":{"offset":-3,"bucketCounts":["18446744073709551615",0,"1"]}').positive, {
    offset: -3,
    bucketCounts: [2n ** 64n - 1n, 0n, 1n],
  })
  t.same(exponential('"min":0').min, 0, 'zero is there')
  t.equal('min' in exponential('"count":1'), false, 'and absent is absent')

  const histogram = metricsIn(
    read(
      'metrics',
      metrics(
        '{"histogram":{"aggregationTemporality":2,"dataPoints":[{"bucketCounts":["1",2],"explicitBounds":[0.5,"Infinity"],"sum":0}]}}',
      ),
    ).bytes,
  )[0].value.value
  t.equal(histogram.aggregationTemporality, 2)
  t.same(histogram.dataPoints[0].bucketCounts, [1n, 2n])
  t.same(histogram.dataPoints[0].explicitBounds, [0.5, Infinity])
  t.equal(histogram.dataPoints[0].sum, 0)
})

t.test('a point that cannot be said in bytes is refused alone, a metric with all its points', async (t) => {
  const good = '{"asInt":"1"}'
  const bad = '{"asInt":"x"}'
  const gauge = (...points: string[]): string => `"gauge":{"dataPoints":[${points.join(',')}]}`
  const cases: readonly (readonly [string, number, RegExp])[] = [
    [`{${gauge(good, bad, good)}}`, 1, /^NumberDataPoint.asInt is not an integer/],
    [`{"name":5,${gauge(good, good, good)}}`, 3, /^Metric.name has a wrong type; accepted: a string/],
    [`{${gauge(good, bad, '{"unknown":[{"dataPoints":[1,2]}]}')},"unit":[]}`, 3, /^NumberDataPoint.asInt|^Metric.unit has a wrong type/],
    ['{"name":{}}', 1, /^Metric.name has a wrong type/],
    ['{"gauge":[]}', 1, /^Metric.gauge has a wrong type; accepted: an object/],
    [
      `{"sum":{"aggregationTemporality":"DELTA","dataPoints":[${good},${good}]},"name":""}`,
      2,
      /^Sum.aggregationTemporality has a wrong type/,
    ],
    ['5', 1, /^ScopeMetrics.metrics has a wrong type; accepted: an object/],
  ]
  for (const [metric, refused, reason] of cases) {
    const found = read('metrics', metrics(`{"name":"before",${gauge(good)}}`, metric, `{"name":"after",${gauge(good)}}`))
    t.equal(found.refused, refused, metric)
    t.match(found.reason, reason)
    const names = metricsIn(found.bytes).map(({ name }: Any) => name)
    t.same([names[0], names.at(-1)], ['before', 'after'])
  }
  t.throws(() => read('metrics', metrics(`{"name":5,${gauge(good)}`)), MalformedError, 'what is not JSON is no item’s fault')
})

t.test('ids of records and exemplars: hex in either case, and what is none goes', async (t) => {
  const trace = '5B8efff798038103d269b633813fc60c'
  const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  const idsOf = (json: string): string[] => {
    const { bytes, refused } = read('logs', logs(json))
    t.equal(refused, 0)
    const [{ traceId, spanId, severityNumber }] = recordsIn(admit('logs', bytes).chunk)
    t.equal(severityNumber, 9)
    return [hexOf(traceId), hexOf(spanId)]
  }
  const rest = '"severityNumber":9'
  t.same(idsOf(`{${rest},"traceId":"${trace}","spanId":"eee19b7ec3c1b174"}`), [trace.toLowerCase(), 'eee19b7ec3c1b174'])
  for (const none of ['xyz', 'abc', 'abcd', '0'.repeat(16), trace])
    t.same(idsOf(`{"spanId":"${none}","traceId":"${trace}",${rest}}`), [trace.toLowerCase(), ''], none)
  t.equal(read('logs', logs('{"traceId":5}')).refused, 1, 'a wrong type is a fault')
  const exemplar = read(
    'metrics',
    metrics(`{"gauge":{"dataPoints":[{"exemplars":[{"asInt":"1","traceId":"no","spanId":"eee19b7ec3c1b174"}]}]}}`),
  )
  const [{ value }] = metricsIn(admit('metrics', exemplar.bytes).chunk)
  t.same(
    value.value.dataPoints[0].exemplars.map(({ traceId, spanId }: Any) => [hexOf(traceId), hexOf(spanId)]),
    [['', 'eee19b7ec3c1b174']],
  )
})

t.test('writes what the specification shows', async (t) => {
  const metric =
    '{"name":"my.histogram","unit":"1","description":"I am a Histogram","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"1544712660300000000","timeUnixNano":"1544712660300000000","count":"2","sum":2,"bucketCounts":["1","1"],"explicitBounds":[1],"min":0,"max":2,"attributes":[{"key":"my.attr","value":{"stringValue":"some value"}}]}]}}'
  t.same(JSON.parse(toJson('metrics', read('metrics', metrics(metric)).bytes)), JSON.parse(metrics(metric)))
  const record =
    '{"timeUnixNano":"1544712660300000000","observedTimeUnixNano":"1544712660300000000","severityNumber":10,"severityText":"Information","traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","body":{"stringValue":"Example log record"},"attributes":[{"key":"map.attribute","value":{"kvlistValue":{"values":[{"key":"some.map.key","value":{"bytesValue":"/wA="}}]}}}],"eventName":"e","flags":1}'
  t.same(JSON.parse(toJson('logs', read('logs', logs(record)).bytes)), JSON.parse(logs(record)))
})
