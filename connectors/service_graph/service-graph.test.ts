import t from 'tap'
import { ANONYMOUS, type Batch, LATENCY_BUCKETS, type Origin, otlp, RetryableError } from '../../core/index.ts'
import {
  CollectingConsumer,
  lifecycleSuite,
  type PlainResource,
  type PlainSpan,
  TestClock,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory } from './factory.ts'
import type { Config } from './schema.ts'
import { ServiceGraph } from './service-graph.ts'

const DEFAULTS: Config = {
  store: { ttl: '10s', max_items: 1000 },
  dimensions: [],
  latency_histogram_buckets: LATENCY_BUCKETS,
  exponential_histogram_max_size: 0,
  virtual_node_peer_attributes: ['peer.service', 'db.namespace', 'db.name', 'db.system.name', 'db.system'],
  virtual_node_extra_label: false,
  database_name_attributes: ['db.namespace', 'db.name'],
  enable_messaging_system_latency_histogram: false,
  metrics_flush_interval: '60s',
  series_expiration: '15m',
  max_series: 1000,
}
const [SERVER, CLIENT, PRODUCER, CONSUMER] = [2, 3, 4, 5]
const START = 1_767_225_600_000_000_000n

async function started(config: Partial<Config> = {}) {
  const clock = new TestClock()
  const settings = new TestSettings('service_graph', clock)
  const next = new CollectingConsumer()
  const connector = new ServiceGraph({ ...DEFAULTS, ...config }, next, settings, () => 0)
  await connector.start()
  /** What the last of so many rounds says; the first says 0 of every new count. */
  const graph = async (rounds = 2): Promise<Said[]> => {
    await clock.advance(60_000 * (rounds - 1))
    next.batches.splice(0)
    await clock.advance(60_000)
    return said(next.batches.splice(0))
  }
  const send = (resources: readonly PlainResource[], origin: Origin = ANONYMOUS) => connector.consume({ ...tracesBatch(resources), origin })
  const gauge = (name: string): unknown => settings.gauges.get(`millrace_service_graph_${name}`)!()
  return { clock, settings, next, connector, graph, send, gauge }
}

/** A data point in words: its metric without the prefix, its labels, what it says. */
type Said = readonly [metric: string, labels: string, value: number]

// oxlint-disable typescript/no-explicit-any -- JSON
function said(batches: readonly Batch[]): Said[] {
  return batches.flatMap(({ chunks }) => {
    const { resourceMetrics } = JSON.parse(otlp.toJson('metrics', chunks[0]!))
    return resourceMetrics.flatMap(({ scopeMetrics }: any) =>
      scopeMetrics.flatMap(({ metrics }: any) =>
        metrics.flatMap(({ name, sum, histogram, exponentialHistogram }: any) =>
          (sum ?? histogram ?? exponentialHistogram).dataPoints.map(({ attributes, asInt, count, sum: total }: any) => [
            name.replace('traces_service_graph_', ''),
            attributes.map(({ key, value }: any) => `${key}=${value.stringValue ?? value.boolValue}`).join(' '),
            asInt === undefined ? Math.round((total / Number(count)) * 1e9) / 1e9 : Number(asInt),
          ]),
        ),
      ),
    )
  })
}

let traces = 0
/** A client's span, and the server's that it called, in a trace of their own. */
function call(client: PlainSpan = {}, server: PlainSpan = {}): readonly [PlainSpan, PlainSpan] {
  const traceId = (++traces).toString(16).padStart(32, '0')
  return [
    { traceId, spanId: '00000000000000c1', parentSpanId: '00000000000000aa', kind: CLIENT, ...client },
    { traceId, parentSpanId: '00000000000000c1', kind: SERVER, ...server },
  ]
}
const lasting = (ms: number): PlainSpan => ({ endTimeUnixNano: START + BigInt(ms) * 1_000_000n })
const of = (service: string, ...spans: readonly PlainSpan[]): PlainResource => ({ resource: { 'service.name': service }, spans })

lifecycleSuite(
  (name, run) => void t.test(name, run),
  async () => (await started()).connector,
)

