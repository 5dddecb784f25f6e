// The translation, against what the specification of OpenTelemetry says of it: names, labels, and every kind of metric.

import t from 'tap'
import { TestClock } from '../testing/index.ts'
import { at, attributes, type Envelope, NEW_YEAR_MS, otlpRequest, shown } from './fixtures/otlp.ts'
import { exemplarsByBucket, type Point } from './point.ts'
import type { TranslationOptions } from './options.ts'
import { asPoints, type Refusals, Translator } from './translate.ts'

const OPTIONS: TranslationOptions = {
  strategy: 'UnderscoreEscapingWithSuffixes',
  namespace: '',
  constantLabels: {},
  resourceLabels: 'none',
  scopeLabels: true,
  targetInfo: true,
  maxStreams: 1000,
}

function translateAll(translator: Translator, chunk: Uint8Array, take: (point: Point) => void): Refusals {
  return translator.translate(chunk, asPoints(take))
}

function points(metrics: readonly object[], options: Partial<TranslationOptions> = {}, envelope: Envelope = {}): Point[] & Refusals {
  const all: Point[] = []
  const refusals = translateAll(new Translator({ ...OPTIONS, ...options }, new TestClock()), otlpRequest(metrics, envelope), (point) =>
    all.push(point),
  )
  return Object.assign(all, refusals)
}

function lines(metrics: readonly object[], options: Partial<TranslationOptions> = {}, envelope: Envelope = {}): string[] {
  return points(metrics, options, envelope).flatMap(shown)
}

const gauge = (name: string, unit = '', point: object = {}): object => ({
  name,
  unit,
  gauge: { dataPoints: [{ timeUnixNano: at(1), asDouble: 1.5, ...point }] },
})
const sum = (name: string, unit = '', more: object = {}, point: object = {}): object => ({
  name,
  unit,
  sum: { aggregationTemporality: 2, isMonotonic: true, ...more, dataPoints: [{ timeUnixNano: at(1), asInt: 7, ...point }] },
})

