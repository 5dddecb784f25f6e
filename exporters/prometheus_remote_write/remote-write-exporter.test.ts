// Exporter `prometheus_remote_write` against receivers of every temper: what they get, in which order, and what their answers mean. The names
// of these tests are those of the table of README.md, which says by which of them each line of the specifications is shown.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ANONYMOUS, type Batch, PartialError, PermanentError, RetryableError, systemClock } from '../../core/index.ts'
import { at, attributes, NEW_YEAR_MS, otlpRequest } from '../../core/prometheus/fixtures/otlp.ts'
import { exporterSuite, TestSettings } from '../../core/testing/index.ts'
import { factory, type RemoteWriteConfig } from './factory.ts'
import { receiver, type Reply, type SeenRequest, takesAll, written } from './fixtures/receiver.ts'
import { RemoteWriteExporter } from './remote-write-exporter.ts'

/** As the loader fills them in; pauses of a millisecond, so that tests of retrying take none. */
function configOf(config: Partial<RemoteWriteConfig>): RemoteWriteConfig {
  return {
    endpoint: 'http://127.0.0.1:9/api/v1/write',
    protobuf_message: 'auto',
    namespace: '',
    external_labels: {},
    translation_strategy: 'UnderscoreEscapingWithSuffixes',
    resource_to_telemetry_conversion: { enabled: false, exclude_service_attributes: false },
    promote_resource_attributes: [],
    disable_scope_info: true,
    target_info: { enabled: false },
    delta: 'refuse',
    max_delta_streams: 1000,
    delta_max_stale: '5m',
    send_metadata: false,
    max_batch_size_bytes: 3_000_000,
    max_samples_per_send: 10_000,
    max_batch_request_parallelism: 1,
    max_series: 10_000,
    tls: {
      insecure: false,
      insecure_skip_verify: false,
      include_system_ca_certs_pool: false,
      min_version: '1.2',
      max_version: '1.3',
      reload_interval: '0s',
    },
    headers: {},
    timeout: '5s',
    retry_on_failure: {
      enabled: true,
      initial_interval: '1ms',
      max_interval: '1ms',
      multiplier: 1,
      randomization_factor: 0,
      max_elapsed_time: '0s',
    },
    sending_queue: { enabled: false, num_consumers: 1, queue_size: 1, sizer: 'requests', max_bytes: 1, block_on_overflow: false },
    idle_conn_timeout: '90s',
    ...config,
  }
}

async function exporter(
  t: Test,
  config: Partial<RemoteWriteConfig>,
  settings: TestSettings = new TestSettings('prometheus_remote_write', systemClock),
): Promise<RemoteWriteExporter> {
  const made = (await factory.create(configOf(config), settings)) as RemoteWriteExporter
  t.teardown(() => made.stop(AbortSignal.abort()))
  return made
}

function batchOf(count: number, ...chunks: readonly Uint8Array[]): Batch {
  return { signal: 'metrics', count, origin: ANONYMOUS, chunks }
}

/** When a sender stops waiting. */
function soon(ms = 60_000): number {
  return systemClock.monotonicMs() + ms
}

const VERSIONS = ['v1', 'v2'] as const

/** A gauge of one series for each of `of`, at one time. */
function gauges(ms: number, of: readonly string[] = ['a'], value = ms): Uint8Array {
  const dataPoints = of.map((series) => ({ timeUnixNano: at(ms), asDouble: value, attributes: attributes({ series }) }))
  return otlpRequest([{ name: 'g', gauge: { dataPoints } }])
}
const gaugeBatch = (ms: number, of: readonly string[] = ['a'], value = ms): Batch => batchOf(of.length, gauges(ms, of, value))

/** By series, the times of its samples in the order in which they were sent, since the new year. */
function timesOf(seen: readonly SeenRequest[]): Record<string, number[]> {
  const times: Record<string, number[]> = {}
  for (const { series } of seen)
    for (const { name, samples, histograms } of series)
      (times[name] ??= []).push(...[...samples, ...histograms].map(({ timestamp }) => Number(timestamp) - NEW_YEAR_MS))
  return times
}
const ending =
  (status: number, headers: Record<string, string> = {}, text = ''): Reply =>
  (response) =>
    void response.writeHead(status, headers).end(text)

