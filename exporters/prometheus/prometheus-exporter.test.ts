// Exporter `prometheus`, as a reader of its page sees it: every kind of metric in every format, who gets which, and what is not shown any more.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { ANONYMOUS, type Batch, PermanentError, type ServerAuthenticator, UnauthenticatedError } from '../../core/index.ts'
import { asPoints, type Point, translationOf, Translator } from '../../core/prometheus/index.ts'
import { at, attributes, type Envelope, otlpRequest } from '../../core/prometheus/fixtures/otlp.ts'
import { exporterSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory, type PrometheusConfig } from './factory.ts'
import { familiesOf } from './families.ts'
import { wantedBy } from './negotiate.ts'
import { PrometheusExporter } from './prometheus-exporter.ts'
import { protobufOf } from './protobuf.ts'
import { textOf } from './text.ts'

const never = new AbortController().signal

/** As the loader fills them in. */
function configOf(config: Partial<PrometheusConfig>): PrometheusConfig {
  return {
    endpoint: '127.0.0.1:0',
    path: '/metrics',
    namespace: '',
    const_labels: {},
    translation_strategy: 'UnderscoreEscapingWithSuffixes',
    resource_to_telemetry_conversion: { enabled: false, exclude_service_attributes: false },
    promote_resource_attributes: [],
    disable_scope_info: true,
    target_info: { enabled: true },
    delta: 'refuse',
    max_delta_streams: 100,
    delta_max_stale: '5m',
    send_timestamps: false,
    metric_expiration: '5m',
    max_series: 1000,
    enable_open_metrics: true,
    ...config,
  }
}

interface Shown {
  readonly exporter: PrometheusExporter
  readonly settings: TestSettings
  readonly clock: TestClock
  readonly take: (metrics: readonly object[], envelope?: Envelope) => Promise<void>
  readonly page: (accept?: string) => Promise<string>
  readonly url: string
}

async function shown(t: Test, config: Partial<PrometheusConfig> = {}): Promise<Shown> {
  const clock = new TestClock()
  const settings = new TestSettings('prometheus', clock)
  const exporter = (await factory.create(configOf(config), settings)) as PrometheusExporter
  await exporter.start(never)
  t.teardown(() => exporter.stop())
  const url = `http://${exporter.addresses['http']!}/metrics`
  return {
    exporter,
    settings,
    clock,
    url,
    take: (metrics, envelope) => exporter.consume(batchOf(metrics, envelope)),
    page: async (accept = '') => (await fetch(url, { headers: { accept } })).text(),
  }
}

function batchOf(metrics: readonly object[], envelope: Envelope = {}): Batch {
  const count = metrics.reduce<number>(
    (sum, metric) =>
      sum + Object.values(metric).reduce((own, { dataPoints }) => own + ((dataPoints as unknown[] | undefined)?.length ?? 0), 0),
    0,
  )
  return { signal: 'metrics', count, origin: ANONYMOUS, chunks: [otlpRequest(metrics, envelope)] }
}

const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0'
const gauge = (name: string, asDouble: number, more: object = {}): object => ({
  name,
  gauge: { dataPoints: [{ timeUnixNano: at(1500), asDouble, ...more }] },
})

t.test('the suite of every exporter', async (t) => {
  exporterSuite(t.test.bind(t), { create: (settings) => factory.create(configOf({}), settings) })
})

const EXEMPLAR = { timeUnixNano: at(1250), asDouble: 0.5, traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) }
const IDS = `span_id="${'02'.repeat(8)}",trace_id="${'01'.repeat(16)}"`
const EVERYTHING = [
  { ...gauge('temperature', -1.5, { attributes: attributes({ place: 'a"b\\c\nd' }) }), unit: 'Cel', description: 'How warm "it"\nis.' },
  {
    name: 'hits',
    unit: '{hit}',
    description: 'Hits.',
    sum: {
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: [{ timeUnixNano: at(1500), startTimeUnixNano: at(500), asInt: 7, exemplars: [EXEMPLAR] }],
    },
  },
  {
    name: 'wait',
    unit: 's',
    histogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          timeUnixNano: at(1500),
          startTimeUnixNano: at(500),
          count: 3,
          sum: 4.5,
          bucketCounts: [1, 2],
          explicitBounds: [1],
          exemplars: [EXEMPLAR],
        },
      ],
    },
  },
  {
    name: 'native',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [{ timeUnixNano: at(1500), count: 6, sum: 2, scale: 1, zeroCount: 1, positive: { offset: 2, bucketCounts: [2, 3] } }],
    },
  },
  {
    name: 'quantiles',
    summary: { dataPoints: [{ timeUnixNano: at(1500), count: 2, sum: 3, quantileValues: [{ quantile: 1, value: 2 }] }] },
  },
  { ...gauge('build_info', 1), metadata: attributes({ 'prometheus.type': 'info' }) },
  { ...gauge('odd', NaN), metadata: attributes({ 'prometheus.type': 'unknown' }) },
]
const RESOURCE = { resource: { 'service.name': 'shop', region: 'eu' } }