t.test('names get their unit and type, and characters that PromQL would quote become underscores', async (t) => {
  const named = (metric: object): string => lines([metric])[0]!.replace(/[ {].*/, '')
  for (const [metric, expected] of [
    [gauge('system.memory.usage', 'By'), 'system_memory_usage_bytes'],
    [gauge('http.server.request.duration', 's'), 'http_server_request_duration_seconds'],
    [gauge('wait.seconds', 's'), 'wait_seconds'],
    [gauge('system.cpu.utilization', '1'), 'system_cpu_utilization_ratio'],
    [sum('requests', '1'), 'requests_total'],
    [sum('requests', '{request}'), 'requests_total'],
    [sum('requests_total', '{request}'), 'requests_total'],
    [sum('system.network.io', 'By'), 'system_network_io_bytes_total'],
    [sum('queue.size', '', { isMonotonic: false }), 'queue_size'],
    [gauge('network.speed', 'By/s'), 'network_speed_bytes_per_second'],
    [gauge('speed', 'm/s'), 'speed_meters_per_second'],
    [gauge('rate_per_second', '{request}/s'), 'rate_per_second'],
    [gauge('heat', 'Cel'), 'heat_celsius'],
    [gauge('2nd.level'), '_2nd_level'],
    [gauge('a..b__c%'), 'a_b_c'],
    [gauge('disk:free', 'GiBy'), 'disk:free_gibibytes'],
    [gauge('weird', 'my unit'), 'weird_my_unit'],
  ] as const)
    t.equal(named(metric), expected)
})

t.test('each of the four strategies names metrics, labels and units in its own way', async (t) => {
  const metric = sum('http.requests', 'By', {}, { attributes: attributes({ 'http.route': '/a', '0': 'x' }) })
  const by = (strategy: TranslationOptions['strategy']): string[] => lines([metric], { strategy, namespace: 'my.app' })
  t.same(by('UnderscoreEscapingWithSuffixes'), ['my_app_http_requests_bytes_total{http_route="/a",key_0="x"} 7 @1'])
  t.same(by('UnderscoreEscapingWithoutSuffixes'), ['my_app_http_requests{http_route="/a",key_0="x"} 7 @1'])
  t.same(by('NoUTF8EscapingWithSuffixes'), ['my.app_http.requests_bytes_total{0="x",http.route="/a"} 7 @1'])
  t.same(by('NoTranslation'), ['my.app_http.requests{0="x",http.route="/a"} 7 @1'])
  const plain = (name: string, unit: string): string => lines([sum(name, unit)], { strategy: 'NoUTF8EscapingWithSuffixes' })[0]!
  t.equal(plain('io.total', 'By/s'), 'io_bytes_per_second_total 7 @1', 'a suffix that is there stands behind the unit')
  t.equal(plain('io.bytes_total', 'By'), 'io.bytes_total 7 @1')
  t.equal(points([sum('x', 'By/s')])[0]!.stream.family.unit.text, 'bytes_per_second')
})

t.test('a metric without a usable name is refused by name, and its neighbours are not', async (t) => {
  const taken = points([gauge('%%%'), gauge('fine'), gauge('')])
  t.equal(taken.length, 1)
  t.match(taken, { count: 2, reason: 'metric "%%%": Prometheus has no name for it' })
})

t.test('every value that an attribute can have becomes text, and an empty one no label', async (t) => {
  const plain = attributes({ text: 'ä"\n', yes: true, int: -3, double: 0.5, list: ['a', 1, [true]], empty: '' })
  const bytes = { key: 'bytes', value: { bytesValue: Buffer.from([1, 2, 255]) } }
  const map = { key: 'map', value: { kvlistValue: { values: attributes({ a: 'b' }) } } }
  const [line] = lines([gauge('g', '', { attributes: [...plain, bytes, map, { key: 'none', value: {} }] })])
  t.equal(line, 'g{bytes="AQL/",double="0.5",int="-3",list="["a",1,[true]]",map="{"a":"b"}",text="ä"\n",yes="true"} 1.5 @1')
})

t.test('keys that come to one name are one label, their values in the order of the keys', async (t) => {
  const keys = attributes({ a_b: '3', 'a.b': '1', 'a/b': '2', 'a:b': '4' })
  t.equal(lines([gauge('g', '', { attributes: keys })])[0], 'g{a_b="1;2;4;3"} 1.5 @1')
})

t.test('names that Prometheus keeps to itself cannot be taken by attributes', async (t) => {
  const own = attributes({ __name__: 'other', job: 'mine', instance: 'i', le: '5', '': 'nameless' })
  const envelope = { resource: { 'service.name': 'shop', 'service.instance.id': 'a1' } }
  t.equal(
    lines([gauge('g', '', { attributes: own })], {}, envelope)[0],
    'g{_="nameless",_name_="other",exported_instance="i",exported_job="mine",instance="a1",job="shop",le="5"} 1.5 @1',
  )
  const histogram = {
    name: 'h',
    histogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), count: 1, attributes: attributes({ le: '5' }) }] },
  }
  t.equal(lines([histogram])[0], 'h_bucket{exported_le="5",le="+Inf"} 1 @1')
  t.equal(
    lines([gauge('g', '', { attributes: own })], { strategy: 'NoTranslation' })[0],
    'g{_="nameless",_name__="other",instance="i",job="mine",le="5"} 1.5 @1',
  )
})

t.test('a constant label is not what series of one stream are told apart by', async (t) => {
  const histogram = {
    name: 'h',
    histogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), count: 1, bucketCounts: [1] }] },
  }
  t.same(lines([histogram], { constantLabels: { le: 'mine' } }), [
    'h_bucket{exported_le="mine",le="+Inf"} 1 @1',
    'h_count{exported_le="mine"} 1 @1',
  ])
})

t.test('labels are sorted by the bytes of their names', async (t) => {
  const names = attributes({ Z: '1', a: '2', '\uFF5E': '3', '\u{1F600}': '4', B: '5' })
  t.match(
    lines([gauge('g', '', { attributes: names })], { strategy: 'NoTranslation' })[0],
    /^g\{B="5",Z="1",a="2",\uFF5E="3",\u{1F600}="4"\}/u,
  )
})

