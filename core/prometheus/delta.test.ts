// Adding up: what a stream comes to over several requests, of every kind, and what a request that comes again changes.

import t from 'tap'
import { ANONYMOUS, type Batch } from '../batch.ts'
import { TestClock } from '../testing/index.ts'
import { type Converted, DeltaToCumulative } from './delta.ts'
import { at, attributes, type Envelope, NEW_YEAR_MS, otlpRequest, shown } from './fixtures/otlp.ts'
import type { Point } from './point.ts'
import { asPoints, Translator } from './translate.ts'

const OPTIONS = { maxStreams: 100, maxStaleMs: 1000 }

function adding(options = OPTIONS, clock = new TestClock()): { readonly sums: DeltaToCumulative; readonly clock: TestClock } {
  return { sums: new DeltaToCumulative(options, clock), clock }
}

function batchOf(metrics: readonly object[], envelope: Envelope = {}, count = 1): Batch {
  return { signal: 'metrics', count, origin: ANONYMOUS, chunks: [otlpRequest(metrics, envelope)] }
}

function pointsOf({ batch }: Converted): Point[] {
  const options = {
    strategy: 'NoTranslation',
    namespace: '',
    constantLabels: {},
    resourceLabels: 'none',
    scopeLabels: false,
    targetInfo: false,
    maxStreams: 100,
  } as const
  const points: Point[] = []
  const translator = new Translator(options, new TestClock())
  const taker = asPoints((point) => points.push(point))
  for (const chunk of batch.chunks) translator.translate(chunk, taker)
  return points
}
const linesOf = (converted: Converted): string[] => pointsOf(converted).flatMap(shown)

/** An increment from one time to the next. */
const sum = (ms: number, value: object, more: object = {}): object => ({
  name: 's',
  sum: {
    aggregationTemporality: 1,
    isMonotonic: true,
    dataPoints: [{ startTimeUnixNano: at(ms - 10), timeUnixNano: at(ms), ...value, ...more }],
  },
})

t.test('increments become totals since the first of them began', async (t) => {
  const { sums } = adding()
  const totals = [3, 4, 5].map((asInt, i) => sums.convert(batchOf([sum(10 * (i + 1), { asInt })])))
  t.same(totals.flatMap(linesOf), ['s 3 @10', 's 7 @20', 's 12 @30'])
  t.same(
    totals.flatMap(pointsOf).map(({ startMs }) => startMs - NEW_YEAR_MS),
    [0, 0, 0],
  )
  t.match(totals[0], { refused: 0, batch: { count: 1 } })
})

t.test('integers are added exactly, and a stream that turns to doubles goes on as one', async (t) => {
  const { sums } = adding()
  sums.convert(batchOf([sum(10, { asInt: '9007199254740993' })]))
  t.same(linesOf(sums.convert(batchOf([sum(20, { asInt: '-9007199254740992' })]))), ['s 1 @20'])
  t.same(linesOf(sums.convert(batchOf([sum(30, { asDouble: 0.5 })]))), ['s 1.5 @30'])
  t.same(linesOf(sums.convert(batchOf([sum(40, { asInt: 1 })]))), ['s 2.5 @40'])
})

t.test('the batch that came in is not changed, and one without increments is handed on itself', async (t) => {
  const { sums } = adding()
  const batch = batchOf([sum(10, { asInt: 3 })])
  const before = Buffer.from(batch.chunks[0]!)
  sums.convert(batch)
  t.ok(before.equals(batch.chunks[0]!))
  const cumulative = batchOf([{ name: 'c', sum: { aggregationTemporality: 2, dataPoints: [{ timeUnixNano: at(1), asInt: 1 }] } }])
  t.equal(sums.convert(cumulative).batch, cumulative)
  const own = sums.convert(batchOf([sum(20, { asInt: 3 })])).batch
  t.equal(sums.convert(own).batch, own, 'and what was made here')
})