t.test('text has every kind of metric, with types and descriptions, sorted by name', async (t) => {
  const { take, url } = await shown(t)
  await take(EVERYTHING, RESOURCE)
  const answer = await fetch(url)
  t.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores')
  t.equal(
    await answer.text(),
    String.raw`# TYPE build_info gauge
build_info{job="shop"} 1
# HELP hits_total Hits.
# TYPE hits_total counter
hits_total{job="shop"} 7
# TYPE native histogram
native_bucket{job="shop",le="+Inf"} 6
native_sum{job="shop"} 2
native_count{job="shop"} 6
# TYPE odd untyped
odd{job="shop"} NaN
# TYPE quantiles summary
quantiles{job="shop",quantile="1"} 2
quantiles_sum{job="shop"} 3
quantiles_count{job="shop"} 2
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{job="shop",region="eu"} 1
# HELP temperature_celsius How warm "it"\nis.
# TYPE temperature_celsius gauge
temperature_celsius{job="shop",place="a\"b\\c\nd"} -1.5
# TYPE wait_seconds histogram
wait_seconds_bucket{job="shop",le="1"} 1
wait_seconds_bucket{job="shop",le="+Inf"} 3
wait_seconds_sum{job="shop"} 4.5
wait_seconds_count{job="shop"} 3
`,
  )
})

t.test('OpenMetrics has exemplars, units, infos and when counting began', async (t) => {
  const { take, url } = await shown(t)
  await take(EVERYTHING, RESOURCE)
  const answer = await fetch(url, { headers: { accept: OPEN_METRICS } })
  t.equal(answer.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores')
  t.equal(
    await answer.text(),
    String.raw`# TYPE build info
build_info{job="shop"} 1
# HELP hits Hits.
# TYPE hits counter
hits_total{job="shop"} 7 # {${IDS}} 0.5 1767225601.250
hits_created{job="shop"} 1767225600.500
# TYPE native histogram
native_bucket{job="shop",le="+Inf"} 6
native_sum{job="shop"} 2
native_count{job="shop"} 6
# TYPE odd unknown
odd{job="shop"} NaN
# TYPE quantiles summary
quantiles{job="shop",quantile="1.0"} 2
quantiles_sum{job="shop"} 3
quantiles_count{job="shop"} 2
# HELP target Target metadata
# TYPE target info
target_info{job="shop",region="eu"} 1
# HELP temperature_celsius How warm \"it\"\nis.
# TYPE temperature_celsius gauge
# UNIT temperature_celsius celsius
temperature_celsius{job="shop",place="a\"b\\c\nd"} -1.5
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{job="shop",le="1.0"} 1 # {${IDS}} 0.5 1767225601.250
wait_seconds_bucket{job="shop",le="+Inf"} 3
wait_seconds_sum{job="shop"} 4.5
wait_seconds_count{job="shop"} 3
wait_seconds_created{job="shop"} 1767225600.500
# EOF
`,
  )
})

t.test('times are shown where that is asked for', async (t) => {
  const { take, page } = await shown(t, { send_timestamps: true })
  await take([gauge('g', 1)])
  t.match(await page(), /^g 1 1767225601500$/m)
  t.match(await page(OPEN_METRICS), /^g 1 1767225601\.500$/m)
})

t.test('names that are not escaped are quoted for readers that take them, and escaped for others', async (t) => {
  const { take, page } = await shown(t, { translation_strategy: 'NoTranslation' })
  await take([
    gauge('my.metric', 1, { attributes: attributes({ 'http.route': '/' }) }),
    { name: 'c', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ timeUnixNano: at(1), asInt: 1 }] } },
  ])
  const utf8 = await page('text/plain;version=1.0.0;escaping=allow-utf-8')
  t.match(utf8, /^# TYPE "my\.metric" gauge\n\{"my\.metric","http\.route"="\/"\} 1$/m)
  t.match(await page(), /^my_metric\{http_route="\/"\} 1$/m)
  t.match(await page(OPEN_METRICS), /^# TYPE c unknown\nc 1$/m, 'a counter without its suffix is none there')
})