t.test('a request is counted once both sides have come, whichever comes first', async (t) => {
  const { graph, send, gauge } = await started()
  const [client, server] = call(lasting(30), lasting(10))
  await send([of('shop', client)])
  t.equal(gauge('waiting'), 1)
  await send([of('bank', server)])
  t.equal(gauge('waiting'), 0)
  const [other, late] = call(lasting(50), { ...lasting(30), statusCode: 2 })
  await send([of('bank', late), of('shop', other)])
  t.same(await graph(), [
    ['request_total', 'client=shop server=bank connection_type=', 2],
    ['request_failed_total', 'client=shop server=bank connection_type=', 1],
    ['request_server_seconds', 'client=shop server=bank connection_type=', 0.02],
    ['request_client_seconds', 'client=shop server=bank connection_type=', 0.04],
  ])
})

t.test('what one request was says nothing of the next', async (t) => {
  const { graph, send } = await started({ dimensions: ['region'] })
  await send([of('shop', call({ statusCode: 2, traceState: 'ot=th:c', attributes: { 'db.name': 'orders', region: 'eu' } })[0])])
  const [client, server] = call()
  await send([of('shop', client), of('bank', server)])
  const points = (await graph()).filter(([metric]) => metric.endsWith('total'))
  t.same(points, [
    ['request_total', 'client=shop server=orders connection_type=database client_region=eu', 4],
    ['request_total', 'client=shop server=bank connection_type=', 1],
    ['request_failed_total', 'client=shop server=orders connection_type=database client_region=eu', 4],
  ])
})

t.test('spans of other kinds, and of other traces, make no edge', async (t) => {
  const { graph, send, gauge } = await started()
  const [client] = call()
  const [, server] = call()
  await send([of('shop', client, { kind: 1 }, { kind: 0 }), of('bank', server)])
  t.equal(gauge('waiting'), 2)
  t.same(await graph(), [
    ['unpaired_spans_total', 'client=shop server= connection_type=', 1],
    ['unpaired_spans_total', 'client= server=bank connection_type=', 1],
  ])
  t.equal(gauge('unpaired'), 2)
})

t.test('what goes through a messaging system says so', async (t) => {
  const { graph, send } = await started({ enable_messaging_system_latency_histogram: true })
  const [producer, consumer] = call({ kind: PRODUCER, ...lasting(5) }, { kind: CONSUMER, startTimeUnixNano: START + 2_005_000_000n })
  await send([of('shop', producer), of('mail', consumer)])
  t.same(
    (await graph()).filter(([metric]) => /total|messaging/.test(metric)),
    [
      ['request_total', 'client=shop server=mail connection_type=messaging_system', 1],
      ['request_messaging_system_seconds', 'client=shop server=mail connection_type=messaging_system', 2],
    ],
  )
})

t.test('a database sends no spans: its client alone makes the edge', async (t) => {
  const { graph, send, gauge } = await started()
  const databases = [
    { 'db.name': 'orders' },
    { 'db.name': 'orders', 'peer.service': 'postgres' },
    { 'db.namespace': 'stock', 'db.system.name': 'mysql' },
    { 'db.system': 'redis', 'server.address': 'cache.local' },
    { 'db.system': 'redis', 'network.peer.address': '10.0.0.1', 'network.peer.port': 6379 },
    { 'db.system': 'redis' },
  ]
  await send([of('shop', ...databases.map((attributes) => call({ ...lasting(4), attributes })[0]))])
  t.equal(gauge('waiting'), 0)
  const points = await graph()
  t.same(
    points.filter(([metric]) => metric === 'request_total').map(([, labels]) => labels),
    ['orders', 'postgres', 'stock', 'cache.local', '10.0.0.1:6379', 'redis'].map(
      (server) => `client=shop server=${server} connection_type=database`,
    ),
  )
  t.ok(points.filter(([metric]) => metric === 'request_server_seconds').every(([, , seconds]) => seconds === 0.004))
})