t.test('the suite of every exporter', async (t) => {
  const { endpoint } = await receiver(t)
  exporterSuite(t.test.bind(t), { create: (settings) => factory.create(configOf({ endpoint }), settings) })
})

t.test('a request has the headers of its version, a body in the block format of snappy, and the path that is configured', async (t) => {
  for (const [message, type, version] of [
    ['v1', 'application/x-protobuf', '0.1.0'],
    ['prometheus.WriteRequest', 'application/x-protobuf', '0.1.0'],
    ['v2', 'application/x-protobuf;proto=io.prometheus.write.v2.Request', '2.0.0'],
    ['io.prometheus.write.v2.Request', 'application/x-protobuf;proto=io.prometheus.write.v2.Request', '2.0.0'],
    ['auto', 'application/x-protobuf;proto=io.prometheus.write.v2.Request', '2.0.0'],
  ] as const) {
    const { endpoint, seen } = await receiver(t)
    await (await exporter(t, { endpoint, protobuf_message: message, headers: { 'X-Scope-OrgID': 'me' } })).consume(gaugeBatch(1), soon())
    t.match(seen[0]!.headers, {
      'content-type': type,
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': version,
      'user-agent': /^millrace\/\d/,
      'x-scope-orgid': 'me',
    })
  }
})

t.test('reserved headers cannot be configured', async (t) => {
  for (const name of ['Content-Encoding', 'Content-Type', 'X-Prometheus-Remote-Write-Version', 'User-Agent'])
    t.match(factory.check!(configOf({ headers: { [name]: 'x' } })), [{ path: ['headers', name], message: /itself/ }])
})

t.test('every kind of metric is the same in both versions, with all its labels, sorted, none empty, none twice', async (t) => {
  const metrics = [
    {
      name: 'g',
      description: 'A gauge.',
      unit: 'By',
      gauge: { dataPoints: [{ timeUnixNano: at(5), asDouble: -0.5, attributes: attributes({ Z: '1', a: '2', none: '' }) }] },
    },
    {
      name: 's',
      sum: {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: [{ timeUnixNano: at(6), startTimeUnixNano: at(1), asInt: '9007199254740991' }],
      },
    },
    {
      name: 'h',
      unit: 's',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [{ timeUnixNano: at(7), startTimeUnixNano: at(2), count: 3, sum: 4.5, bucketCounts: [1, 2], explicitBounds: [0.5] }],
      },
    },
    { name: 'q', summary: { dataPoints: [{ timeUnixNano: at(8), count: 1, sum: 2, quantileValues: [{ quantile: 0.5, value: 3 }] }] } },
  ]
  for (const protobuf_message of VERSIONS) {
    const { endpoint, seen } = await receiver(t)
    const external_labels = { dc: 'x' }
    await (await exporter(t, { endpoint, protobuf_message, external_labels })).consume(batchOf(4, otlpRequest(metrics)), soon())
    const [{ series, version, symbols }] = seen as [SeenRequest]
    t.same(
      series.flatMap(({ name, samples }) => samples.map(({ value, timestamp }) => `${name} ${value} ${timestamp - NEW_YEAR_MS}`)),
      [
        'g_bytes{Z="1",a="2",dc="x"} -0.5 5',
        's_total{dc="x"} 9007199254740991 6',
        'h_seconds_bucket{dc="x",le="0.5"} 1 7',
        'h_seconds_bucket{dc="x",le="+Inf"} 3 7',
        'h_seconds_sum{dc="x"} 4.5 7',
        'h_seconds_count{dc="x"} 3 7',
        'q{dc="x",quantile="0.5"} 3 8',
        'q_sum{dc="x"} 2 8',
        'q_count{dc="x"} 1 8',
      ],
    )
    t.same(
      series[0]!.labels.map(([name]) => name),
      ['Z', '__name__', 'a', 'dc'],
      'in the order of their bytes',
    )
    if (version === 1) continue
    t.same(symbols[0], '')
    t.equal(new Set(symbols).size, symbols.length, 'every symbol once')
    t.match(
      series.map(({ metadata }) => metadata),
      [
        { type: 2, help: 'A gauge.', unit: 'bytes' },
        { type: 1, help: '', unit: '' },
        { type: 3, unit: 'seconds' },
      ],
    )
    t.same(
      series.map(({ samples }) => (samples[0]!.start === 0 ? 0 : samples[0]!.start - NEW_YEAR_MS)),
      [0, 1, 2, 2, 2, 2, 0, 0, 0],
    )
  }
})