t.test('labels that are one where names are escaped are one, or readers would refuse the whole page', async (t) => {
  const { take, page } = await shown(t, { translation_strategy: 'NoTranslation' })
  await take([gauge('g', 1, { attributes: attributes({ 'a.b': 'x', a_b: 'y', 'a/b': 'z' }) })])
  t.match(await page(), 'g{a_b="x;z;y"} 1\n')
  t.match(await page(OPEN_METRICS), 'g{a_b="x;z;y"} 1\n')
  t.match(await page(`${OPEN_METRICS};escaping=allow-utf-8`), 'g{"a.b"="x","a/b"="z",a_b="y"} 1\n')
  const protobuf = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'
  t.match(await page(protobuf), /x;z;y/)
  await take([gauge('h', 1, { attributes: attributes({ '._name__': 'other' }) })])
  t.match(await page(), 'h{_name__="other"} 1\n')
})

t.test('metrics that have one name once it is escaped are one family, and of two types the first', async (t) => {
  const { take, page, settings } = await shown(t, { translation_strategy: 'NoTranslation' })
  const gauge = (name: string, asInt: number): object => ({
    name,
    gauge: { dataPoints: [{ timeUnixNano: at(1), asInt, attributes: attributes({ n: asInt }) }] },
  })
  await take([gauge('a.b', 1), gauge('a/b', 2)])
  await take([{ name: 'a_b', sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), asInt: 3 }] } }])
  t.equal(await page(), '# TYPE a_b gauge\na_b{n="1"} 1\na_b{n="2"} 2\n')
  t.match(settings.lines.slice(1), [{ level: 'warn', fields: { metric: 'a_b', shown: 'gauge', left_out: 'counter' } }])
  t.equal(
    (await page('text/plain;version=1.0.0;escaping=allow-utf-8')).match(/^# TYPE/gm)?.length,
    3,
    'they are three where names are as they are',
  )
})

t.test('a large page is made in pieces, for other work to be done between them', async (t) => {
  const dataPoints = Array.from({ length: 5000 }, (_, n) => ({
    timeUnixNano: at(1),
    asInt: n,
    attributes: attributes({ n: `${n}`.padEnd(200) }),
  }))
  const points: Point[] = []
  const options = translationOf(configOf({}), { constantLabels: {}, maxStreams: 10_000 })
  new Translator(options, new TestClock()).translate(
    otlpRequest([{ name: 'g', gauge: { dataPoints } }]),
    asPoints((point) => points.push(point)),
  )
  const families = familiesOf(
    points,
    (name) => name,
    () => {},
  )
  const text = [...textOf(families, { isOpenMetrics: true, isUtf8: true, timestamps: false })]
  t.equal(text.length, 6)
  t.equal(text.join('').split('\n').length, 5000 + 3)
  t.equal([...protobufOf(families, true, false)].length, 2 + Math.floor((5000 * 230) / (256 * 1024)))
})

t.test('a few read at once, more are told to come again, and who does not read is cut off', async (t) => {
  const { take, page, url, clock } = await shown(t, { max_series: 10_000 })
  const dataPoints = Array.from({ length: 3000 }, (_, n) => ({
    timeUnixNano: at(1),
    asInt: n,
    attributes: attributes({ n: `${n}`.padEnd(8000, 'x') }),
  }))
  await take([{ name: 'g', gauge: { dataPoints } }])
  const { hostname, port } = new URL(url)
  const idle = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const socket = connect(Number(port), hostname).on('error', () => {})
      t.teardown(() => socket.destroy())
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(socket, 'readable')
      return socket
    }),
  )
  const refused = await fetch(url)
  t.same([refused.status, refused.headers.get('retry-after'), await refused.text()], [503, '1', 'too many read at once\n'])
  await clock.advance(61_000)
  for (const socket of idle) socket.resume()
  await Promise.all(idle.map((socket) => once(socket, 'close')))
  t.match(await page(), /^g\{/m)
})