t.test('the resource is job, instance and target_info, the scope is labels', async (t) => {
  const resource = { 'service.namespace': 'eu', 'service.name': 'shop', 'service.instance.id': 'a1', 'k8s.pod.name': 'p', cpus: 4 }
  const scope = { name: 'lib', version: '1.2', attributes: attributes({ 'my.key': 'v', name: 'hidden' }) }
  const envelope = { resource, scope, scopeSchemaUrl: 'https://x/1' }
  const labels = 'otel_scope_my_key="v",otel_scope_name="lib",otel_scope_schema_url="https://x/1",otel_scope_version="1.2"'
  const target = 'target_info{cpus="4",instance="a1",job="eu/shop",k8s_pod_name="p"} 1 @1'
  t.same(lines([gauge('g')], {}, envelope), [`g{instance="a1",job="eu/shop",${labels}} 1.5 @1`, target])
  const plain = { scopeLabels: false, targetInfo: false }
  t.same(lines([gauge('g')], plain, envelope), ['g{instance="a1",job="eu/shop"} 1.5 @1'])
  t.same(lines([gauge('g')], { ...plain, resourceLabels: new Set(['cpus']), constantLabels: { job: 'no', dc: 'x' } }, envelope), [
    'g{cpus="4",dc="x",instance="a1",job="eu/shop"} 1.5 @1',
  ])
  t.same(lines([gauge('g')], { ...plain, resourceLabels: 'all but service' }, envelope), [
    'g{cpus="4",instance="a1",job="eu/shop",k8s_pod_name="p"} 1.5 @1',
  ])
  t.match(
    lines([gauge('g')], { ...plain, resourceLabels: 'all' }, envelope)[0],
    /service_instance_id="a1",service_name="shop",service_namespace="eu"/,
  )
  t.same(
    lines([gauge('g')], {}, { resource: { 'service.name': 'shop' } }),
    ['g{job="shop"} 1.5 @1'],
    'nothing is left to say of the target',
  )
})

t.test('target_info is said again every half minute while points come, and never back in time', async (t) => {
  const translator = new Translator(OPTIONS, new TestClock())
  const targets: number[] = []
  for (const ms of [0, 10_000, 30_000, 20_000, 59_999, 60_000])
    translateAll(
      translator,
      otlpRequest([gauge('g', '', { timeUnixNano: at(ms) })], { resource: { 'service.name': 'a', x: 'y' } }),
      (point) => {
        if (point.stream.family.type === 'info') targets.push(point.timestampMs - NEW_YEAR_MS)
      },
    )
  t.same(targets, [0, 30_000, 60_000])
})

t.test('sums are counters or gauges, and a hint in the metadata is taken', async (t) => {
  const types = (metric: object): string => points([metric])[0]!.stream.family.type
  t.equal(types(sum('a')), 'counter')
  t.equal(types(sum('a', '', { isMonotonic: false })), 'gauge')
  const hinted = (type: string): object => ({ ...gauge('a'), metadata: attributes({ 'prometheus.type': type }) })
  for (const type of ['unknown', 'info', 'stateset', 'gauge']) t.equal(types(hinted(type)), type)
  t.equal(types(hinted('nonsense')), 'gauge')
})

t.test('times are exact to the millisecond, and counters say when they began', async (t) => {
  for (const ms of [0, 1, 7, 123, 999, 86_399_999]) {
    const [point] = points([sum('a', '', {}, { timeUnixNano: at(ms), startTimeUnixNano: at(-ms) })])
    t.same([point!.timestampMs - NEW_YEAR_MS, point!.startMs - NEW_YEAR_MS], [ms, -ms])
  }
  t.equal(points([gauge('g', '', { startTimeUnixNano: at(-5) })])[0]!.startMs, 0, 'a gauge does not count')
  t.match(points([gauge('g', '', { timeUnixNano: 0 })]), { count: 1, reason: 'metric "g": a point has no time' })
})

t.test('numbers are carried as they are, the largest integers as near as a float is', async (t) => {
  const value = (point: object): number =>
    points([{ name: 'g', gauge: { dataPoints: [{ timeUnixNano: at(1), ...point }] } }])[0]!.values[0]!
  for (const double of [0, -0, 1e308, 5e-324, NaN, Infinity, -Infinity]) t.ok(Object.is(value({ asDouble: double }), double))
  t.equal(value({ asInt: '-9223372036854775808' }), -(2 ** 63))
  t.equal(value({ asInt: '9007199254740993' }), 9007199254740992)
  t.equal(value({ asInt: -1 }), -1)
  t.match(points([{ name: 'g', gauge: { dataPoints: [{ timeUnixNano: at(1) }] } }]), { count: 1, reason: /no value/ })
})