t.test('a point that comes again has the same total, and one from before the last is refused', async (t) => {
  const { sums } = adding()
  sums.convert(batchOf([sum(10, { asInt: 3 })]))
  const second = batchOf([sum(20, { asInt: 4 })])
  for (let time = 0; time < 3; time++) t.same(linesOf(sums.convert(second)), ['s 7 @20'])
  const both = sums.convert(batchOf([sum(10, { asInt: 3 }), { ...sum(20, { asInt: 1 }), name: 'other' }], {}, 2))
  t.match(both, { refused: 1, reason: /older/, batch: { count: 1 } })
  t.same(linesOf(both), ['other 1 @20'])
  t.match(sums.convert(batchOf([sum(10, { asInt: 3 })])), { refused: 1, batch: { count: 0, chunks: [] } })
  t.same(linesOf(sums.convert(batchOf([sum(30, { asInt: 1 })]))), ['s 8 @30'])
})

t.test('streams are told apart by resource, scope, metric and attributes, in whatever order these come', async (t) => {
  const { sums } = adding()
  const of = (resource: string, scope: string, name: string, key: string): Batch =>
    batchOf([{ ...sum(10, { asInt: 1, attributes: attributes({ key }) }), name }], { resource: { resource }, scope: { name: scope } })
  for (const [resource, scope, name, key] of [
    ['a', 'a', 'a', 'a'],
    ['b', 'a', 'a', 'a'],
    ['a', 'b', 'a', 'a'],
    ['a', 'a', 'b', 'a'],
    ['a', 'a', 'a', 'b'],
  ] as const)
    t.match(linesOf(sums.convert(of(resource, scope, name, key)))[0], / 1 @10$/)
  t.equal(sums.streams, 5)
  const ordered = (ms: number, order: Record<string, string>): string[] =>
    linesOf(sums.convert(batchOf([sum(ms, { asInt: 1, attributes: attributes(order) })])))
  ordered(10, { x: '1', y: '2' })
  t.same(ordered(20, { y: '2', x: '1' }), ['s{x="1",y="2"} 2 @20'])
})

t.test('histograms are added bucket by bucket, and begin anew with other bounds', async (t) => {
  const { sums } = adding()
  const histogram = (ms: number, point: object): object => ({
    name: 'h',
    histogram: { aggregationTemporality: 1, dataPoints: [{ startTimeUnixNano: at(ms - 10), timeUnixNano: at(ms), ...point }] },
  })
  const explicitBounds = [1]
  sums.convert(batchOf([histogram(10, { count: 3, sum: 2.5, bucketCounts: [1, 2], explicitBounds })]))
  const second = sums.convert(batchOf([histogram(20, { count: 4, sum: 1, bucketCounts: [3, 1], explicitBounds })]))
  t.same(linesOf(second), ['h_bucket{le="1"} 4 @20', 'h_bucket{le="+Inf"} 7 @20', 'h_sum 3.5 @20', 'h_count 7 @20'])
  t.equal(pointsOf(second)[0]!.startMs, NEW_YEAR_MS)
  const other = sums.convert(batchOf([histogram(30, { count: 1, sum: 1, bucketCounts: [0, 1], explicitBounds: [2] })]))
  t.same(linesOf(other), ['h_bucket{le="2"} 0 @30', 'h_bucket{le="+Inf"} 1 @30', 'h_sum 1 @30', 'h_count 1 @30'])
  t.equal(pointsOf(other)[0]!.startMs, NEW_YEAR_MS + 20)
})