t.test('a resource of which everything is refused has no target_info, and takes no room', async (t) => {
  const { take, page } = await shown(t, { max_series: 4 })
  const delta = [{ name: 'd', sum: { isMonotonic: true, aggregationTemporality: 1, dataPoints: [{ timeUnixNano: at(1), asInt: 3 }] } }]
  for (let i = 0; i < 20; i++) await t.rejects(take(delta, { resource: { 'service.name': `s${i}`, region: 'eu' } }), PermanentError)
  await take([{ name: 'g', gauge: { dataPoints: [{ timeUnixNano: at(1), asInt: 1 }] } }], {
    resource: { 'service.name': 'shop', region: 'eu' },
  })
  t.match(await page(), /^g\{job="shop"\} 1\n[^]*target_info\{job="shop",region="eu"\} 1\n$/m)
  t.notMatch(await page(), /s0/)
})

t.test('a reader gets the format that it likes best of what there is', async (t) => {
  const format = (accept: string | undefined, enabled = true): string => wantedBy(accept, enabled).format
  const protobuf = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'
  const prometheus =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'
  t.equal(format(undefined), 'text')
  t.equal(format('*/*'), 'text')
  t.equal(format(prometheus), 'openmetrics')
  t.match(wantedBy(prometheus, true), {
    isUtf8: true,
    contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
  })
  t.equal(format(`${protobuf};q=0.6,${prometheus}`), 'protobuf')
  t.equal(format(`${protobuf};q=0.1,${prometheus}`), 'openmetrics')
  t.equal(format(prometheus, false), 'text')
  t.equal(format(`${protobuf},text/plain;q=0.1`, false), 'text')
  t.equal(format('application/json, application/openmetrics-text;version=9'), 'text')
  t.equal(format('application/openmetrics-text;q=0, text/plain;q=0.1'), 'text')
  t.equal(format('application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text'), 'text')
})

t.test('the page is compressed for who takes that', async (t) => {
  const { take, url } = await shown(t)
  await take(Array.from({ length: 50 }, (_, i) => gauge(`gauge_number_${i}`, i)))
  const raw = (await import('node:http')).get
  const bodyWith = (encoding: string): Promise<{ readonly coding: string | undefined; readonly body: Buffer }> =>
    new Promise((resolve) => {
      raw(url, { headers: { 'accept-encoding': encoding } }, (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('end', () => resolve({ coding: answer.headers['content-encoding'], body: Buffer.concat(pieces) }))
      })
    })
  const [plain, zipped, refused] = [await bodyWith('identity'), await bodyWith('deflate, gzip;q=0.8'), await bodyWith('gzip;q=0')]
  t.same([plain.coding, zipped.coding, refused.coding], [undefined, 'gzip', undefined])
  t.ok(gunzipSync(zipped.body).equals(plain.body))
})

t.test('the latest point of a stream is shown, a late one changes nothing, and one that says that it ends takes it away', async (t) => {
  const { take, page } = await shown(t)
  await take([gauge('g', 1), gauge('other', 1)])
  await take([gauge('g', 2, { timeUnixNano: at(2000) })])
  await take([gauge('g', 3, { timeUnixNano: at(1000) })])
  t.match(await page(), /^g 2$/m)
  await take([gauge('g', 0, { timeUnixNano: at(3000), flags: 1 })])
  t.notMatch(await page(), /^g /m)
  t.match(await page(), /^other 1$/m)
})

t.test('a series of which no point comes any more is shown until it expires', async (t) => {
  const { take, page, clock } = await shown(t, { metric_expiration: '1m' })
  await take([gauge('old', 1)], RESOURCE)
  await clock.advance(45_000)
  await take([gauge('young', 1)])
  t.match(await page(), /^old\{job="shop"\} 1$/m)
  await clock.advance(30_000)
  const after = await page()
  t.notMatch(after, /^old/m)
  t.notMatch(after, /^target_info/m)
  t.match(after, /^young 1$/m)
})