t.test('whoever sends no spans is a virtual node', async (t) => {
  const { clock, graph, send, gauge } = await started({ virtual_node_extra_label: true })
  await send([of('shop', { kind: SERVER, ...lasting(7) }, call({ ...lasting(9), attributes: { 'peer.service': 'paypal' } })[0])])
  await clock.advance(9_000)
  t.equal(gauge('waiting'), 1)
  const points = await graph()
  t.equal(gauge('waiting'), 0)
  t.same(
    points.filter(([metric]) => metric !== 'request_client_seconds' && metric !== 'request_server_seconds'),
    [
      ['request_total', 'client=user server=shop connection_type=virtual_node virtual_node=client', 1],
      ['request_total', 'client=shop server=paypal connection_type=virtual_node virtual_node=server', 1],
    ],
  )
})

t.test('without attributes that name them there are no virtual nodes', async (t) => {
  const { graph, send } = await started({ virtual_node_peer_attributes: [] })
  await send([of('shop', { kind: SERVER }, call({ attributes: { 'peer.service': 'paypal' } })[0])])
  t.same(await graph(), [
    ['unpaired_spans_total', 'client= server=shop connection_type=', 1],
    ['unpaired_spans_total', 'client=shop server= connection_type=', 1],
  ])
})

t.test('who waits too long is not paired any more', async (t) => {
  const { clock, graph, send } = await started({ store: { ttl: '1s', max_items: 10 } })
  const [client, server] = call()
  await send([of('shop', client)])
  await clock.advance(1000)
  await send([of('bank', server)])
  t.same(
    (await graph()).map(([metric]) => metric),
    ['unpaired_spans_total', 'unpaired_spans_total'],
  )
})

t.test('dimensions come from both sides', async (t) => {
  const { graph, send } = await started({ dimensions: ['region', 'http.route'] })
  const [client, server] = call({ attributes: { region: 'eu' } }, { attributes: { 'http.route': '/pay' } })
  await send([of('shop', client), { resource: { 'service.name': 'bank', region: 'us' }, spans: [server] }])
  t.equal((await graph())[0]![1], 'client=shop server=bank connection_type= client_region=eu server_region=us server_http.route=/pay')
})

t.test('edges that differ in what the server says of itself are two', async (t) => {
  const { graph, send } = await started({ dimensions: ['region'] })
  for (const region of ['eu', 'us']) {
    const [client, server] = call({}, { attributes: { region } })
    await send([of('shop', client), of('bank', server)])
  }
  t.same(
    (await graph()).filter(([metric]) => metric === 'request_total').map(([, labels, count]) => [labels.split(' ').at(-1), count]),
    [
      ['server_region=eu', 1],
      ['server_region=us', 1],
    ],
  )
})

t.test('what was never said is not forgotten', async (t) => {
  const { graph, send } = await started({ series_expiration: '30s' })
  await send([of('shop', { kind: SERVER })])
  t.equal((await graph(1))[0]![2], 0)
  t.equal((await graph(1))[0]![2], 1)
  t.same(await graph(1), [])
})

t.test('requests of which a part was sampled count for all', async (t) => {
  const { graph, send } = await started()
  const [client, server] = call({ traceState: 'ot=th:c' }, { traceState: 'ot=th:c' })
  await send([of('shop', client), of('bank', server)])
  t.equal((await graph())[0]![2], 4)
})

t.test('tenants are apart', async (t) => {
  const { clock, next, send, gauge } = await started()
  const tenant = (name: string): Origin => ({ tenant: name, headers: new Map() })
  const [client, server] = call()
  await send([of('shop', client)], tenant('a'))
  await send([of('bank', server)], tenant('b'))
  t.equal(gauge('waiting'), 2)
  await send([of('bank', server)], tenant('a'))
  await clock.advance(60_000)
  t.same(
    next.batches.map(({ origin }) => origin.tenant),
    ['a', 'b'],
  )
  t.match(said([next.batches[0]!])[0], ['request_total'])
  t.match(said([next.batches[1]!]), [['unpaired_spans_total', 'client= server=bank connection_type=']])
})

