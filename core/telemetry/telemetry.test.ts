import * as fc from 'fast-check'
import t from 'tap'
import type { Logger } from '../component.ts'
import { createLog, type LogLevel } from './log.ts'
import { MemoryMeter } from './meter.ts'

function recorded(level: LogLevel, id: string = 'otlp'): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const clock = { now: () => new Date(0) }
  return { log: createLog({ level, clock, write: (line) => lines.push(line) })(id), lines }
}

t.test('a line says when, how important, who, what, and with which values', async (t) => {
  const { log, lines } = recorded('debug', 'otlp_http/b')
  log.info({ endpoint: 'http://localhost:4318', attempt: 2, missing: undefined, none: null }, 'retrying')
  log.warn({ message: 'two words', empty: '', big: 10n, list: [1, 'a'], when: new Date(0), error: new Error('broke "it"') }, 'odd')
  t.same(lines, [
    '1970-01-01T00:00:00.000Z info  otlp_http/b retrying endpoint=http://localhost:4318 attempt=2 none=null\n',
    '1970-01-01T00:00:00.000Z warn  otlp_http/b odd message="two words" empty="" big=10 list=[1,"a"] when=1970-01-01T00:00:00.000Z error="broke \\"it\\""\n',
  ])
})

t.test('less important lines are not written', async (t) => {
  for (const [level, written] of [
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
  ] as const) {
    const { log, lines } = recorded(level)
    for (const own of ['debug', 'info', 'warn', 'error'] as const) log[own]({}, own)
    t.equal(lines.length, written, level)
  }
})

t.test('what cannot be shown is not thrown on', async (t) => {
  const { log, lines } = recorded('info')
  const loop: { self?: unknown } = {}
  loop.self = loop
  log.info({ loop, date: new Date(NaN), symbol: Symbol('s'), bytes: { n: 1n } }, 'odd')
  t.match(lines[0], /loop="not shown: TypeError: Converting circular.*" date=invalid symbol=Symbol\(s\) bytes=\{"n":"1"\}\n$/)
})

t.test('no name, message or value can end a line, forge one, or drive a terminal', async (t) => {
  const hostile = fc.string({
    unit: fc.constantFrom('\n', '\r', '\u001B[2J', '\u0085', '\u2028', '\u202E', '\uD800', '"', '\\', ' ', '=', 'a'),
  })
  fc.assert(
    fc.property(hostile, hostile, hostile, hostile, (id, message, key, value) => {
      const { log, lines } = recorded('info', id)
      log.info({ [key]: value, nested: { [key]: [value] }, error: new Error(value) }, message)
      return lines.length === 1 && /^1970-01-01T00:00:00.000Z info  [^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202E]*\n$/u.test(lines[0]!)
    }),
  )
  const { log, lines } = recorded('info')
  log.info({ name: 'a level=error "b', long: 'x'.repeat(5000) }, 'm')
  t.match(lines[0], /otlp m name="a level=error \\"b" long="x{500}…"\n$/)
})

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
  t.same(meter.readings(), [
    { name: 'spans', unit: '{span}', help: 'Spans.', attributes: {}, value: 5 },
    { name: 'spans', unit: '{span}', help: 'Spans.', attributes: { a: '1', b: '2' }, value: 5 },
  ])
})

t.test('attributes that somebody changes between two calls count as what they are at each', async (t) => {
  const meter = new MemoryMeter()
  const add = meter.counter('n', '1', '')
  const attributes = { a: '1' }
  add(1, attributes)
  attributes.a = '2'
  add(1, attributes)
  t.same([meter.value('n', { a: '1' }), meter.value('n', { a: '2' })], [1, 1])
  const frozen = Object.freeze({ a: '3' })
  add(1, frozen)
  add(1, frozen)
  t.equal(meter.value('n', { a: '3' }), 2)
})

t.test('names from outside do not fill the memory, and totals stay exact', async (t) => {
  const meter = new MemoryMeter()
  const add = meter.counter('n', '1', '')
  for (let i = 0; i < 5000; i++) add(1, { name: `${i}` })
  const readings = meter.readings()
  t.equal(readings.length, 2001)
  t.equal(meter.value('n', { 'otel.metric.overflow': 'true' }), 3000)
  t.equal(
    readings.reduce((sum, { value }) => sum + value, 0),
    5000,
  )
})
