// What the filter drops, of every signal, and what it says of conditions without an answer.

import t from 'tap'
import type { Batch, Signal } from '../../core/index.ts'
import {
  CollectingConsumer,
  itemsOf,
  logsBatch,
  metricsBatch,
  numberedItems,
  numberedSpans,
  numbersOf,
  processorSuite,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory, type FilterConfig } from './factory.ts'

interface Given {
  readonly error_mode?: FilterConfig['error_mode']
  readonly span?: readonly string[]
  readonly metric?: readonly string[]
  readonly datapoint?: readonly string[]
  readonly log_record?: readonly string[]
}
const configOf = ({ error_mode = 'ignore', span = [], metric = [], datapoint = [], log_record = [] }: Given): FilterConfig => ({
  error_mode,
  traces: { span },
  metrics: { metric, datapoint },
  logs: { log_record },
})

async function filter(batch: Batch, given: Given) {
  const next = new CollectingConsumer()
  const settings = new TestSettings('filter')
  settings.signal = batch.signal
  const processor = await factory.create(configOf(given), next, settings)
  await processor.consume(batch, Infinity)
  return { next, settings, kept: next.batches[0] }
}

t.test('what a condition holds for is dropped, and counted, of every signal', async (t) => {
  const conditions: Record<Signal, Given> = {
    traces: { span: ['attributes["n"] == 1', 'attributes["n"] > 3'] },
    metrics: { datapoint: ['attributes["n"] == 1', 'attributes["n"] > 3'] },
    logs: { log_record: ['attributes["n"] == 1', 'attributes["n"] > 3'] },
  }
  const names = { traces: 'spans', metrics: 'datapoints', logs: 'logs' }
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const { kept, settings } = await filter(numberedItems(signal, 6), conditions[signal])
    t.same(numbersOf(kept!), [0, 2, 3], signal)
    t.equal(kept!.count, 3)
    t.same({ ...settings.drops }, { filtered: 3 })
    t.equal(settings.counters[`otelcol_processor_filter_${names[signal]}_filtered`], 3)
  }
})

t.test('conditions on other signals are not asked', async (t) => {
  const batch = numberedSpans(3)
  const { kept } = await filter(batch, { log_record: ['true'], metric: ['true'], datapoint: ['true'] })
  t.equal(kept, batch)
})

t.test('a metric goes with all its data points, and points of others stay', async (t) => {
  const batch = metricsBatch([
    {
      metrics: [
        { name: 'a', type: 'gauge', dataPoints: [{ value: 1 }, { value: 2 }] },
        { name: 'b', type: 'sum', dataPoints: [{ value: 3, attributes: { keep: true } }, { value: 4 }] },
        { name: 'c', type: 'histogram', dataPoints: [{ count: 1 }] },
      ],
    },
  ])
  const { next, settings } = await filter(batch, {
    metric: ['name == "a"', 'metric.type == "histogram"'],
    datapoint: ['!("keep" in attributes)'],
  })
  t.equal(next.count, 1)
  t.same(
    itemsOf(next.batches[0]!).map(({ attributes }) => ({ ...attributes })),
    [{ keep: true }],
  )
  t.same({ ...settings.drops }, { filtered: 4 })
})

t.test('what nothing was dropped of goes on as the same bytes, and what nothing is left of goes nowhere', async (t) => {
  const batch = numberedSpans(3)
  const { kept } = await filter(batch, { span: ['name == "none"', 'attributes["missing"] == 1'] })
  t.equal(kept, batch)
  const { next, settings } = await filter(batch, { span: ['true'] })
  t.same([next.batches.length, settings.dropped], [0, 3])
  const two = { ...batch, chunks: [...numberedSpans(2).chunks, ...numberedSpans(2, 2).chunks], count: 4 }
  const { kept: second } = await filter(two, { span: ['attributes["n"] < 2'] })
  t.same([second!.chunks.length, second!.chunks[0] === two.chunks[1]], [1, true])
})

t.test('resources and scopes can be asked about', async (t) => {
  const batch = tracesBatch([
    { resource: { 'k8s.namespace.name': 'kube-system' }, scopeName: 'a', spans: [{}, {}] },
    { resource: { 'k8s.namespace.name': 'shop' }, scopeName: 'b', spans: [{}] },
  ])
  t.equal((await filter(batch, { span: ['resource.attributes["k8s.namespace.name"] == "kube-system"'] })).kept!.count, 1)
  t.equal((await filter(batch, { span: ['scope.name == "b"'] })).kept!.count, 2)
  const logs = logsBatch([{ logRecords: [{ body: 'Password: x' }, { body: 'hello' }] }])
  t.equal((await filter(logs, { log_record: ['body.matches("(?i)password")'] })).kept!.count, 1)
})

t.test('a condition without an answer keeps its item, silently or not, or refuses the batch', async (t) => {
  const batch = tracesBatch([{ spans: [{ attributes: { code: 'text' } }, { attributes: { code: 1 } }] }])
  const span = ['attributes["code"].startsWith("te")']
  const ignored = await filter(batch, { span })
  t.equal(ignored.kept!.count, 1)
  t.match(ignored.settings.lines, [{ level: 'warn', fields: { reason: /startsWith/ } }])
  const silent = await filter(batch, { span, error_mode: 'silent' })
  t.same([silent.kept!.count, silent.settings.lines.length], [1, 0])
  await t.rejects(filter(batch, { span, error_mode: 'propagate' }), {
    name: 'PermanentError',
    message: /^filter: a condition has no answer/,
  })
  const missing = await filter(batch, { span: ['attributes["none"] == 1'], error_mode: 'propagate' })
  t.same([missing.kept!.count, missing.settings.lines.length], [2, 0], 'a missing attribute is no error')
  t.ok(Error.stackTraceLimit > 0)
})

t.test('conditions are checked at load, each with its place', async (t) => {
  t.same(await factory.checkDeeply!(configOf({ span: ['kind == 1'], log_record: ['true'] })), [])
  t.match(
    await factory.checkDeeply!(
      configOf({ span: ['kind == 1', 'nmae == "x"'], metric: ['type'], datapoint: ['valu == 1'], log_record: ['body and 1'] }),
    ),
    [
      { path: ['traces', 'span', 1], message: /Unknown variable: nmae/ },
      { path: ['metrics', 'metric', 0] },
      { path: ['metrics', 'datapoint', 0], message: /did you mean "value"/ },
      { path: ['logs', 'log_record', 0] },
    ],
  )
  t.match(factory.check!(configOf({})), [{ path: [], message: /there is no condition/ }])
  t.same(factory.check!(configOf({ metric: ['true'] })), [])
})

for (const signal of ['traces', 'metrics', 'logs'] as const) {
  processorSuite((name, run) => t.test(`${signal}: ${name}`, run), {
    create: (next, settings) =>
      factory.create(
        configOf({ span: ['attributes["n"] == 1'], datapoint: ['attributes["n"] == 1'], log_record: ['attributes["n"] == 1'] }),
        next,
        settings,
      ),
    signal,
  })
}