t.test('native histograms are the same in both versions, and a series has either samples or histograms', async (t) => {
  const point = {
    timeUnixNano: at(9),
    startTimeUnixNano: at(3),
    count: 50,
    sum: 12.25,
    scale: 3,
    zeroCount: 2,
    zeroThreshold: 0.001,
    positive: { offset: -7, bucketCounts: [10, 0, 0, 0, 0, 20, '9007199254740991'] },
    negative: { offset: 4, bucketCounts: [1, 2] },
  }
  const metrics = [
    { name: 'e', exponentialHistogram: { aggregationTemporality: 2, dataPoints: [point] } },
    { name: 'e', histogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(9), count: 1 }] } },
  ]
  for (const protobuf_message of VERSIONS) {
    const { endpoint, seen } = await receiver(t)
    await (await exporter(t, { endpoint, protobuf_message })).consume(batchOf(2, otlpRequest(metrics)), soon())
    const [histogram, ...rest] = seen[0]!.series
    t.match(histogram, {
      name: 'e',
      samples: [],
      histograms: [
        {
          count: 50,
          sum: 12.25,
          schema: 3,
          zeroThreshold: 0.001,
          zeroCount: 2,
          positiveSpans: [
            [-6, 1],
            [4, 2],
          ],
          positiveDeltas: [10, 10, 9007199254740971],
          negativeSpans: [[5, 2]],
          negativeDeltas: [1, 1],
          resetHint: 0,
          timestamp: NEW_YEAR_MS + 9,
          start: protobuf_message === 'v2' ? NEW_YEAR_MS + 3 : 0,
        },
      ],
    })
    t.ok(rest.every(({ histograms, samples }) => histograms.length === 0 && samples.length === 1))
  }
})

t.test('a stale marker is the one NaN that is written for series that end, and for nothing else', async (t) => {
  const stale = Buffer.alloc(8)
  stale.writeBigUInt64LE(0x7ff0000000000002n)
  const lookalike = otlpRequest([{ name: 'l', gauge: { dataPoints: [{ timeUnixNano: at(2), asDouble: 12345.678 }] } }])
  const place = lookalike.indexOf(Buffer.from(new Float64Array([12345.678]).buffer))
  stale.copy(lookalike, place)
  const metrics = [
    { name: 'g', gauge: { dataPoints: [{ timeUnixNano: at(1), flags: 1 }] } },
    { name: 'n', gauge: { dataPoints: [{ timeUnixNano: at(1), asDouble: NaN }] } },
    { name: 'e', exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), flags: 1 }] } },
  ]
  for (const protobuf_message of VERSIONS) {
    const { endpoint, seen } = await receiver(t)
    const sending = await exporter(t, { endpoint, protobuf_message })
    await sending.consume(batchOf(3, otlpRequest(metrics)), soon())
    await sending.consume(batchOf(1, lookalike), soon())
    const [g, n, e, l] = seen.flatMap(({ series }) => series)
    t.equal(g!.samples[0]!.bits, '7ff0000000000002')
    t.equal(n!.samples[0]!.bits, '7ff8000000000001')
    t.match(e!.histograms[0], { sumBits: '7ff0000000000002', count: 0 })
    t.equal(l!.samples[0]!.bits, '7ff8000000000001')
  }
})

t.test('exemplars have a value, a time, and the trace that they are of', async (t) => {
  const exemplar = (ms: number, asDouble: number): object => ({
    timeUnixNano: at(ms),
    asDouble,
    traceId: Buffer.alloc(16, 10),
    spanId: Buffer.alloc(8, 11),
  })
  const metrics = [
    {
      name: 's',
      sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ timeUnixNano: at(9), asInt: 1, exemplars: [exemplar(3, 1.5)] }] },
    },
    {
      name: 'h',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          { timeUnixNano: at(9), count: 2, bucketCounts: [1, 1], explicitBounds: [1], exemplars: [exemplar(4, 0.5), exemplar(5, 7)] },
        ],
      },
    },
    {
      name: 'e',
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: [{ timeUnixNano: at(9), count: 1, sum: 1, zeroCount: 1, exemplars: [exemplar(6, 1)] }],
      },
    },
  ]
  const labels = `{span_id="${'0b'.repeat(8)}",trace_id="${'0a'.repeat(16)}"}`
  for (const protobuf_message of VERSIONS) {
    const { endpoint, seen } = await receiver(t)
    await (await exporter(t, { endpoint, protobuf_message })).consume(batchOf(3, otlpRequest(metrics)), soon())
    t.same(
      seen[0]!.series.flatMap(({ name, exemplars }) => exemplars.map((one) => [name, one.labels, one.value, one.timestamp - NEW_YEAR_MS])),
      [
        ['s_total', labels, 1.5, 3],
        ['h_bucket{le="1"}', labels, 0.5, 4],
        ['h_bucket{le="+Inf"}', labels, 7, 5],
        ['e', labels, 1, 6],
      ],
    )
    t.equal(new Set(seen[0]!.symbols).size, seen[0]!.symbols.length)
  }
})

