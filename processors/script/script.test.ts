// Scripts as users write them: files with functions that read, change, drop and throw.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PermanentError, type Signal } from '../../core/index.ts'
import {
  CollectingConsumer,
  itemsOf,
  numberedItems,
  numbersOf,
  processorSuite,
  type TestClock,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory, type ScriptConfig } from './factory.ts'

let made = 0
function scriptFile(t: Test, text: string): string {
  const folder = t.testdirName
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `script ${made++}.ts`) // modules are cached by name
  writeFileSync(file, text)
  return file
}

async function make(t: Test, text: string, signal: Signal = 'traces', on_error: ScriptConfig['on_error'] = 'keep') {
  const next = new CollectingConsumer()
  const settings = new TestSettings('script')
  settings.signal = signal
  const processor = await factory.create({ file: scriptFile(t, text), on_error }, next, settings)
  return { next, settings, processor }
}

t.test('a function changes and drops, in TypeScript, for every signal', async (t) => {
  const texts: Record<Signal, string> = {
    traces: `import type { Span } from 'millrace'
export function span(span: Span): void {
  if (span.attributes.get('n') === 1) return span.drop('one')
  span.attributes.set('seen', true as boolean)
}`,
    metrics: `export const dataPoint = (point: { attributes: any, drop(why: string): void }) => { if (point.attributes.get('n') === 1) point.drop('one'); else point.attributes.set('seen', true) }`,
    logs: `export function logRecord(record: any) { if (record.attributes.get('n') === 1) record.drop('one'); else record.attributes.set('seen', true) }`,
  }
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const { next, settings, processor } = await make(t, texts[signal], signal)
    await processor.consume(numberedItems(signal, 3), Infinity)
    t.equal(next.count, 2, signal)
    t.same({ ...settings.drops }, { one: 1 })
    const items = itemsOf(next.batches[0]!)
    t.same(
      items.map(({ attributes }) => [attributes['n'], attributes['seen']]),
      [
        [0, true],
        [2, true],
      ],
    )
  }
})

t.test('what the function leaves alone goes on as the same bytes', async (t) => {
  const { next, processor } = await make(t, `export function span(span: any) { span.attributes.get('n') }`)
  const batch = numberedItems('traces', 5)
  await processor.consume(batch, Infinity)
  t.equal(next.batches[0], batch)
})

const THROWING = `// a comment
export function span(span: any, { log }: any): void {
  span.attributes.set('half', 1)
  if (span.attributes.get('n') === 1)
    throw new RangeError('too "odd"')
  span.attributes.set('whole', 1)
}`

t.test('an error concerns its item alone, which goes on as it came, and the log says where', async (t) => {
  const { next, settings, processor } = await make(t, THROWING)
  await processor.consume(numberedItems('traces', 3), Infinity)
  t.same(
    next.spans().map(({ attributes }) => ({ ...attributes })),
    [{ n: 0, half: 1, whole: 1 }, { n: 1 }, { n: 2, half: 1, whole: 1 }],
  )
  t.match(settings.lines, [
    {
      level: 'error',
      fields: { where: /^script \d+\.ts:5:11$/, reason: 'RangeError: too "odd"', item: 'kept' },
      message: 'the script threw',
    },
  ])
  t.equal(settings.counters['millrace_script_errors'], 1)
  t.same({ ...settings.drops }, {})
})

t.test('of very many errors the first are logged, without a stack for all others, and all are counted', async (t) => {
  const { settings, processor } = await make(
    t,
    `export function span() { const error = new Error('no'); globalThis.stacks = (globalThis.stacks ?? 0) + (error.stack.includes(' at ') ? 1 : 0); throw error }`,
  )
  await processor.consume(numberedItems('traces', 500), Infinity)
  t.equal(settings.lines.length, 10)
  t.equal((globalThis as unknown as { stacks: number }).stacks, 10)
  t.equal(settings.counters['millrace_script_errors'], 500)
  t.ok(Error.stackTraceLimit > 0)
  await (settings.clock as TestClock).advance(1000)
  await processor.consume(numberedItems('traces', 500), Infinity)
  t.equal(settings.lines.length, 20)
  t.match(settings.lines[10], { fields: { where: /:1:\d+$/ } })
})

t.test('or it is left out, and the ledger knows', async (t) => {
  const { next, settings, processor } = await make(t, THROWING, 'traces', 'drop')
  await processor.consume(numberedItems('traces', 3), Infinity)
  t.same(numbersOf(next.batches[0]!), [0, 2])
  t.same({ ...settings.drops }, { 'the script threw': 1 })
})

t.test('whatever is thrown is survived', async (t) => {
  for (const thrown of ['undefined', '"text"', 'null', 'Object.create(null)', 'new Proxy({}, {})', '{ stack: 1 }']) {
    const { next, processor } = await make(t, `export function span() { throw ${thrown} }`)
    await processor.consume(numberedItems('traces', 2), Infinity)
    t.equal(next.count, 2, thrown)
  }
})

t.test('an async function is refused, item by item, and what it rejects with ends nothing', async (t) => {
  const { next, settings, processor } = await make(t, `export async function span() { await null; throw new Error('late') }`)
  await processor.consume(numberedItems('traces', 1), Infinity)
  await new Promise(setImmediate)
  t.equal(next.count, 1)
  t.match(settings.lines, [{ fields: { reason: /returned a promise; accepted: a function that is done/ } }])
})

t.test("what downstream says is not the script's", async (t) => {
  const { next, processor, settings } = await make(t, `export function span() {}`)
  next.refuse = () => {
    throw new PermanentError('never')
  }
  await t.rejects(processor.consume(tracesBatch([{ spans: [{}] }]), 0), { name: 'PermanentError' })
  t.same(settings.lines, [])
})

t.test('a module that does not fit fails the start, in words', async (t) => {
  await t.rejects(make(t, `export function span() {}`, 'logs'), /exports no function "logRecord", which a pipeline of logs needs/)
  await t.rejects(make(t, `export const span = 1`), /exports no function "span"/)
  await t.rejects(make(t, `export function span( {`), { name: 'SyntaxError' })
  await t.rejects(make(t, `throw new Error('at once')`), /at once/)
  t.match(factory.check!({ file: '/nowhere/a.ts', on_error: 'keep' }), [{ path: ['file'], message: 'there is no file "/nowhere/a.ts"' }])
})

processorSuite(t.test.bind(t), {
  create: (next, settings) =>
    factory.create({ file: scriptFile(t, `export function span(s: any) { s.attributes.set('a', 1) }`), on_error: 'keep' }, next, settings),
})
