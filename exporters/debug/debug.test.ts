import { Writable } from 'node:stream'
import t from 'tap'
import type { Batch } from '../../core/index.ts'
import {
  type PlainSpan,
  TestClock,
  TestSettings,
  exporterSuite,
  logsBatch,
  metricsBatch,
  numberedDataPoints,
  numberedLogRecords,
  numberedSpans,
  tracesBatch,
} from '../../core/testing/index.ts'
import { DebugExporter } from './debug.ts'
import { factory } from './factory.ts'

class Paper extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

async function shown(batch: Batch, verbosity: 'basic' | 'normal' | 'detailed', maxItems = 500): Promise<string> {
  const out = new Paper()
  await new DebugExporter({ verbosity, maxItems, out }).consume(batch)
  return out.text
}

const traceId = '5b8efff798038103d269b633813fc60c'
const start = 1_767_225_600_000_000_000n
const span = (id: number, parent: number, more: PlainSpan = {}): PlainSpan => ({
  traceId,
  spanId: id.toString(16).padStart(16, '0'),
  parentSpanId: parent === 0 ? '' : parent.toString(16).padStart(16, '0'),
  name: `span ${id}`,
  startTimeUnixNano: start + BigInt(id) * 1_000_000n,
  endTimeUnixNano: start + BigInt(id) * 2_500_000n,
  ...more,
})

t.test('the suite of every exporter', async (t) => {
  exporterSuite(t.test.bind(t), { create: async () => new DebugExporter({ verbosity: 'detailed', maxItems: 500, out: new Paper() }) })
  t.ok(await factory.create({ verbosity: 'basic', max_items: 500, sampling_initial: 2, sampling_thereafter: 1 }, new TestSettings('debug')))
})

t.test('sampling: the first of each second, then every so manieth, of each signal', async (t) => {
  const batches = async (initial: number, thereafter: number): Promise<number[]> => {
    const [clock, out] = [new TestClock(), new Paper()]
    const exporter = new DebugExporter({ verbosity: 'basic', maxItems: 500, sampling: { initial, thereafter, clock }, out })
    const shown: number[] = []
    for (let second = 0; second < 2; second++) {
      for (let number = 0; number < 8; number++) await exporter.consume(tracesBatch([{ spans: [span(1, 0)] }]))
      await exporter.consume(numberedLogRecords(1))
      shown.push(out.text.split('\n').length - 1)
      out.text = ''
      await clock.advance(1000)
    }
    return shown
  }
  t.same(await batches(2, 1), [9, 9])
  t.same(await batches(2, 3), [5, 5])
  t.same(await batches(5, 200), [6, 6])
  t.same(await batches(1, 0), [2, 2])
})

t.test('basic: a line a batch', async (t) => {
  const batch = tracesBatch([
    { resource: { 'service.name': 'shop' }, spans: [span(1, 0), span(2, 1, { statusCode: 2 })] },
    { resource: { 'service.name': 'db' }, spans: [span(3, 2), { traceId: 'a'.repeat(32) }] },
  ])
  t.match(await shown(batch, 'basic'), /^traces: 4 spans of 2 traces, 2 services, 1 error, \d+ bytes\n$/)
})

t.test('normal: a trace is drawn as a tree, children in order of their start', async (t) => {
  const batch = tracesBatch([
    { resource: { 'service.name': 'db' }, spans: [span(4, 3), span(3, 1)] },
    { resource: { 'service.name': 'shop' }, spans: [span(2, 1, { statusCode: 2, kind: 3 }), span(1, 0, { kind: 2 })] },
  ])
  t.equal(
    await shown(batch, 'normal'),
    `trace ${traceId}  4 spans  db, shop
└─ span 1  shop  server  1.5 ms
   ├─ span 2  shop  client  +1.0 ms  3.0 ms  ERROR
   └─ span 3  db  server  +2.0 ms  4.5 ms
      └─ span 4  db  server  +3.0 ms  6.0 ms

`,
  )
})

t.test('detailed: with attributes, scope and resource', async (t) => {
  const batch = tracesBatch([
    {
      resource: { 'service.name': 'shop' },
      scopeName: 'http',
      spans: [span(1, 0, { attributes: { 'http.route': '/orders', n: 7, list: [true, 0.5], map: { a: null } } }), span(2, 1)],
    },
  ])
  const text = await shown(batch, 'detailed')
  for (const line of [
    '   │    span 0000000000000001, 2026-01-01T00:00:00.001Z, scope http\n',
    '   │    http.route: "/orders"\n',
    '   │    n: 7\n',
    '   │    list: [true, 0.5]\n',
    '   │    map: {a: empty}\n',
    '   │    resource service.name: "shop"\n',
    '   └─ span 2  shop  server  +1.0 ms  3.0 ms\n',
    'span 0000000000000002 of 0000000000000001',
  ])
    t.ok(text.includes(line), line)
})

t.test('spans that are their own ancestors are drawn once, and so is a trace deeper than any stack', async (t) => {
  const circle = await shown(tracesBatch([{ spans: [span(1, 2), span(2, 1), span(3, 3)] }]), 'normal')
  t.same([...circle.matchAll(/span \d/g)].map(String).sort(), ['span 1', 'span 2', 'span 3'])
  const deep = await shown(tracesBatch([{ spans: Array.from({ length: 20_000 }, (_, i) => span(i + 1, i)) }]), 'normal', 20_000)
  t.equal(deep.split('\n').length, 20_003)
})