t.test('a classic histogram counts what lies below each bound', async (t) => {
  const point = {
    timeUnixNano: at(9),
    startTimeUnixNano: at(1),
    count: 10,
    sum: 12.5,
    bucketCounts: [1, 2, 3, 4],
    explicitBounds: [0.005, 1, 1e21],
    attributes: attributes({ a: 'b' }),
  }
  const of = (more: object): object => ({
    name: 'h',
    unit: 's',
    histogram: { aggregationTemporality: 2, dataPoints: [{ ...point, ...more }] },
  })
  t.same(lines([of({})]), [
    'h_seconds_bucket{a="b",le="0.005"} 1 @9',
    'h_seconds_bucket{a="b",le="1"} 3 @9',
    'h_seconds_bucket{a="b",le="1000000000000000000000"} 6 @9',
    'h_seconds_bucket{a="b",le="+Inf"} 10 @9',
    'h_seconds_sum{a="b"} 12.5 @9',
    'h_seconds_count{a="b"} 10 @9',
  ])
  t.equal(points([of({})])[0]!.startMs, NEW_YEAR_MS + 1)
  t.same(lines([of({ sum: null, bucketCounts: [], explicitBounds: [] })]), [
    'h_seconds_bucket{a="b",le="+Inf"} 10 @9',
    'h_seconds_count{a="b"} 10 @9',
  ])
  t.match(points([of({ explicitBounds: [1] })]), { count: 1, reason: /1 bounds and 4 buckets/ })
  t.match(points([of({ explicitBounds: [1, 1, 2] })]), { count: 1, reason: /do not ascend/ })
})

t.test('an exponential histogram is a native one: spans of buckets, and the differences between them', async (t) => {
  const native = (point: object): object | undefined =>
    points([
      {
        name: 'e',
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [{ timeUnixNano: at(1), count: 37, sum: 3, zeroCount: 0, scale: 2, ...point }],
        },
      },
    ])[0]?.native
  // The specification's own example.
  t.match(native({ positive: { offset: 3, bucketCounts: [10, 0, 0, 0, 20, 5, 2] } }), {
    schema: 2,
    count: 37,
    sum: 3,
    zeroThreshold: 1e-128,
    positive: { spans: [4, 1, 3, 3], deltas: [10, 10, -15, -3] },
    negative: { spans: [], deltas: [] },
  })
  t.match(native({ positive: { offset: 3, bucketCounts: [10, 0, 0, 20, 5, 2] } }), {
    positive: { spans: [4, 6], deltas: [10, -10, 0, 20, -15, -3] },
  })
  t.match(native({ count: 7, zeroCount: 4, zeroThreshold: 0.5, negative: { offset: -3, bucketCounts: [0, 1, 2] } }), {
    zeroCount: 4,
    zeroThreshold: 0.5,
    negative: { spans: [-1, 2], deltas: [1, 1] },
  })
  // Scale 10 is two too fine: four buckets become one, of whichever four the coarser bucket is made.
  t.match(native({ count: 45, scale: 10, positive: { offset: -5, bucketCounts: [1, 2, 3, 4, 5, 6, 7, 8, 9] } }), {
    schema: 8,
    positive: { spans: [-1, 3], deltas: [1, 13, 16] },
  })
  t.match(native({ count: 0, scale: -4 }), { schema: -4 })
  t.equal(native({ count: 0, scale: -5 }), undefined)
  t.equal(native({ count: 0, sum: null }), undefined)
})

t.test('a summary is its quantiles, sum and count', async (t) => {
  const quantileValues = [
    { quantile: 0.99, value: 9 },
    { quantile: 0.5, value: 5 },
  ]
  const summary = {
    name: 's',
    summary: { dataPoints: [{ timeUnixNano: at(1), startTimeUnixNano: at(0), count: 2, sum: 14, quantileValues }] },
  }
  t.same(lines([summary]), ['s{quantile="0.5"} 5 @1', 's{quantile="0.99"} 9 @1', 's_sum 14 @1', 's_count 2 @1'])
})