t.test('no more wait than may, and what has no room is counted', async (t) => {
  const { graph, send, gauge } = await started({ store: { ttl: '10s', max_items: 5 } })
  await send([of('shop', ...Array.from({ length: 8 }, () => call()[0]))])
  t.same([gauge('waiting'), gauge('dropped')], [5, 3])
  t.same(await graph(), [
    ['unpaired_spans_total', 'client=shop server= connection_type=', 5],
    ['dropped_spans_total', 'client=shop server= connection_type=', 3],
  ])
})

t.test('random names of services stay within the limit, and every request is counted', async (t) => {
  const { graph, send, gauge } = await started({ max_series: 10 })
  for (let i = 0; i < 100; i++) await send([of(`s${i}`, { kind: SERVER })])
  const points = (await graph()).filter(([metric]) => metric === 'request_total')
  t.equal(points.length, 11)
  t.equal(
    points.reduce((sum, [, , count]) => sum + count, 0),
    100,
  )
  t.same(points.at(-1), ['request_total', 'otel.metric.overflow=true', 90])
  t.equal(gauge('edges'), 10)
})

t.test('ever new tenants stay within the limit, and every request is counted', async (t) => {
  const { graph, send } = await started({ max_series: 100_000 })
  for (let i = 0; i < 1200; i++) await send([of('shop', { kind: SERVER })], { tenant: `t${i}`, headers: new Map() })
  const points = (await graph()).filter(([metric]) => metric === 'request_total')
  t.equal(points.length, 1001)
  t.same(points.at(-1), ['request_total', 'otel.metric.overflow=true', 200])
})

t.test('an edge that is not used any more is forgotten, and begins anew', async (t) => {
  const { graph, send, gauge } = await started({ series_expiration: '150s' })
  await send([of('shop', { kind: SERVER })])
  t.equal((await graph())[0]![2], 1)
  t.equal((await graph(1))[0]![2], 1)
  t.same([gauge('edges'), await graph(1)], [0, []])
  await send([of('shop', { kind: SERVER })])
  t.equal((await graph(1))[0]![2], 0)
})

t.test('histograms may be exponential', async (t) => {
  const { graph, send } = await started({ exponential_histogram_max_size: 20 })
  await send([of('shop', { kind: SERVER, ...lasting(500) })])
  t.same(
    (await graph()).filter(([metric]) => metric === 'request_server_seconds').map(([, , mean]) => mean),
    [0.5],
  )
})

t.test('what was not taken is in the next, and what is left leaves when it stops', async (t) => {
  const { clock, next, connector, send, settings } = await started()
  next.refuse = () => {
    throw new RetryableError('down')
  }
  await send([of('shop', { kind: SERVER })])
  await clock.advance(60_000)
  t.match(settings.lines.at(-1), { level: 'warn', fields: { reason: 'down' } })
  next.refuse = () => {}
  await send([of('shop', { kind: SERVER })])
  await connector.stop(new AbortController().signal)
  t.match(said(next.batches)[0], ['request_total', /client=user/, 2])
})

t.test('spans of a resource without a service are left out, and it is said', async (t) => {
  const { graph, send, gauge } = await started()
  await send([{ resource: {}, spans: [{ kind: SERVER }] }])
  t.same([await graph(), gauge('skipped')], [[], 1])
})

t.test('a configuration that contradicts itself says where', async (t) => {
  const faults = (config: Partial<Config>): string[] =>
    factory.check!({ ...DEFAULTS, ...config }).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({}), [])
  t.match(faults({ latency_histogram_buckets: ['1s', '1s'] }), [/^latency_histogram_buckets\.1: is 1s, behind 1s/])
  t.match(faults({ latency_histogram_buckets: ['1s'], exponential_histogram_max_size: 5 }), [/^exponential_histogram_max_size/])
  t.match(faults({ dimensions: ['a', 'a'] }), [/^dimensions\.1/])
  t.match(faults({ store: { ttl: '0s', max_items: 1 }, metrics_flush_interval: '0s' }), [/^metrics_flush_interval/, /^store\.ttl/])
})
