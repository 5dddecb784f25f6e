// Resources as the actions leave them, of every signal, with the items that they hold.

import fc from 'fast-check'
import t from 'tap'
import { ANONYMOUS, type ActionConfig, type AttributeValue, type Batch, type Signal } from '../../core/index.ts'
import {
  CollectingConsumer,
  logsBatch,
  metricsBatch,
  numberedItems,
  type PlainAttributes,
  processorSuite,
  readDataPoints,
  readLogRecords,
  readSpans,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory } from './factory.ts'

async function run(batch: Batch, attributes: readonly ActionConfig[]): Promise<Batch> {
  const next = new CollectingConsumer()
  const settings = new TestSettings('resource')
  settings.signal = batch.signal
  const processor = await factory.create({ attributes }, next, settings)
  await processor.consume(batch, 0)
  return next.batches[0]!
}

const plain = (attributes: PlainAttributes): Record<string, AttributeValue> => ({ ...attributes })
const resourcesOf = (batch: Batch): Record<string, AttributeValue>[] => {
  const items = batch.signal === 'traces' ? readSpans(batch) : batch.signal === 'metrics' ? readDataPoints(batch) : readLogRecords(batch)
  return items.map(({ resource }) => plain(resource))
}

t.test('resources are changed once each, of every signal, and items are not', async (t) => {
  const make: Record<Signal, (resource: PlainAttributes) => Batch> = {
    traces: (resource) => tracesBatch([{ resource, spans: [{ attributes: { zone: 'span' } }, {}] }, { spans: [{}] }]),
    metrics: (resource) =>
      metricsBatch([
        { resource, metrics: [{ type: 'sum', dataPoints: [{ attributes: { zone: 'point' } }, {}] }] },
        { metrics: [{ type: 'gauge', dataPoints: [{}] }] },
      ]),
    logs: (resource) => logsBatch([{ resource, logRecords: [{ attributes: { zone: 'record' } }, {}] }, { logRecords: [{}] }]),
  }
  const actions: ActionConfig[] = [
    { key: 'zone', action: 'upsert', value: 'eu' },
    { key: 'secret', action: 'delete' },
    { key: 'host', action: 'insert', from_attribute: 'host.name' },
  ]
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const after = await run(make[signal]({ 'host.name': 'h', secret: 's', zone: 'old' }), actions)
    const first = { 'host.name': 'h', zone: 'eu', host: 'h' }
    t.same(resourcesOf(after), [first, first, { zone: 'eu' }], signal)
    t.equal(after.count, 3)
  }
})

t.test('a request without a resource gets one', async (t) => {
  // ResourceSpans { ScopeSpans { Span with ids } } and no Resource
  const span = Buffer.concat([Buffer.from('0a10', 'hex'), Buffer.alloc(16, 1), Buffer.from('1208', 'hex'), Buffer.alloc(8, 1)])
  const wrap = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag, body.length]), body])
  const chunk = wrap(0x0a, wrap(0x12, wrap(0x12, span)))
  const after = await run({ signal: 'traces', chunks: [chunk], count: 1, origin: ANONYMOUS }, [
    { key: 'a', action: 'insert', value: 'x'.repeat(300) },
  ])
  t.same(resourcesOf(after), [{ a: 'x'.repeat(300) }])
})

t.test('what needs no change goes on as the same bytes', async (t) => {
  const batch = numberedItems('logs', 3)
  const after = await run(batch, [{ key: 'none', action: 'delete' }])
  t.equal(after.chunks[0], batch.chunks[0])
})

t.test('actions in any order do to a resource what they would do to a map', async (t) => {
  const key = fc.constantFrom('a', 'b', 'c')
  const action: fc.Arbitrary<ActionConfig> = fc.oneof(
    fc.record({
      key,
      action: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const),
      value: fc.oneof(fc.string(), fc.integer(), fc.boolean()),
    }),
    fc.record({ key, action: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const), from_attribute: key }),
    fc.record({ key, action: fc.constant('delete' as const) }),
    fc.record({ action: fc.constant('delete' as const), pattern: fc.constantFrom('^a', 'b|c') }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 6 }),
      fc.dictionary(key, fc.string(), { noNullPrototype: true }),
      async (actions, resource) => {
        const expected: Record<string, AttributeValue> = { ...resource }
        for (const { key: name = '', action: what, value: given, from_attribute: source, pattern } of actions) {
          const value = source === undefined ? (given as AttributeValue) : expected[source]
          const there = Object.hasOwn(expected, name)
          if (pattern !== undefined) {
            for (const one of Object.keys(expected)) if (new RegExp(pattern).test(one)) delete expected[one]
          } else if (what === 'delete') delete expected[name]
          else if (value !== undefined && (there ? what !== 'insert' : what !== 'update')) expected[name] = value
        }
        const after = await run(tracesBatch([{ resource, spans: [{}] }]), actions)
        t.strictSame(new Map(Object.entries(resourcesOf(after)[0]!)), new Map(Object.entries(expected)))
      },
    ),
    { numRuns: 200 },
  )
})

for (const signal of ['traces', 'metrics', 'logs'] as const)
  processorSuite((name, test) => t.test(`${signal}: ${name}`, test), {
    create: (next, settings) => factory.create({ attributes: [{ key: 'zone', action: 'upsert', value: 'eu' }] }, next, settings),
    signal,
  })