t.test('series are bounded: those of more are refused, and have room again when others have expired', async (t) => {
  const { take, page, clock } = await shown(t, { max_series: 10, metric_expiration: '1m' })
  const many = (from: number, count: number): object => ({
    name: 'g',
    gauge: {
      dataPoints: Array.from({ length: count }, (_, i) => ({ timeUnixNano: at(1), asInt: 1, attributes: attributes({ n: from + i }) })),
    },
  })
  await t.rejects(take([many(0, 13)]), { name: 'PartialError', refused: 3, message: /metric "g".*10 streams/ })
  t.equal((await page()).match(/^g\{/gm)!.length, 10)
  await take([many(0, 10)])
  await t.rejects(take([many(50, 1)]), PermanentError)
  await clock.advance(70_000)
  await take([many(100, 5)])
  t.equal((await page()).match(/^g\{/gm)!.length, 5)
})

t.test('of two types of one name one is shown, and the log says so once', async (t) => {
  const { take, page, settings } = await shown(t)
  const summary = { name: 'x', summary: { dataPoints: [{ timeUnixNano: at(1), count: 1 }] } }
  await take([gauge('x', 5), summary])
  await page()
  const text = await page()
  t.equal(text.match(/# TYPE x /g)!.length, 1)
  t.match(text, /^x 5$/m)
  const told = settings.lines.filter(({ level }) => level === 'warn')
  t.match(told, [{ fields: { metric: 'x', shown: 'gauge', left_out: 'summary' } }])
  t.equal(told.length, 1)
})

t.test('increments are added up where that is chosen', async (t) => {
  const { exporter, page } = await shown(t, { delta: 'convert' })
  const delta = (ms: number): object => ({
    name: 'd',
    sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ timeUnixNano: at(ms), asInt: 2 }] },
  })
  for (const ms of [10, 20, 30]) {
    const { batch } = exporter.prepare(batchOf([delta(ms)]))
    await exporter.consume(batch)
  }
  t.match(await page(), /^d_total 6$/m)
})

t.test('who may read is asked first, and whoever asks for something else is told where the page is', async (t) => {
  const authenticator = {
    authenticate: (headers: ReadonlyMap<string, string>) =>
      headers.get('authorization') === 'Bearer ok' ? Promise.resolve(ANONYMOUS) : Promise.reject(new UnauthenticatedError('no token')),
  } as ServerAuthenticator
  const settings = new TestSettings('prometheus', new TestClock())
  const extended = Object.assign(settings, { extension: () => authenticator })
  const exporter = (await factory.create(configOf({ auth: { authenticator: 'bearer' } }), extended)) as PrometheusExporter
  await exporter.start(never)
  t.teardown(() => exporter.stop())
  const url = `http://${exporter.addresses['http']!}`
  t.equal((await fetch(`${url}/metrics`)).status, 401)
  t.equal((await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer ok' } })).status, 200)
  t.equal((await fetch(`${url}/metrics`, { method: 'POST', headers: { authorization: 'Bearer ok' } })).status, 405)
  t.equal((await fetch(`${url}/other`)).status, 404)
})

t.test('an address that is taken is an error of starting, and what is none one of the file', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  t.teardown(() => void taken.close())
  const { port } = taken.address() as { readonly port: number }
  const exporter = await factory.create(configOf({ endpoint: `127.0.0.1:${port}` }), new TestSettings('prometheus'))
  await t.rejects(exporter.start!(never), { code: 'EADDRINUSE' })
  t.match(factory.check!(configOf({ metric_expiration: '0s' })), [{ path: ['metric_expiration'], message: /above 0/ }])
  t.match(factory.check!(configOf({ endpoint: 'localhost' })), [{ path: ['endpoint'] }])
  t.match(factory.check!(configOf({ const_labels: { region: 'eu', 'a-b': 'c', __name__: 'x', '': 'y' } })), [
    { path: ['const_labels', 'a-b'] },
    { path: ['const_labels', '__name__'] },
    { path: ['const_labels', ''] },
  ])
  t.match(factory.check!(configOf({ add_metric_suffixes: false })), [{ path: ['add_metric_suffixes'], message: /translation_strategy/ }])
})