t.test('metadata goes with 1.0 where that is asked for, each metric once a minute', async (t) => {
  const { endpoint, seen } = await receiver(t)
  const sending = await exporter(t, { endpoint, protobuf_message: 'v1', send_metadata: true })
  const one = (ms: number, name: string): Batch =>
    batchOf(
      1,
      otlpRequest([{ name, description: `About ${name}.`, unit: 's', gauge: { dataPoints: [{ timeUnixNano: at(ms), asInt: 1 }] } }]),
    )
  for (const [ms, name] of [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
  ] as const)
    await sending.consume(one(ms, name), soon())
  t.same(
    seen.map(({ metadata }) => metadata),
    [
      [{ name: 'a_seconds', type: 2, help: 'About a.', unit: 'seconds' }],
      [],
      [{ name: 'b_seconds', type: 2, help: 'About b.', unit: 'seconds' }],
    ],
  )
  const silent = await receiver(t)
  await (await exporter(t, { endpoint: silent.endpoint, protobuf_message: 'v1' })).consume(one(1, 'a'), soon())
  t.same(silent.seen[0]!.metadata, [])
})

t.test('samples of one series that come together leave sorted by time, those of one time as one', async (t) => {
  for (const protobuf_message of VERSIONS) {
    const { endpoint, seen } = await receiver(t)
    const dataPoints = [5, 3, 4, 5, 1].map((ms, i) => ({ timeUnixNano: at(ms), asInt: i }))
    await (
      await exporter(t, { endpoint, protobuf_message })
    ).consume(batchOf(5, otlpRequest([{ name: 'g', gauge: { dataPoints } }])), soon())
    t.equal(seen[0]!.series.length, 1)
    t.same(
      seen[0]!.series[0]!.samples.map(({ timestamp, value }) => [timestamp - NEW_YEAR_MS, value]),
      [
        [1, 4],
        [3, 1],
        [4, 2],
        [5, 3],
      ],
    )
  }
})

t.test('requests are cut by points and by bytes, and nothing is left out', async (t) => {
  const names = Array.from({ length: 500 }, (_, i) => `series number ${i}`)
  for (const limits of [{ max_samples_per_send: 64 }, { max_batch_size_bytes: 2048 }]) {
    for (const protobuf_message of VERSIONS) {
      const { endpoint, seen } = await receiver(t)
      await (await exporter(t, { endpoint, protobuf_message, ...limits })).consume(gaugeBatch(1, names), soon())
      t.ok(seen.length > 7, `${seen.length} requests`)
      t.same(Object.keys(timesOf(seen)).length, 500)
      t.ok(Object.values(timesOf(seen)).every((times) => times.length === 1))
    }
  }
})

t.test('what was cut for 2.0 goes out as a larger request to who reads 1.0 alone', async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `series number ${i}`)
  const { endpoint, seen } = await receiver(t, (response, one) => void response.writeHead(one.version === 2 ? 415 : 204).end())
  await (await exporter(t, { endpoint, max_batch_size_bytes: 4096 })).consume(gaugeBatch(1, names), soon())
  t.equal(Object.keys(timesOf(seen.filter(({ version }) => version === 1))).length, 200)
})

