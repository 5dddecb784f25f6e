// Processors made from functions, for one signal and for several. `eachSpan` has more in otlp/edits.test.ts.

import t from 'tap'
import type { Attributes, Batch, Item, Signal } from './index.ts'
import { ANONYMOUS, eachDataPoint, eachItem, eachLogRecord } from './index.ts'
import { CollectingConsumer, TestSettings, numberedDataPoints, numberedItems, numberedLogRecords, processorSuite } from './testing/index.ts'

const schema = { type: 'object', properties: { region: { type: 'string', default: 'eu' } } } as const
const common = { type: 'acme_region', stability: 'alpha', schema } as const

function each(item: Item, { region }: { readonly region: string }): void {
  const n = item.attributes.get('n')
  if (n === 3) return item.drop('three')
  if (n === 13) throw new Error('thirteen')
  item.attributes.set('cloud.region', region)
  item.resource.set('seen', true)
  item.scopeAttributes.set('seen', true)
}
const all = eachItem({ ...common, span: each, dataPoint: each, logRecord: each })
const points = eachDataPoint({ ...common, each })
const records = eachLogRecord({ ...common, each })

t.test('a factory takes the signals for which it has a function', async (t) => {
  t.same(all.signals, ['traces', 'metrics', 'logs'])
  t.same(points.signals, ['metrics'])
  t.same(records.signals, ['logs'])
  t.throws(() => eachItem(common), { message: 'acme_region: none of span, dataPoint and logRecord is a function' })
})

const cases: readonly (readonly [string, Signal, typeof all])[] = [
  ['eachItem', 'traces', all],
  ['eachItem', 'metrics', all],
  ['eachItem', 'logs', all],
  ['eachDataPoint', 'metrics', points],
  ['eachLogRecord', 'logs', records],
]
for (const [name, signal, factory] of cases) {
  t.test(`${name}: the suite of every processor, with ${signal}`, async (t) => {
    processorSuite(t.test.bind(t), { signal, create: (next, settings) => factory.create({ region: 'eu' }, next, settings) })
  })

  t.test(`${name}: changes and drops ${signal} of every chunk, and counts what it dropped`, async (t) => {
    const next = new CollectingConsumer()
    const settings = new TestSettings('acme_region')
    const processor = await factory.create({ region: 'eu' }, next, settings)
    const parts: Batch[] = [numberedItems(signal, 2), numberedItems(signal, 8, 2)]
    await processor.consume({ signal, chunks: parts.flatMap(({ chunks }) => chunks), count: 10, origin: ANONYMOUS }, 0)
    t.same(next.numbers(), [0, 1, 2, 4, 5, 6, 7, 8, 9])
    t.equal(next.count, 9)
    t.same({ ...settings.drops }, { three: 1 })
    const items = [...next.spans(), ...next.dataPoints(), ...next.logRecords()]
    t.ok(items.every(({ attributes, resource }) => attributes['cloud.region'] === 'eu' && resource['seen'] === true))
  })

  t.test(`${name}: what it throws refuses the batch of ${signal}, counts no drop, and spoils no later one`, async (t) => {
    const next = new CollectingConsumer()
    const settings = new TestSettings('acme_region')
    const processor = await factory.create({ region: 'eu' }, next, settings)
    await t.rejects(processor.consume(numberedItems(signal, 14), 0), { message: 'thirteen' })
    t.equal(settings.dropped, 0)
    await processor.consume(numberedItems(signal, 5), 0)
    t.same(next.numbers(), [0, 1, 2, 4])
    t.same({ ...settings.drops }, { three: 1 })
  })
}

t.test('a batch that is not touched goes on as it is, and nothing where nothing is left', async (t) => {
  const next = new CollectingConsumer()
  const idle = eachItem({ ...common, dataPoint: () => {}, logRecord: (record) => record.drop('all') })
  const processor = await idle.create({ region: 'eu' }, next, new TestSettings('idle'))
  const batch = numberedDataPoints(20)
  await processor.consume(batch, 0)
  await processor.consume(numberedLogRecords(3), 0)
  t.equal(next.batches.length, 1)
  t.equal(next.batches[0], batch)
})

t.test('a log record shows what it holds, and body and severity text can be set', async (t) => {
  const next = new CollectingConsumer()
  const seen: unknown[] = []
  const redact = eachLogRecord({
    ...common,
    each(record) {
      seen.push([record.body, record.severityNumber, record.scopeName, keysOf(record.resource)])
      if (record.attributes.get('n') === 1) record.body = undefined
      else record.body = { text: record.body! }
      record.severityText = 'INFO'
    },
  })
  await (await redact.create({ region: 'eu' }, next, new TestSettings('redact'))).consume(numberedLogRecords(2), 0)
  t.same(
    seen,
    [0, 1].map((n) => [`record ${n}`, 9, 'tests', ['service.name']]),
  )
  t.same(
    next.logRecords().map(({ body, severityText }) => [body === undefined ? undefined : { ...(body as object) }, severityText]),
    [
      [{ text: 'record 0' }, 'INFO'],
      [undefined, 'INFO'],
    ],
  )
})

function keysOf(attributes: Attributes): string[] {
  return [...attributes].map(([key]) => key)
}