t.test('a batch may be of any size', async (t) => {
  const many = 200_000
  t.match(await shown(numberedSpans(many), 'basic'), /^traces: 200000 spans/)
  t.match(await shown(numberedSpans(many), 'normal', 2), /and 199998 more spans/)
  t.equal((await shown(numberedLogRecords(many), 'normal', many)).trimEnd().split('\n').length, many)
})

t.test('what is not shown is said', async (t) => {
  t.match(await shown(numberedSpans(12), 'normal', 10), /… and 2 more spans of this batch, not shown\n/)
})

t.test('a name cannot forge a line or drive the terminal', async (t) => {
  const text = await shown(
    tracesBatch([
      {
        resource: { 'service.name': '\u001b[2J' },
        spans: [span(1, 0, { name: 'a\ntrace 666', attributes: { '\u001b]0;x\u0007': '\r\n' } })],
      },
    ]),
    'detailed',
  )
  for (const control of ['\u001b', '\u0007', '\r']) t.notOk(text.includes(control))
  t.notMatch(text, /^trace 666/m)
})

t.test('times far off are shown, not thrown at', async (t) => {
  const text = await shown(tracesBatch([{ spans: [span(1, 0, { startTimeUnixNano: 2n ** 64n - 1n, endTimeUnixNano: 0n })] }]), 'detailed')
  t.match(text, /2554-07-21T/)
  t.match(text, /-18446744074 s/)
})

t.test('a terminal that does not keep up slows the sender down; one that is gone does not', async (t) => {
  let release = (): void => {}
  const out = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void (release = done) })
  const exporter = new DebugExporter({ verbosity: 'normal', maxItems: 500, out })
  let answered = false
  const sent = exporter.consume(numberedSpans(3)).then(() => (answered = true))
  await new Promise(setImmediate)
  t.equal(answered, false)
  release()
  await sent
  out.destroy()
  await exporter.consume(numberedSpans(3))
})

t.test('log records are lines, with what belongs to them below', async (t) => {
  const batch = logsBatch([
    {
      resource: { 'service.name': 'shop', zone: 'a' },
      scopeName: 'log4j',
      logRecords: [
        {
          timeUnixNano: start,
          severityNumber: 17,
          body: 'payment refused',
          traceId,
          spanId: '00'.repeat(7) + '01',
          attributes: { code: 7 },
        },
        { timeUnixNano: start, severityNumber: 10, body: { map: [1, null] }, eventName: 'cart.full' },
        { timeUnixNano: start, severityText: 'Warning', body: 'a\nb\u001b[2J' },
      ],
    },
  ])
  t.match(await shown(batch, 'basic'), /^logs: 3 log records, \d+ bytes\n$/)
  t.equal(
    await shown(batch, 'normal'),
    `2026-01-01T00:00:00.000Z  ERROR  shop  payment refused
2026-01-01T00:00:00.000Z  INFO2  shop  cart.full {map: [1, empty]}
2026-01-01T00:00:00.000Z  Warning  shop  a\\nb\\u001b[2J

`,
  )
  const detailed = await shown(batch, 'detailed')
  for (const line of [
    `    trace ${traceId}, span 0000000000000001\n`,
    '    code: 7\n',
    '    scope log4j\n',
    '    resource service.name: "shop", zone: "a"\n',
  ])
    t.ok(detailed.includes(line), line)
  t.match(await shown(numberedLogRecords(5), 'normal', 2), /record 1\n… and 3 more log records of this batch, not shown\n/)
})

t.test('data points are lines, each with its metric', async (t) => {
  const batch = metricsBatch([
    {
      resource: { 'service.name': 'shop' },
      metrics: [
        {
          name: 'requests',
          unit: '{request}',
          type: 'sum',
          aggregationTemporality: 2,
          dataPoints: [{ value: 5n, attributes: { route: '/a' } }],
        },
        {
          name: 'load',
          type: 'gauge',
          description: 'How busy.',
          dataPoints: [{ value: 0.5, timeUnixNano: start, startTimeUnixNano: start - 60_000_000_000n }],
        },
        { name: 'duration', unit: 'ms', type: 'histogram', aggregationTemporality: 1, dataPoints: [{ count: 3, sum: 12.5 }, { count: 1 }] },
      ],
    },
  ])
  t.match(await shown(batch, 'basic'), /^metrics: 4 data points, \d+ bytes\n$/)
  t.equal(
    await shown(batch, 'normal'),
    `requests{route="/a"}  sum, cumulative  5 {request}  shop
load  gauge  0.5  shop
duration  histogram, delta  3 values, sum 12.5 ms  shop
duration  histogram, delta  1 values  shop

`,
  )
  const detailed = await shown(batch, 'detailed')
  for (const line of ['    at 2026-01-01T00:00:00.000Z, over 60 s\n', '    How busy.\n', '    resource service.name: "shop"\n'])
    t.ok(detailed.includes(line), line)
  t.match(await shown(numberedDataPoints(5), 'normal', 2), /… and 3 more data points of this batch, not shown\n/)
})
