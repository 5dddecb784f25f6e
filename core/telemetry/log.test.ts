import * as fc from 'fast-check'
import t from 'tap'
import type { Logger } from '../component.ts'
import type { LogLevel } from '../config/telemetry-schema.ts'
import { TestClock } from '../testing/index.ts'
import { jsonFormat } from './json-log.ts'
import { createLog, type LogOptions } from './log.ts'
import { REPEAT_MS } from './repeats.ts'

function recorded(level: LogLevel, id: string = 'otlp'): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const clock = { now: () => new Date(0), after: () => ({ cancel: () => {} }) }
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

/** A log on a clock that the test moves. */
function onClock(more: Partial<LogOptions> = {}) {
  const clock = new TestClock()
  const lines: string[] = []
  const log = createLog({ level: 'info', clock, write: (line) => lines.push(line), ...more })
  return { clock, lines, log, told: () => lines.splice(0).map((line) => line.slice(25, -1)) }
}

t.test('a fault that repeats itself is one line, and then a count', async (t) => {
  const { clock, log, told } = onClock()
  const a = log('a')
  for (let i = 1; i <= 5; i++) a.warn({ reason: 'down', attempt: i }, 'failed')
  a.warn({ reason: 'slow' }, 'failed')
  log('b').warn({ reason: 'down' }, 'failed')
  a.error({ reason: 'down' }, 'failed')
  t.same(told(), [
    'warn  a failed reason=down attempt=1',
    'warn  a failed reason=slow',
    'warn  b failed reason=down',
    'error a failed reason=down',
  ])
  await clock.advance(REPEAT_MS)
  t.same(told(), ['warn  a failed reason=down attempt=5 repeated=4'])
  a.warn({ reason: 'down', attempt: 6 }, 'failed')
  a.warn({ reason: 'slow' }, 'failed')
  t.same(told(), ['warn  a failed reason=slow'], 'what has paused is new again; what went on is still counted')
  await clock.advance(REPEAT_MS)
  t.same(told(), ['warn  a failed reason=down attempt=6 repeated=1'])
  await clock.advance(3 * REPEAT_MS)
  t.same(told(), [])
  t.equal(clock.pending, 0)
})

t.test('what was held back is written at the end, and news never is held back', async (t) => {
  const { clock, log, told } = onClock()
  for (let i = 0; i < 3; i++) {
    log('a').error({}, 'failed')
    log('a').info({}, 'fine')
  }
  log.flush()
  t.same(told(), ['error a failed', 'info  a fine', 'info  a fine', 'info  a fine', 'error a failed repeated=2'])
  t.equal(clock.pending, 0)
})

t.test('a thousand different faults do not fill the memory, and none is lost', async (t) => {
  const { log, told } = onClock()
  for (let round = 0; round < 2; round++) for (let i = 0; i < 1500; i++) log('a').warn({ reason: `${i}` }, 'failed')
  log.flush()
  const count = told().reduce((sum, line) => sum + Number(/repeated=(\d+)/.exec(line)?.[1] ?? 1), 0)
  t.equal(count, 3000)
})

t.test('as JSON, a line is one object, whatever is in it', async (t) => {
  const { lines, log } = onClock({ format: jsonFormat() })
  const fields = { spans: 3, big: 2n ** 60n, list: ['\n'], level: 'forged', error: new Error('broke\n"it"'), missing: undefined }
  log('otlp/a\n').warn(fields, 'two\nlines')
  t.equal(lines.length, 1)
  t.match(lines[0], /^[^\n]*\n$/)
  t.match(JSON.parse(lines[0]!), {
    level: 'warn',
    time: '2026-01-01T00:00:00.000Z',
    component: 'otlp/a\n',
    msg: 'two\nlines',
    spans: 3,
    list: ['\n'],
    _level: 'forged',
    error: 'broke\n"it"',
  })
})