t.test('delta temporality is refused by name, and so is none at all', async (t) => {
  const of = (kind: string, aggregationTemporality: number): object => ({
    name: `${kind} ${aggregationTemporality}`,
    [kind]: { aggregationTemporality, dataPoints: [{ timeUnixNano: at(1), count: 1, asInt: 1, sum: 1 }] },
  })
  for (const kind of ['sum', 'histogram', 'exponentialHistogram']) {
    const taken = points([of(kind, 1), gauge('g')])
    t.match(taken, { length: 1, count: 1, reason: new RegExp(`"${kind} 1": it has delta temporality`) })
    t.match(points([of(kind, 0)]), { count: 1, reason: /does not say/ })
  }
})

t.test('a point without a recorded value ends every series of its stream', async (t) => {
  const translator = new Translator(OPTIONS, new TestClock())
  const seen: string[] = []
  const feed = (metric: object): void => void translateAll(translator, otlpRequest([metric]), (point) => seen.push(...shown(point)))
  const histogram = (point: object): object => ({
    name: 'h',
    histogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), ...point }] },
  })
  feed(histogram({ count: 3, bucketCounts: [1, 2], explicitBounds: [5] }))
  seen.length = 0
  feed(histogram({ timeUnixNano: at(2), flags: 1 }))
  t.same(seen, ['h_bucket{le="5"} stale @2', 'h_bucket{le="+Inf"} stale @2', 'h_count stale @2'])
  t.same(lines([gauge('g', '', { flags: 1, asDouble: null })]), ['g stale @1'])
  const exponential = {
    name: 'e',
    exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), flags: 1, count: 4 }] },
  }
  t.match(points([exponential])[0], { isStale: true, native: { count: 0, positive: { spans: [] } } })
})

t.test('exemplars of counters and histograms keep their ids, values and times, and a histogram one a bucket', async (t) => {
  const exemplar = (ms: number, asDouble: number, more: object = {}): object => ({
    timeUnixNano: at(ms),
    asDouble,
    traceId: Buffer.alloc(16, 1),
    spanId: Buffer.alloc(8, 2),
    ...more,
  })
  const trace = ['span_id', '02'.repeat(8), 'trace_id', '01'.repeat(16)]
  const attributed = { filteredAttributes: attributes({ 'user.id': 'u', trace_id: 'not this' }) }
  t.match(points([sum('a', '', {}, { exemplars: [exemplar(3, 2.5, attributed)] })])[0]!.exemplars, [
    { labels: [...trace, 'user_id', 'u'], value: 2.5, timestampMs: NEW_YEAR_MS + 3 },
  ])
  const long = { filteredAttributes: attributes({ long: 'x'.repeat(80) }) }
  t.match(points([sum('a', '', {}, { exemplars: [exemplar(3, 1, long)] })])[0]!.exemplars, [{ labels: trace }])
  t.match(points([gauge('g', '', { exemplars: [exemplar(1, 1)] })])[0]!.exemplars, { length: 0 })
  const exemplars = [exemplar(5, 0.5), exemplar(4, 0.7), exemplar(1, 3)]
  const point = { timeUnixNano: at(9), count: 3, bucketCounts: [2, 1], explicitBounds: [1], exemplars }
  const byBucket = exemplarsByBucket(points([{ name: 'h', histogram: { aggregationTemporality: 2, dataPoints: [point] } }])[0]!)
  t.same(
    [...byBucket].map(([bucket, { value }]) => [bucket, value]),
    [
      [0, 0.5],
      [1, 3],
    ],
  )
})

t.test('a stream is one whatever the order of its attributes, and is found again', async (t) => {
  const translator = new Translator(OPTIONS, new TestClock())
  const streams = new Set<object>()
  for (const order of [
    { a: '1', b: '2' },
    { b: '2', a: '1' },
    { a: '1', b: '2' },
  ])
    translateAll(translator, otlpRequest([gauge('g', '', { attributes: attributes(order) })]), ({ stream }) => streams.add(stream))
  t.equal(streams.size, 1)
  t.equal(translator.streams.size, 1)
})

t.test('what is remembered is bounded: all is found anew, or more is refused', async (t) => {
  const many = (from: number): Buffer =>
    otlpRequest(Array.from({ length: 10 }, (_, i) => gauge('g', '', { attributes: attributes({ i: from + i }) })))
  const cache = new Translator({ ...OPTIONS, maxStreams: 10 }, new TestClock())
  for (let from = 0; from < 100; from += 10)
    t.match(
      translateAll(cache, many(from), () => {}),
      { count: 0 },
    )
  t.ok(cache.streams.size <= 20)
  const kept = new Translator({ ...OPTIONS, maxStreams: 15 }, new TestClock(), true)
  t.match(
    translateAll(kept, many(0), () => {}),
    { count: 0 },
  )
  t.match(
    translateAll(kept, many(10), () => {}),
    { count: 5, reason: /15 streams already/ },
  )
  t.match(
    translateAll(kept, many(0), () => {}),
    { count: 0 },
    'those that are known go on',
  )
})