t.test('classic histograms are cut by what their series come to', async (t) => {
  const { endpoint, seen } = await receiver(t)
  const point = {
    timeUnixNano: at(1),
    count: 3,
    bucketCounts: Array.from({ length: 51 }, () => 1),
    explicitBounds: Array.from({ length: 50 }, (_, i) => i),
  }
  const dataPoints = Array.from({ length: 300 }, (_, series) => ({ ...point, attributes: attributes({ series }) }))
  const metrics = [{ name: 'h', histogram: { aggregationTemporality: 2, dataPoints } }]
  const began = performance.now()
  await (await exporter(t, { endpoint, max_batch_size_bytes: 100_000 })).consume(batchOf(300, otlpRequest(metrics)), soon())
  t.equal(Object.keys(timesOf(seen)).length, 300 * 52)
  t.ok(seen.length > 5 && seen.length < 60, `${seen.length} requests in ${Math.round(performance.now() - began)} ms`)
})

t.test('5xx and 429 are sent again after Retry-After or a growing pause, and what comes later does not overtake', async (t) => {
  for (const status of [500, 502, 503, 504, 507, 429]) {
    const { endpoint, seen } = await receiver(t, (response, one, nth) =>
      nth <= 2 ? ending(status)(response, one, nth) : takesAll(response, one),
    )
    const sending = await exporter(t, { endpoint })
    await Promise.all([1, 2, 3].map((ms) => sending.consume(gaugeBatch(ms), soon())))
    t.same(timesOf(seen.slice(2)), { 'g{series="a"}': [1, 2, 3] })
  }
  const asked = await receiver(t, (response, one, nth) =>
    nth === 1 ? ending(429, { 'Retry-After': '1' })(response, one, nth) : takesAll(response, one),
  )
  const began = performance.now()
  await (await exporter(t, { endpoint: asked.endpoint })).consume(gaugeBatch(1), soon())
  t.ok(performance.now() - began > 950, 'as long as it was asked to')
})

t.test('pauses between attempts grow', async (t) => {
  const times: number[] = []
  const { endpoint } = await receiver(t, (response, one, nth) => {
    times.push(performance.now())
    return nth <= 4 ? ending(500)(response, one, nth) : takesAll(response, one)
  })
  const retry = { ...configOf({}).retry_on_failure, initial_interval: '20ms', max_interval: '1s', multiplier: 2 }
  await (await exporter(t, { endpoint, retry_on_failure: retry })).consume(gaugeBatch(1), soon())
  const pauses = times.slice(1).map((time, i) => time - times[i]!)
  for (const [i, least] of [20, 40, 80, 160].entries()) t.ok(pauses[i]! >= least - 2, `${pauses[i]} after ${least}`)
})

t.test('4xx other than 429 and 415 are never sent again, and the message is shown as it is', async (t) => {
  for (const status of [400, 403, 404, 409, 413, 422]) {
    const { endpoint, seen } = await receiver(t, ending(status, {}, 'out of order sample'))
    const sending = await exporter(t, { endpoint, protobuf_message: 'v1' })
    await t.rejects(sending.consume(gaugeBatch(1), soon()), {
      name: 'PermanentError',
      message: new RegExp(`${status} out of order sample`),
    })
    t.equal(seen.length, 1)
  }
  const { endpoint, seen } = await receiver(t, ending(302, { Location: 'http://elsewhere/' }))
  await t.rejects((await exporter(t, { endpoint })).consume(gaugeBatch(1), soon()), {
    name: 'PermanentError',
    message: /redirects are not followed/,
  })
  t.equal(seen.length, 1)
})

t.test('the body of a successful answer is ignored', async (t) => {
  const { endpoint } = await receiver(t, (response, one) => void response.writeHead(200, written(one)).end('error: {"code": 500}'))
  await (await exporter(t, { endpoint })).consume(gaugeBatch(1), soon())
})

t.test('of a partial write what was not written is refused, and nothing is sent again', async (t) => {
  const { endpoint, seen } = await receiver(t, ending(400, { 'X-Prometheus-Remote-Write-Samples-Written': '3' }, 'two are out of order'))
  const sending = await exporter(t, { endpoint })
  await t.rejects(sending.consume(gaugeBatch(1, ['a', 'b', 'c', 'd', 'e']), soon()), {
    name: 'PartialError',
    refused: 2,
    message: /two are out of order/,
  })
  t.equal(seen.length, 1)
})

