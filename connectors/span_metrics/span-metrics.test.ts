import t from 'tap'
import { ANONYMOUS, LATENCY_BUCKETS, type Origin, RetryableError } from '../../core/index.ts'
import {
  CollectingConsumer,
  lifecycleSuite,
  type PlainResource,
  type PlainSpan,
  TestClock,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { type Point, pointsOf } from './fixtures/decoded.ts'
import { factory } from './factory.ts'
import type { Config } from './schema.ts'
import { SpanMetrics } from './span-metrics.ts'

const DEFAULTS: Config = {
  dimensions: [],
  calls_dimensions: [],
  exclude_dimensions: ['collector.instance.id'],
  histogram: { disable: false, unit: 'ms', dimensions: [] },
  exemplars: { enabled: false, max_per_data_point: 5 },
  events: { enabled: false, dimensions: [] },
  namespace: 'traces.span.metrics',
  aggregation_temporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
  metrics_flush_interval: '60s',
  metrics_expiration: '0s',
  series_expiration: '0s',
  aggregation_cardinality_limit: 0,
  max_series: 100_000,
  resource_metrics_cache_size: 1000,
  resource_metrics_key_attributes: [],
  add_resource_attributes: true,
  include_instrumentation_scope: [],
  enable_metrics_sampling_method: false,
  metric_timestamp_cache_size: 1000,
}
const DELTA = 'AGGREGATION_TEMPORALITY_DELTA'
const NEVER = new AbortController().signal
const START = 1_767_225_600_000_000_000n

async function started(config: Partial<Config> = {}, random = () => 0) {
  const clock = new TestClock()
  const settings = new TestSettings('span_metrics', clock)
  const next = new CollectingConsumer()
  const connector = new SpanMetrics({ ...DEFAULTS, ...config }, next, settings, random)
  await connector.start()
  /** What was handed on since the last time. */
  const taken = (): Point[] => pointsOf(next.batches.splice(0))
  const flush = async (): Promise<Point[]> => {
    await clock.advance(60_000)
    return taken()
  }
  const send = (resources: readonly PlainResource[], origin: Origin = ANONYMOUS) => connector.consume({ ...tracesBatch(resources), origin })
  return { clock, settings, next, connector, taken, flush, send }
}

/** What is written in pieces needs a turn of the event loop for each. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

const shop = (...spans: readonly PlainSpan[]): PlainResource => ({ resource: { 'service.name': 'shop' }, spans })
const lasting = (ms: number, more: PlainSpan = {}): PlainSpan => ({ endTimeUnixNano: START + BigInt(ms * 1e6), ...more })
const values = (points: readonly Point[], metric = 'calls') =>
  points.filter((point) => point.metric.endsWith(metric)).map(({ attributes, value, count }) => [attributes, value ?? count] as const)
const total = (points: readonly Point[], metric = 'calls'): number => values(points, metric).reduce((sum, [, value]) => sum + value!, 0)

lifecycleSuite(
  (name, run) => void t.test(name, run),
  async () => (await started()).connector,
)

t.test('calls and durations are told apart by service, name, kind and status', async (t) => {
  const { flush, send } = await started()
  await send([shop(lasting(3), lasting(700), lasting(3, { name: 'other' }), lasting(3, { statusCode: 2 }), lasting(20_000, { kind: 3 }))])
  const first = await flush()
  t.same(
    [...new Set(first.map(({ metric, unit, kind, temporality, scope }) => [metric, unit, kind, temporality, scope].join()))],
    ['traces.span.metrics.calls,,sum,2,spanmetricsconnector', 'traces.span.metrics.duration,ms,histogram,2,spanmetricsconnector'],
  )
  t.ok(first.every(({ resource }) => resource['service.name'] === 'shop'))
  t.ok(first.filter(({ kind }) => kind === 'sum').every(({ isMonotonic }) => isMonotonic))
  t.same([total(first), total(first, 'duration')], [0, 0], 'a new series is 0 first, so that a rate sees all of it')
  t.same([...new Set(first.flatMap(({ buckets = [] }) => buckets))], [0])
  const second = await flush()
  const own = { 'service.name': 'shop', 'span.name': 'operation', 'span.kind': 'SPAN_KIND_SERVER', 'status.code': 'STATUS_CODE_UNSET' }
  t.same(values(second), [
    [own, 2],
    [{ ...own, 'span.name': 'other' }, 1],
    [{ ...own, 'status.code': 'STATUS_CODE_ERROR' }, 1],
    [{ ...own, 'span.kind': 'SPAN_KIND_CLIENT' }, 1],
  ])
  t.same(values(second, 'duration'), values(second))
  const [duration, , , slow] = second.filter(({ kind }) => kind === 'histogram')
  t.equal(duration!.sum, 703)
  t.same(duration!.bounds, [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000])
  t.equal(duration!.bounds!.length, LATENCY_BUCKETS.length)
  t.same(duration!.buckets, [0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
  t.equal(slow!.buckets!.at(-1), 1)
})

t.test('a duration that ends a bucket is in it, and one that goes back in time is 0', async (t) => {
  const { flush, send } = await started({ histogram: { disable: false, unit: 's', explicit: { buckets: ['1s', '2s'] }, dimensions: [] } })
  await send([shop(lasting(1000), lasting(1000.000001), lasting(2000), lasting(-5))])
  await flush()
  const [, duration] = await flush()
  t.same([duration!.unit, duration!.bounds, duration!.buckets], ['s', [1, 2], [2, 2, 0]])
  t.equal(duration!.sum, 1 + 1.000000001 + 2)
})

t.test('series begin when their first span comes, and go on until they are forgotten', async (t) => {
  const { clock, flush, send } = await started({ series_expiration: '120s' })
  await clock.advance(1000)
  await send([shop({ name: 'a' })])
  const began = String(START + 1_000_000_000n)
  t.same(
    (await flush()).map(({ start }) => start),
    [began, began],
  )
  await send([shop({ name: 'b' })])
  const points = await flush()
  t.same(
    points.map(({ start }) => start),
    [began, String(START + 60_000_000_000n + 1_000_000_000n), began, String(START + 61_000_000_000n)],
  )
  t.same(
    points.map(({ time }) => time),
    Array.from({ length: 4 }, () => String(START + 120_000_000_000n)),
  )
  // a was seen 120 s ago when the third round ends; b was not.
  t.equal((await flush()).length, 4)
  t.same(
    values(await flush()).map(([attributes]) => attributes['span.name']),
    ['b'],
    'a is not said any more',
  )
  await send([shop({ name: 'a' })])
  const again = (await flush()).find(({ attributes }) => attributes['span.name'] === 'a')!
  t.equal(again.value, 0)
  t.ok(BigInt(again.start) > START + 200_000_000_000n, 'and comes back as a new series')
})

t.test('what was never said is not forgotten', async (t) => {
  const { flush, send } = await started({ series_expiration: '30s', metrics_expiration: '30s' })
  await send([shop({})])
  t.equal(total(await flush()), 0)
  t.equal(total(await flush()), 1)
  t.same(await flush(), [])
})

t.test('a resource that is not seen any more is forgotten with all of its series', async (t) => {
  const { settings, flush, send } = await started({ metrics_expiration: '90s' })
  const read = (): unknown => settings.gauges.get('millrace_span_metrics_series')!()
  await send([shop({ name: 'a' }, { name: 'b' })])
  await flush()
  t.equal(read(), 4)
  await flush()
  t.same([read(), await flush()], [0, []])
})

t.test('dimensions are attributes of the span, or of its resource, or what they are otherwise', async (t) => {
  const { flush, send } = await started({
    dimensions: [{ name: 'http.route' }, { name: 'region', default: 'nowhere' }],
    calls_dimensions: [{ name: 'tier' }],
    histogram: { disable: false, unit: 'ms', dimensions: [{ name: 'size' }] },
    exclude_dimensions: ['service.name', 'span.name', 'span.kind', 'status.code', 'collector.instance.id'],
  })
  await send([
    {
      resource: { 'service.name': 'a', region: 'eu' },
      spans: [{ attributes: { 'http.route': '/', region: 'us', tier: 'gold', size: 7 } }, {}],
    },
    { resource: { 'service.name': 'b' }, spans: [{ attributes: { tier: true } }, { attributes: { size: 7 } }] },
  ])
  await flush()
  const points = await flush()
  t.same(values(points), [
    [{ 'http.route': '/', region: 'us', tier: 'gold' }, 1],
    [{ region: 'eu' }, 1],
    [{ region: 'nowhere', tier: true }, 1],
    [{ region: 'nowhere' }, 1],
  ])
  t.same(values(points, 'duration'), [
    [{ 'http.route': '/', region: 'us', size: 7 }, 1],
    [{ region: 'eu' }, 1],
    [{ region: 'nowhere' }, 1],
    [{ region: 'nowhere', size: 7 }, 1],
  ])
})

t.test('names that are very long are counted, and are one series each', async (t) => {
  const { flush, send } = await started()
  const [a, b] = ['a'.repeat(10_000), `${'a'.repeat(9999)}b`]
  for (let i = 0; i < 3; i++) await send([shop({ name: a }, { name: b }, { name: a })])
  await flush()
  t.same(
    values(await flush()).map(([attributes, value]) => [attributes['span.name'], value]),
    [
      [a, 6],
      [b, 3],
    ],
  )
})

t.test('a number and its text are one series', async (t) => {
  const { flush, send } = await started({ dimensions: [{ name: 'code' }] })
  await send([
    shop({ attributes: { code: 200 } }, { attributes: { code: '200' } }, { attributes: { code: '200' } }, { attributes: { code: 404 } }),
  ])
  await flush()
  t.same(
    values(await flush()).map(([{ code }, value]) => [code, value]),
    [
      [200, 3],
      [404, 1],
    ],
  )
})

t.test('texts that run into each other are different series', async (t) => {
  const { flush, send } = await started({ dimensions: [{ name: 'a' }, { name: 'b' }] })
  await send([
    shop(
      { attributes: { a: 'x', b: 'yz' } },
      { attributes: { a: 'xy', b: 'z' } },
      { attributes: { a: 'xyz' } },
      { attributes: { b: 'xyz' } },
      { attributes: { a: 'x\0b:y' } },
    ),
  ])
  t.equal(values(await flush()).length, 5)
})

t.test("a glob takes every attribute that it matches, the span's before its resource's", async (t) => {
  const { flush, send } = await started({
    dimensions: [{ glob: 'k8s.*.name' }, { glob: 'db.**' }],
    exclude_dimensions: ['service.name', 'span.name', 'span.kind', 'status.code', 'collector.instance.id'],
    histogram: { disable: true, unit: 'ms', dimensions: [] },
  })
  const resource = { 'service.name': 'a', 'k8s.pod.name': 'p', 'k8s.node.name': 'n', 'k8s.pod.label.name': 'no' }
  const span = { attributes: { 'db.x.y': 1, db: 'no', 'k8s.node.name': 'own' } }
  await send([{ resource, spans: [span, span, {}] }])
  await flush()
  t.same(values(await flush()), [
    [{ 'db.x.y': 1, 'k8s.node.name': 'own', 'k8s.pod.name': 'p' }, 2],
    [{ 'k8s.node.name': 'n', 'k8s.pod.name': 'p' }, 1],
  ])
})

t.test('spans that were sampled count for all that they stand for', async (t) => {
  const draws = [0.1, 0.9]
  const { flush, send } = await started({ enable_metrics_sampling_method: true }, () => draws.shift()!)
  await send([
    shop(
      { traceState: 'ot=th:c' },
      { traceState: 'ot=th:c' },
      { traceState: 'x=y,ot=th:8' },
      // 1.5 times: once for 2, once for 1.
      { traceState: 'ot=th:55555555555555' },
      { traceState: 'ot=th:55555555555555' },
      { traceState: 'ot=th:nonsense' },
      { traceState: 'a=b' },
      {},
    ),
  ])
  await flush()
  const points = await flush()
  t.same(
    values(points).map(([attributes, value]) => [attributes['sampling.method'], value]),
    [
      ['extrapolated', 13],
      ['counted', 3],
    ],
  )
  t.equal(points.find(({ kind }) => kind === 'histogram')!.sum, 13)
})

t.test('exponential histograms', async (t) => {
  const { flush, send } = await started({ histogram: { disable: false, unit: 'ms', exponential: { max_size: 4 }, dimensions: [] } })
  await send([shop(lasting(1), lasting(2), lasting(4), lasting(16), lasting(0))])
  const [, zero] = await flush()
  t.same([zero!.count, zero!.buckets, zero!.scale], [0, [], -1], 'as fine at first as then')
  const [, { count, sum, min, max, scale, zeroCount, offset, buckets, kind }] = (await flush()) as [Point, Point]
  t.same({ kind, count, sum, min, max, zeroCount }, { kind: 'exponentialHistogram', count: 5, sum: 23, min: 0, max: 16, zeroCount: 1 })
  // At -1 buckets end at 1, 4 and 16.
  t.same({ scale, offset, buckets }, { scale: -1, offset: -1, buckets: [1, 2, 1] })
})

t.test('exemplars name the first spans of an interval, and no more than so many', async (t) => {
  const { flush, send } = await started({ exemplars: { enabled: true, max_per_data_point: 2 } })
  const ids = (n: number): PlainSpan => ({
    traceId: `${n}`.repeat(32),
    spanId: `${n}`.repeat(16),
    endTimeUnixNano: START + BigInt(n) * 1_000_000n,
  })
  await send([shop(ids(1), ids(2), ids(3))])
  const [calls, duration] = await flush()
  t.same(
    calls!.exemplars.map(({ traceId, spanId, value }) => [traceId, spanId, value]),
    [
      ['1'.repeat(32), '1'.repeat(16), 1],
      ['2'.repeat(32), '2'.repeat(16), 2],
    ],
  )
  t.same(duration!.exemplars, calls!.exemplars)
  t.equal(duration!.exemplars[0]!.time, duration!.time)
  await send([shop(ids(4))])
  t.same(
    (await flush()).map(({ exemplars }) => exemplars.map(({ value }) => value)),
    [[4], [4]],
  )
})

t.test('delta metrics say what there was since the last, and begin where that ended', async (t) => {
  const { clock, flush, send } = await started({ aggregation_temporality: DELTA })
  await clock.advance(1000)
  await send([shop({}, {})])
  const at = (seconds: number): string => String(START + BigInt(seconds) * 1_000_000_000n)
  t.same(
    (await flush()).map(({ temporality, value, count, start, time }) => [temporality, value ?? count, start, time]),
    [
      [1, 2, at(1), at(60)],
      [1, 2, at(1), at(60)],
    ],
  )
  t.same(await flush(), [], 'nothing happened')
  await send([shop({})])
  t.same(
    (await flush()).map(({ value, count, start, time }) => [value ?? count, start, time]),
    [
      [1, at(60), at(180)],
      [1, at(60), at(180)],
    ],
  )
})

t.test('delta metrics that were not taken are offered again, before what came after them', async (t) => {
  const { next, flush, send, clock, taken } = await started({ aggregation_temporality: DELTA })
  next.refuse = () => {
    throw new RetryableError('down')
  }
  await send([shop({ name: 'a' }, { name: 'a' })])
  t.same(await flush(), [])
  await send([shop({ name: 'a' })])
  t.same(await flush(), [])
  next.refuse = () => {}
  await clock.advance(60_000)
  const points = taken()
  t.same(
    values(points).map(([, value]) => value),
    [2, 1],
  )
  t.equal(points[2]!.start, points[0]!.time, 'without a gap')
})

t.test('cumulative metrics that were not taken are in the next', async (t) => {
  const { next, flush, send, settings } = await started()
  await send([shop({})])
  await flush()
  next.refuse = () => {
    throw new RetryableError('down')
  }
  await send([shop({})])
  t.same(await flush(), [])
  t.match(settings.lines.at(-1), { level: 'warn', fields: { reason: 'down' } })
  next.refuse = () => {}
  t.equal(total(await flush()), 2)
})

t.test('there is one round at a time, however long it takes', async (t) => {
  const { next, clock, send } = await started()
  await send([shop({})])
  next.hold()
  await clock.advance(240_000)
  t.equal(next.holding, 1)
  next.release()
  await clock.advance(60_000)
  t.equal(next.batches.length, 2)
})

t.test('what was counted is handed on when it stops, whatever the interval', async (t) => {
  const { connector, send, taken } = await started()
  await send([shop({}, {})])
  await connector.stop(NEVER)
  t.equal(total(taken()), 2)
})

t.test('random names stay within the limit, and every span is counted', async (t) => {
  const { settings, flush, send } = await started({ aggregation_cardinality_limit: 10 })
  const spans = Array.from({ length: 1000 }, (_, i) => ({ name: `GET /${i}` }))
  await send([shop(...spans), { resource: { 'service.name': 'calm' }, spans: [{ name: 'GET /1' }] }])
  await flush()
  const points = await flush()
  t.equal(values(points).length, 12)
  t.equal(total(points), 1001)
  t.equal(total(points, 'duration'), 1001)
  t.same(
    values(points).filter(([attributes]) => 'otel.metric.overflow' in attributes),
    [[{ 'otel.metric.overflow': true }, 990]],
  )
  t.equal(settings.gauges.get('millrace_span_metrics_overflowed')!(), 1980)
})

t.test('the limit of all series holds over all resources', async (t) => {
  const { flush, send } = await started({ max_series: 20 })
  await send(Array.from({ length: 30 }, (_, r) => ({ resource: { 'service.name': `s${r}` }, spans: [{ name: 'a' }, { name: 'b' }] })))
  await flush()
  const points = await flush()
  t.equal(points.filter(({ attributes }) => !('otel.metric.overflow' in attributes)).length, 20)
  t.equal(total(points), 60)
  t.equal(total(points, 'duration'), 60)
})

t.test('a flood of resources and tenants stays within the limit, and what is calm comes back as it was', async (t) => {
  const { settings, flush, send } = await started({ resource_metrics_cache_size: 5 })
  const tenant = (name: string): Origin => ({ tenant: name, headers: new Map() })
  for (let i = 0; i < 100; i++) await send([shop({})], tenant(`t${i}`))
  await flush()
  const points = await flush()
  t.equal(total(points), 100)
  t.equal(values(points).filter(([attributes]) => 'otel.metric.overflow' in attributes).length, 1)
  t.equal(settings.gauges.get('millrace_span_metrics_resources')!(), 5)
  for (let i = 0; i < 3; i++) await send([shop({})], tenant(`new${i}`))
  const after = [...(await flush()), ...(await flush())]
  t.equal(
    after.filter(({ attributes, value }) => value === 0 && !('otel.metric.overflow' in attributes)).length,
    3,
    'new ones take the room of those that said all',
  )
})

t.test("each sender's series go on with its own name", async (t) => {
  const { next, clock, send } = await started()
  const tenant = (name: string): Origin => ({ tenant: name, headers: new Map() })
  await send([shop({})], tenant('a'))
  await send([shop({})], tenant('a'))
  await send([shop({})], tenant('b'))
  await clock.advance(120_000)
  t.same(
    next.batches.slice(2).map(({ origin, count }) => [origin.tenant, count]),
    [
      ['a', 2],
      ['b', 2],
    ],
  )
})

t.test('resources are told apart by the attributes that are named', async (t) => {
  const { flush, send } = await started({ resource_metrics_key_attributes: ['service.name'] })
  for (const pid of [1, 2]) await send([{ resource: { 'service.name': 'a', pid }, spans: [{}] }])
  await flush()
  const [calls] = await flush()
  t.same([calls!.value, calls!.resource], [2, { 'service.name': 'a', pid: 1 }])
})

t.test('without attributes of resources all are one', async (t) => {
  const { flush, send } = await started({ add_resource_attributes: false })
  for (const pid of [1, 2])
    await send([
      { resource: { 'service.name': 'a', pid }, spans: [{}] },
      { resource: { 'service.name': 'b' }, spans: [{}] },
    ])
  await flush()
  const points = await flush()
  t.same(
    values(points).map(([attributes, value]) => [attributes['service.name'], value]),
    [
      ['a', 2],
      ['b', 2],
    ],
  )
  t.same(points[0]!.resource, {})
})

t.test('resources in another order of attributes are one', async (t) => {
  const { flush, send } = await started()
  await send([
    { resource: { 'service.name': 'a', x: 1 }, spans: [{}] },
    { resource: { x: 1, 'service.name': 'a' }, spans: [{}] },
  ])
  await flush()
  t.same(
    values(await flush()).map(([, value]) => value),
    [2],
  )
})

t.test('spans of a resource without a service are not counted, and it is said', async (t) => {
  const { settings, flush, send } = await started()
  await send([{ resource: { x: 1 }, spans: [{}, {}] }])
  t.same(await flush(), [])
  t.equal(settings.gauges.get('millrace_span_metrics_skipped')!(), 2)
})

t.test('instrumentation scopes that are named are dimensions', async (t) => {
  const { flush, send } = await started({ include_instrumentation_scope: ['express'] })
  const resource = { 'service.name': 'a' }
  await send([
    { resource, scopeName: 'express', spans: [{}] },
    { resource, scopeName: 'other', spans: [{}] },
  ])
  t.same(
    values(await flush()).map(([attributes]) => attributes['span.instrumentation.scope.name']),
    ['express', undefined],
  )
})

t.test('more than a message may hold leaves in several', async (t) => {
  const { next, clock, send } = await started()
  const spans = Array.from({ length: 12_000 }, (_, i) => ({ name: `a rather long name of an operation number ${i}` }))
  await send([shop(...spans)])
  await clock.advance(60_000)
  await turns()
  const before = next.batches.length
  await clock.advance(60_000)
  await turns()
  const round = next.batches.slice(before)
  t.ok(round.length > 2)
  t.ok(round.every(({ chunks }) => chunks[0]!.length < 2.1 * 1024 * 1024))
  t.equal(total(pointsOf(round)), 12_000)
  t.equal(
    round.reduce((sum, { count }) => sum + count, 0),
    24_000,
  )
})

t.test('spans that come while a long round of deltas is on its way are in the next', async (t) => {
  const { next, clock, send, taken } = await started({ aggregation_temporality: DELTA })
  const spans = Array.from({ length: 12_000 }, (_, i) => ({ name: `a rather long name of an operation number ${i}` }))
  await send([shop(...spans)])
  next.hold()
  await clock.advance(60_000)
  t.equal(next.holding, 1)
  await send([shop(...spans)])
  next.release()
  await turns()
  await clock.advance(60_000)
  await turns()
  const points = taken()
  t.same([total(points), total(points, 'duration')], [24_000, 24_000])
})

t.test('a resource that is very large has no series of its own', async (t) => {
  const { settings, flush, send } = await started()
  await send([{ resource: { 'service.name': 'a', all: 'x'.repeat(70_000) }, spans: [{}] }])
  await flush()
  t.same(values(await flush()), [[{ 'otel.metric.overflow': true }, 1]])
  t.equal(settings.gauges.get('millrace_span_metrics_resources')!(), 0)
})

t.test('the clock on the wall may be set back', async (t) => {
  const { clock, flush, send } = await started()
  await send([shop({})])
  clock.wallStartMs -= 3_600_000
  const points = await flush()
  t.equal(points.length, 2)
  t.ok(points.every(({ start, time }) => BigInt(start) <= BigInt(time)))
})

t.test('a configuration that contradicts itself says where', async (t) => {
  const faults = (config: Partial<Config>): string[] =>
    factory.check!({ ...DEFAULTS, ...config }).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({}), [])
  t.same(faults({ dimensions: [{ name: 'a' }, { glob: 'b.*' }], calls_dimensions: [{ name: 'a' }] }), [])
  t.match(faults({ dimensions: [{ name: 'span.name' }] }), [/^dimensions\.0: names "span\.name"/])
  t.match(faults({ dimensions: [{ name: 'a' }, { name: 'a' }] }), [/^dimensions\.1: names "a"/])
  t.match(faults({ dimensions: [{}] }), [/needs name or glob/])
  t.match(faults({ dimensions: [{ glob: 'span.*' }] }), [/matches "span\.name"/, /matches "span\.kind"/])
  t.match(faults({ dimensions: [{ glob: '{a' }] }), [/a { has no }/])
  t.match(faults({ events: { enabled: true, dimensions: [] } }), [/^events\.dimensions/])
  t.match(faults({ metrics_flush_interval: '0s' }), [/^metrics_flush_interval/])
  const both = { disable: false, unit: 'ms', dimensions: [], explicit: { buckets: ['2s', '1s'] }, exponential: { max_size: 1 } } as const
  t.match(faults({ histogram: both }), [/^histogram\.explicit\.buckets\.1: is 1s, behind 2s/, /^histogram: has explicit and exponential/])
})

t.test('spans that claim to stand for as many as there can be do not keep anybody from their metrics', async (t) => {
  for (const histogram of [DEFAULTS.histogram, { ...DEFAULTS.histogram, exponential: { max_size: 160 } }]) {
    const { settings, flush, send } = await started({ histogram })
    await send([shop(...Array.from({ length: 300 }, () => ({ traceState: 'ot=th:ffffffffffffff' })))])
    await flush()
    const calls = (await flush()).find(({ metric }) => metric === 'traces.span.metrics.calls')!
    t.ok(calls.value! > 9.2e18, 'as many as fit into the field, and not a negative number of them')
    t.same(
      settings.lines.filter(({ level }) => level === 'error'),
      [],
    )
  }
})

t.test('a kind that there is not is not taken for one that there is', async (t) => {
  const { flush, send } = await started()
  await send([shop({ kind: 2 + 2 ** 23 }, { kind: 2 }, { kind: 2 })])
  await flush()
  const calls = await flush()
  t.equal(calls.find(({ metric, attributes }) => metric.endsWith('calls') && attributes['span.kind'] === 'SPAN_KIND_SERVER')?.value, 2)
})