t.test('streams of which nothing comes are forgotten, and their texts', async (t) => {
  const clock = new TestClock()
  const translator = new Translator(OPTIONS, clock)
  const feed = (a: string): void =>
    void translateAll(translator, otlpRequest([gauge('g', '', { attributes: attributes({ a }) })]), () => {})
  feed('old')
  await clock.advance(400_000)
  feed('new')
  await clock.advance(400_000)
  feed('new')
  t.equal(translator.streams.size, 1)
  t.equal(translator.streams.symbols.find('old'), undefined)
  t.ok(translator.streams.symbols.find('new'))
})

t.test('neither resources nor metrics of which everything is refused are remembered without end', async (t) => {
  const delta = (name: string): object => sum(name, '', { aggregationTemporality: 1 })
  for (const refusesMore of [false, true]) {
    const clock = new TestClock()
    const translator = new Translator({ ...OPTIONS, maxStreams: 10 }, clock, refusesMore)
    const feed = (metric: object, tenant: string): Refusals =>
      translateAll(translator, otlpRequest([metric], { resource: { 'service.name': tenant, zone: 'z' } }), () => {})
    feed(gauge('g'), 'first')
    for (let i = 0; i < 200; i++) feed(delta(`d${i}`), `tenant ${i}`)
    for (let i = 0; i < 200; i++) feed(delta(`d${i}`), 'first')
    for (let i = 0; i < 200; i++) feed(gauge('g'), `tenant ${i}`)
    t.ok(translator.streams.owners <= 21, `${translator.streams.owners} resources and metrics`)
    t.ok(translator.streams.size <= 12, `${translator.streams.size} streams`)
    t.match(feed(gauge('g'), 'first'), { count: 0 }, 'who was there goes on')
  }
})

t.test(
  'an exponential histogram whose counts do not come to its count is refused: Prometheus would refuse all that travels with it',
  async (t) => {
    const of = (point: object): object => ({
      name: 'e',
      exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), sum: 3, zeroCount: 1, ...point }] },
    })
    const buckets = { positive: { bucketCounts: [1, 2] }, negative: { bucketCounts: [3] } }
    t.equal(points([of({ ...buckets, count: 7 })]).length, 1)
    for (const count of [6, 8]) {
      const refused = points([of({ ...buckets, count }), gauge('g')])
      t.equal(refused.length, 1)
      t.match(refused, { count: 1, reason: `metric "e": an exponential histogram has count ${count}, and 7 in its buckets` })
    }
    t.equal(points([of({ ...buckets, count: 8, sum: NaN })]).length, 1, 'what is NaN is counted, and in no bucket')
    t.match(points([of({ ...buckets, count: 6, sum: NaN })]), { count: 1 })
    t.equal(
      points([of({ count: '9007199254740995', positive: { bucketCounts: ['9007199254740993'] } })]).length,
      1,
      'not where a float cannot tell',
    )
  },
)

t.test('target_info of a resource that goes on is not forgotten before it, and is forgotten with it', async (t) => {
  const clock = new TestClock()
  const translator = new Translator(OPTIONS, clock, true)
  const feed = (metric: object): void =>
    void translateAll(translator, otlpRequest([metric], { resource: { 'service.name': 'a', zone: 'z' } }), (point) =>
      shownNow.add(point.stream),
    )
  const shownNow = new Set<Point['stream']>()
  const sweep = (): void => translator.streams.sweep(clock.monotonicMs() - 1000, (stream) => shownNow.delete(stream))
  for (let i = 0; i < 5; i++) {
    feed(sum('refused', '', { aggregationTemporality: 1 }))
    await clock.advance(900)
    sweep()
  }
  feed(gauge('g'))
  t.equal(shownNow.size, 2)
  await clock.advance(5000)
  sweep()
  t.same([shownNow.size, translator.streams.size], [0, 0])
})