t.test('a success that has written less than was sent is no success for the rest', async (t) => {
  const { endpoint } = await receiver(t, ending(204, { 'X-Prometheus-Remote-Write-Samples-Written': '4' }))
  await t.rejects((await exporter(t, { endpoint })).consume(gaugeBatch(1, ['a', 'b', 'c', 'd', 'e']), soon()), {
    name: 'PartialError',
    refused: 1,
  })
})

t.test(
  'a destination that does not read 2.0 gets 1.0: at 415, at 400 before anything was understood, at a success that wrote nothing',
  async (t) => {
    for (const status of [415, 400, 204, 200]) {
      const { endpoint, seen } = await receiver(t, (response, one) => void response.writeHead(one.version === 2 ? status : 204).end())
      const settings = new TestSettings('prometheus_remote_write', systemClock)
      const sending = await exporter(t, { endpoint }, settings)
      await sending.consume(gaugeBatch(1), soon())
      await sending.consume(gaugeBatch(2), soon())
      t.same(
        seen.map(({ version }) => version),
        [2, 1, 1],
      )
      t.same(timesOf(seen.slice(1)), { 'g{series="a"}': [1, 2] })
      t.match(settings.lines, [{ level: 'info', message: /reads remote write 1.0/ }])
      const fixed = await receiver(t, ending(status))
      await t.rejects(
        (await exporter(t, { endpoint: fixed.endpoint, protobuf_message: 'v2' })).consume(gaugeBatch(1), soon()),
        PermanentError,
      )
      t.equal(fixed.seen.length, 1)
    }
  },
)

t.test('a destination that reads 2.0 is not taken for one of 1.0 because of bad samples', async (t) => {
  const { endpoint, seen } = await receiver(t, (response, one, nth) =>
    nth === 2 ? ending(400, {}, 'bad')(response, one, nth) : takesAll(response, one),
  )
  const sending = await exporter(t, { endpoint })
  await sending.consume(gaugeBatch(1), soon())
  await t.rejects(sending.consume(gaugeBatch(2), soon()), PermanentError)
  await sending.consume(gaugeBatch(3), soon())
  t.same(
    seen.map(({ version }) => version),
    [2, 2, 2],
  )
})

t.test('a metric that cannot be translated is refused by name, and its neighbours arrive', async (t) => {
  const { endpoint, seen } = await receiver(t)
  const metrics = [
    { name: 'd', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ timeUnixNano: at(1), asInt: 1 }] } },
    { name: 'g', gauge: { dataPoints: [{ timeUnixNano: at(1), asInt: 1 }] } },
  ]
  const sending = await exporter(t, { endpoint })
  await t.rejects(sending.consume(batchOf(2, otlpRequest(metrics)), soon()), {
    name: 'PartialError',
    refused: 1,
    message: /metric "d".*delta/,
  })
  t.same(timesOf(seen), { g: [1] })
  await t.rejects(sending.consume(batchOf(1, otlpRequest(metrics.slice(0, 1))), soon()), { name: 'PermanentError', message: /metric "d"/ })
})

t.test('requests of several senders keep their own fates', async (t) => {
  const { endpoint } = await receiver(t)
  const bad = otlpRequest([{ name: '%', gauge: { dataPoints: [{ timeUnixNano: at(1), asInt: 1 }] } }])
  const sending = await exporter(t, { endpoint })
  const error = await sending.consume(batchOf(3, gauges(1), bad, gauges(2)), soon()).catch((thrown: unknown) => thrown)
  t.match(error, { name: 'PartialError', refused: 1 })
  t.same([...(error as PartialError).chunks!.keys()], [1])
  t.ok((error as PartialError).chunks!.get(1) instanceof PermanentError)
})

const SERIES = Array.from({ length: 40 }, (_, i) => `s${i}`)

t.test('with several requests on their way no sample overtakes another of its series, and none is sent twice', async (t) => {
  let inFlight = 0
  let most = 0
  const { endpoint, seen } = await receiver(t, async (response, one, nth) => {
    most = Math.max(most, ++inFlight)
    await new Promise((resolve) => setTimeout(resolve, (nth * 7) % 5))
    inFlight--
    takesAll(response, one)
  })
  const sending = await exporter(t, { endpoint, max_batch_request_parallelism: 4 })
  await Promise.all(Array.from({ length: 50 }, (_, ms) => sending.consume(gaugeBatch(ms + 1, SERIES), soon())))
  const times = timesOf(seen)
  t.equal(Object.keys(times).length, SERIES.length)
  const expected = Array.from({ length: 50 }, (_, ms) => ms + 1)
  for (const [name, all] of Object.entries(times))
    if (all.length !== 50 || all.some((ms, i) => ms !== expected[i])) t.fail(`${name}: ${all.join()}`)
  t.ok(most > 1, `${most} at once`)
})