t.test('exponential histograms are added at the coarser of their scales', async (t) => {
  const { sums } = adding()
  const exponential = (ms: number, point: object): object => ({
    name: 'e',
    exponentialHistogram: {
      aggregationTemporality: 1,
      dataPoints: [{ startTimeUnixNano: at(ms - 10), timeUnixNano: at(ms), attributes: attributes({ a: 'b' }), ...point }],
    },
  })
  const first = {
    count: 8,
    sum: 1,
    scale: 3,
    zeroCount: 1,
    positive: { offset: -1, bucketCounts: [1, 2, 3] },
    negative: { offset: 5, bucketCounts: [1] },
  }
  sums.convert(batchOf([exponential(10, first)]))
  const second = sums.convert(
    batchOf([
      exponential(20, { count: 6, sum: 2, scale: 2, zeroCount: 2, zeroThreshold: 0.5, positive: { offset: 3, bucketCounts: [4] } }),
    ]),
  )
  const [point] = pointsOf(second)
  t.match(point, {
    startMs: NEW_YEAR_MS,
    timestampMs: NEW_YEAR_MS + 20,
    native: {
      count: 14,
      sum: 3,
      schema: 2,
      zeroCount: 3,
      zeroThreshold: 0.5,
      // Buckets -1, 0 and 1 of scale 3 are -1, 0 and 0 of scale 2.
      positive: { spans: [0, 5], deltas: [1, 4, -5, 0, 4] },
      negative: { spans: [3, 1], deltas: [1] },
    },
  })
  t.equal(point!.stream.labels[1]!.text, 'b')
  t.same(pointsOf(sums.convert(batchOf([exponential(20, { count: 0, sum: 2, scale: 2 })])))[0]!.native, point!.native, 'again')
  t.match(sums.convert(batchOf([exponential(30, { ...first, count: 9 })])), { refused: 1, reason: /count 9, and 8 in its buckets/ })
  t.equal(pointsOf(sums.convert(batchOf([exponential(30, first)])))[0]!.native!.count, 22)
})

t.test('memory is bounded: streams beyond the limit are refused, and those of which nothing comes are forgotten', async (t) => {
  const { sums, clock } = adding({ maxStreams: 2, maxStaleMs: 1000 })
  const one = (ms: number, a: string): Converted => sums.convert(batchOf([sum(ms, { asInt: 1, attributes: attributes({ a }) })]))
  one(10, 'x')
  one(10, 'y')
  t.match(one(10, 'z'), { refused: 1, reason: /2 streams.*limit/ })
  await clock.advance(700)
  one(20, 'x')
  await clock.advance(700)
  t.same(linesOf(one(30, 'z')), ['s{a="z"} 1 @30'])
  t.same(linesOf(one(30, 'x')), ['s{a="x"} 3 @30'])
  t.equal(sums.streams, 2)
})

t.test('an increment that is no number is refused, and what was added up before goes on', async (t) => {
  const { sums } = adding()
  sums.convert(batchOf([sum(10, { asDouble: 1 })]))
  for (const [i, asDouble] of [NaN, Infinity, -Infinity].entries())
    t.match(sums.convert(batchOf([sum(20 + i, { asDouble })])), { refused: 1, reason: /finite/ })
  t.same(linesOf(sums.convert(batchOf([sum(30, { asDouble: 2 })]))), ['s 3 @30'])
  const histogram = (ms: number, point: object): object => ({
    name: 'h',
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [{ startTimeUnixNano: at(ms - 10), timeUnixNano: at(ms), count: 1, sum: 1, ...point }],
    },
  })
  const fine = { explicitBounds: [1], bucketCounts: [1, 0] }
  sums.convert(batchOf([histogram(10, fine)]))
  for (const [i, bad] of [{ sum: NaN }, { bucketCounts: [1] }, { explicitBounds: [2, 1], bucketCounts: [1, 0, 0] }].entries())
    t.match(sums.convert(batchOf([histogram(20 + i, { ...fine, ...bad })])), { refused: 1 })
  t.same(linesOf(sums.convert(batchOf([histogram(30, fine)]))), [
    'h_bucket{le="1"} 2 @30',
    'h_bucket{le="+Inf"} 2 @30',
    'h_sum 2 @30',
    'h_count 2 @30',
  ])
})

t.test('what is refused for want of room takes none', async (t) => {
  const { sums } = adding({ maxStreams: 1, maxStaleMs: 1_000_000 })
  const one = (tenant: string, name: string): Converted =>
    sums.convert(batchOf([{ ...sum(10, { asInt: 1 }), name }], { resource: { tenant, long: 'x'.repeat(1000) } }))
  one('first', 's')
  const before = sums.owners
  for (let i = 0; i < 50; i++) t.match(one(`tenant ${i}`, 's'), { refused: 1 })
  for (let i = 0; i < 50; i++) t.match(one('first', `s${i}`), { refused: 1 })
  t.equal(sums.owners, before)
})
