// What components measure, and how it reads: as metrics, as Prometheus text.

import t from 'tap'
import { MemoryMeter, type Metric } from './meter.ts'
import { toPrometheus } from './prometheus.ts'

const named = (meter: MemoryMeter, name: string): Metric | undefined => meter.read().find((metric) => metric.name === name)

t.test('counters add up by attributes, in whatever order these are', async (t) => {
  const meter = new MemoryMeter()
  const add = meter.counter('spans', '{span}', 'Spans.')
  add(1)
  add(2, { a: '1', b: '2' })
  add(3, { b: '2', a: '1' })
  meter.counter('spans', '{span}', 'Spans.')(4)
  t.equal(meter.value('spans'), 5)
  t.equal(meter.value('spans', { b: '2', a: '1' }), 5)
  t.equal(meter.value('spans', { a: '1' }), 0)
  t.equal(meter.value('bytes'), 0)
  t.same(meter.read(), [
    {
      name: 'spans',
      unit: '{span}',
      help: 'Spans.',
      type: 'counter',
      points: [
        { attributes: {}, value: 5 },
        { attributes: { a: '1', b: '2' }, value: 5 },
      ],
    },
  ])
})

t.test('attributes that somebody changes between two calls count as what they are at each', async (t) => {
  const meter = new MemoryMeter()
  const add = meter.scoped({ exporter: 'x' }).counter('n', '1', '')
  const attributes = { a: '1' }
  add(1, attributes)
  attributes.a = '2'
  add(1, attributes)
  t.same([meter.value('n', { a: '1', exporter: 'x' }), meter.value('n', { a: '2', exporter: 'x' })], [1, 1])
  const frozen = Object.freeze({ a: '3' })
  add(1, frozen)
  add(1, frozen)
  t.equal(meter.value('n', { a: '3', exporter: 'x' }), 2)
})

t.test('names from outside do not fill the memory, and totals stay exact', async (t) => {
  const meter = new MemoryMeter()
  const add = meter.counter('n', '1', '')
  for (let i = 0; i < 5000; i++) add(1, { name: `${i}` })
  const { points } = named(meter, 'n') as Extract<Metric, { type: 'counter' | 'gauge' }>
  t.equal(points.length, 2001)
  t.equal(meter.value('n', { 'otel.metric.overflow': 'true' }), 3000)
  t.equal(
    points.reduce((sum, { value }) => sum + value, 0),
    5000,
  )
})

t.test('a component shares its metrics with others of its type, and its id tells them apart', async (t) => {
  const meter = new MemoryMeter()
  for (const exporter of ['a', 'b']) {
    const own = meter.scoped({ exporter })
    own.counter('sent', '1', '')(exporter === 'a' ? 1 : 2)
    own.counter('sent', '1', '')(1, { code: '200', exporter: 'forged' })
    own.gauge('size', '1', '', () => (exporter === 'a' ? 3 : 4))
    own.gauge('sizes', '1', '', () => [[5, { of: 'x' }]])
    own.histogram('wait', 's', '', [1, 10])(exporter === 'a' ? 0.5 : 100)
  }
  t.same([meter.value('sent', { exporter: 'a' }), meter.value('sent', { exporter: 'b' })], [1, 2])
  t.equal(meter.value('sent', { exporter: 'b', code: '200' }), 1, 'the id is not for a component to choose')
  t.same([meter.value('size', { exporter: 'a' }), meter.value('size', { exporter: 'b' })], [3, 4])
  t.equal(meter.value('sizes', { exporter: 'b', of: 'x' }), 5)
  t.match(named(meter, 'wait'), {
    type: 'histogram',
    points: [
      { attributes: { exporter: 'a' }, counts: [1, 0, 0], sum: 0.5 },
      { attributes: { exporter: 'b' }, counts: [0, 0, 1], sum: 100 },
    ],
  })
  t.throws(() => meter.gauge('sent', '1', '', () => 0), /another kind/)
})

t.test('a value on a bound lies in the bucket that ends there', async (t) => {
  const meter = new MemoryMeter()
  const record = meter.histogram('n', '1', '', [1, 2])
  for (const value of [1, 1.5, 2, 2.5]) record(value)
  t.match(named(meter, 'n'), { points: [{ counts: [1, 2, 1], sum: 7 }] })
})

t.test('Prometheus reads names, labels and numbers of every kind', async (t) => {
  const meter = new MemoryMeter()
  meter.counter('otelcol_sent', '{span}', 'Two\nlines, a \\.')(3, { exporter: 'otlp_http/"b"\n', 'otel.signal': 'traces' })
  meter.gauge('0.odd-name', '1', 'Odd.', () => [
    [NaN, { a: '1' }],
    [Infinity, { a: '2' }],
    [-0.5, { a: '\ud800' }],
  ])
  meter.gauge('nothing', '1', 'Never shown.', () => [])
  const record = meter.histogram('wait', 's', 'Waiting.', [0.1, 1])
  for (const value of [0.05, 0.5, 5]) record(value, { le: 'mine' })
  t.equal(
    toPrometheus(meter.read(), { 'service.name': 'millrace' }),
    `# HELP _0_odd_name Odd.
# TYPE _0_odd_name gauge
_0_odd_name{a="1"} NaN
_0_odd_name{a="2"} +Inf
_0_odd_name{a="\ufffd"} -0.5
# HELP otelcol_sent Two\\nlines, a \\\\.
# TYPE otelcol_sent counter
otelcol_sent{exporter="otlp_http/\\"b\\"\\n",otel_signal="traces"} 3
# HELP wait Waiting.
# TYPE wait histogram
wait_bucket{le="0.1"} 1
wait_bucket{le="1"} 2
wait_bucket{le="+Inf"} 3
wait_sum{le="mine"} 5.55
wait_count{le="mine"} 3
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="millrace"} 1
`,
  )
})