t.test('a request that is not answered holds up its own series alone', async (t) => {
  const held = Promise.withResolvers<void>()
  const { endpoint, seen } = await receiver(t, async (response, one, nth) => {
    if (nth === 1) await held.promise
    takesAll(response, one)
  })
  const sending = await exporter(t, { endpoint, max_batch_request_parallelism: 4 })
  const first = sending.consume(gaugeBatch(1, ['s0']), soon())
  while (seen.length === 0) await new Promise(setImmediate)
  const others = await Promise.allSettled(
    SERIES.map((series) => Promise.race([sending.consume(gaugeBatch(2, [series]), soon()), timeout(2000)])),
  )
  const passed = others.filter(({ status }) => status === 'fulfilled').length
  t.ok(passed > SERIES.length / 2 && passed < SERIES.length, `${passed} of ${SERIES.length} passed`)
  held.resolve()
  await first
})

t.test('while little waits it goes in one request, and after something failed each way for itself', async (t) => {
  let down = true
  const { endpoint, seen } = await receiver(t, (response, one, nth) => {
    if (nth > 1 && down) return ending(503)(response, one, nth)
    takesAll(response, one)
  })
  const sending = await exporter(t, { endpoint, max_batch_request_parallelism: 4 })
  await sending.consume(gaugeBatch(1, SERIES), soon())
  t.equal(seen.length, 1)
  t.equal(seen[0]!.series.length, SERIES.length)
  const second = sending.consume(gaugeBatch(2, SERIES), soon())
  while (seen.length < 10) await new Promise((resolve) => setTimeout(resolve, 1))
  down = false
  await second
  const after = seen.slice(2).map(({ series }) => series.length)
  t.ok(
    after.every((length) => length < SERIES.length),
    `requests of ${[...new Set(after)].join(', ')} series`,
  )
  await sending.consume(gaugeBatch(3, SERIES), soon())
  t.equal(seen.at(-1)!.series.length, SERIES.length, 'and together again when all is well')
})

function timeout(ms: number): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('late')), ms).unref())
}

t.test(
  'a destination that dies, comes back, refuses and is slow gets every sample once and in order, where a queue offers again',
  async (t) => {
    const random = lcg(7)
    const { endpoint, seen } = await receiver(t, async (response, one, nth) => {
      const roll = random()
      if (roll < 0.15) return void response.socket!.destroy()
      if (roll < 0.3) return ending(503)(response, one, nth)
      if (roll < 0.4) await new Promise((resolve) => setTimeout(resolve, 5))
      taken.push(one)
      takesAll(response, one)
    })
    const taken: SeenRequest[] = []
    const sending = await exporter(t, { endpoint, max_batch_request_parallelism: 3 })
    await Promise.all(
      Array.from({ length: 60 }, async (_, ms) => {
        const batch = gaugeBatch(ms + 1, SERIES.slice(0, 10))
        for (;;) {
          const error = await sending.consume(batch, Infinity).catch((thrown: unknown) => thrown)
          if (error === undefined) return
          if (!(error instanceof RetryableError)) throw error
          await new Promise((resolve) => setTimeout(resolve, 1 + random() * 5))
        }
      }),
    )
    t.ok(seen.length > taken.length)
    const expected = Array.from({ length: 60 }, (_, ms) => ms + 1)
    for (const all of Object.values(timesOf(taken))) t.same(all, expected)
  },
)

/** The same numbers in every run. */
function lcg(seed: number): () => number {
  return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
}

t.test('a batch goes back to its sender before the deadline, and is not sent any more', async (t) => {
  const { endpoint, seen } = await receiver(t, ending(503))
  const sending = await exporter(t, {
    endpoint,
    retry_on_failure: { ...configOf({}).retry_on_failure, initial_interval: '50ms', max_interval: '50ms' },
  })
  await t.rejects(sending.consume(gaugeBatch(1), soon(120)), { name: 'RetryableError', message: /503/ })
  const before = seen.length
  await new Promise((resolve) => setTimeout(resolve, 150))
  t.equal(seen.length, before)
})

t.test('what a sender sends again after a part of it arrived is not written twice', async (t) => {
  const { endpoint, seen } = await receiver(t, (response, one, nth) =>
    nth === 2 ? ending(400)(response, one, nth) : takesAll(response, one),
  )
  const sending = await exporter(t, { endpoint, max_samples_per_send: 1, protobuf_message: 'v1' })
  await t.rejects(sending.consume(gaugeBatch(1, ['a', 'b']), soon()), { name: 'PartialError', refused: 1 })
  await sending.consume(gaugeBatch(1, ['a', 'b']), soon())
  t.same(timesOf(seen), { 'g{series="a"}': [1], 'g{series="b"}': [1] })
  await sending.consume(gaugeBatch(1, ['a'], 99), soon())
  t.same(timesOf(seen.slice(2)), { 'g{series="a"}': [1] }, 'another value for that time is for the destination to judge')
})

t.test('where retrying is off, or its time is over, the batch goes back at once', async (t) => {
  const { endpoint } = await receiver(t, ending(503))
  const retry = configOf({}).retry_on_failure
  const never = await exporter(t, { endpoint, retry_on_failure: { ...retry, enabled: false } })
  await t.rejects(never.consume(gaugeBatch(1), soon()), RetryableError)
  const brief = await exporter(t, { endpoint, retry_on_failure: { ...retry, max_elapsed_time: '30ms' } })
  await t.rejects(brief.consume(gaugeBatch(1), soon()), RetryableError)
})

t.test('stopping waits for what somebody waits for, and gives back the rest', async (t) => {
  const held = Promise.withResolvers<void>()
  const { endpoint, seen } = await receiver(t, async (response, one) => {
    await held.promise
    takesAll(response, one)
  })
  const sending = await exporter(t, { endpoint })
  const delivery = sending.consume(gaugeBatch(1), soon())
  while (seen.length === 0) await new Promise(setImmediate)
  const stopped = sending.stop(new AbortController().signal)
  await t.rejects(sending.consume(gaugeBatch(2), soon()), RetryableError)
  held.resolve()
  await Promise.all([delivery, stopped])
  const dead = await receiver(t, () => {})
  const stuck = await exporter(t, { endpoint: dead.endpoint })
  const never = stuck.consume(gaugeBatch(1), soon())
  never.catch(() => {})
  while (dead.seen.length === 0) await new Promise(setImmediate)
  await stuck.stop(AbortSignal.timeout(20))
  await t.rejects(never, RetryableError)
})

t.test('the configuration is checked: address, names, labels, keys of the Collector that are not here', async (t) => {
  const faults = (config: Parameters<typeof configOf>[0]): readonly object[] => factory.check!(configOf(config))
  t.same(faults({}), [])
  t.match(faults({ endpoint: 'localhost:9090' }), [{ path: ['endpoint'] }])
  t.match(faults({ translation_strategy: 'NoTranslation' }), [{ path: ['translation_strategy'], message: /protobuf_message: v2/ }])
  t.same(faults({ translation_strategy: 'NoTranslation', protobuf_message: 'v2' }), [])
  t.match(faults({ external_labels: { 'a.b': 'c', __name__: 'x' } }), [
    { path: ['external_labels', 'a.b'] },
    { path: ['external_labels', '__name__'] },
  ])
  for (const key of ['remote_write_queue', 'wal'] as const) t.match(faults({ [key]: {} }), [{ path: [key], message: /sending_queue/ }])
  t.match(faults({ add_metric_suffixes: false }), [{ message: /UnderscoreEscapingWithoutSuffixes/ }])
})

t.test('every line of the specifications names tests that there are', async (t) => {
  const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8')
  const [, table] = /<!-- specification -->([^]*)<!-- \/specification -->/.exec(read('README.md'))!
  const tests = read('remote-write-exporter.test.ts') + read('../../core/prometheus/translate.test.ts')
  const named = [...table!.matchAll(/"([^"]+)"/g)].map(([, name]) => name!)
  t.ok(named.length > 15)
  const there = new Set([...tests.matchAll(/\bt\.test\(\s*'([^']+)'/g)].map(([, name]) => name))
  for (const name of named) t.ok(there.has(name), name)
})
