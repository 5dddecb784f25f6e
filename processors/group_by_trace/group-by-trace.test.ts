// Whole traces, one a request. The clock is the tests': nothing sleeps.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RetryableError } from '../../core/index.ts'
import {
  CollectingConsumer,
  type PlainSpan,
  processorSuite,
  readSpans,
  TestClock,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory, type GroupByTraceConfig } from './factory.ts'

const CONFIG: GroupByTraceConfig = { wait_duration: '1s', num_traces: 1000, num_workers: 1, max_bytes: 2 ** 26 }

async function make(given: Partial<GroupByTraceConfig> = {}) {
  const clock = new TestClock()
  const settings = new TestSettings('group_by_trace', clock)
  const next = new CollectingConsumer()
  const processor = await factory.create({ ...CONFIG, ...given }, next, settings)
  const send = (...spans: readonly PlainSpan[]): Promise<void> => processor.consume(tracesBatch([{ resource: { r: 1 }, spans }]), Infinity)
  const groups = (): readonly string[] =>
    next.batches.map((batch) =>
      readSpans(batch)
        .map(({ name }) => name)
        .join(),
    )
  return { clock, settings, next, processor, send, groups }
}
const id = (n: number): string => n.toString(16).padStart(4, '0').repeat(8)
const never = (): AbortSignal => new AbortController().signal

processorSuite((name, run) => t.test(name, run), {
  create: async (next, settings) => factory.create(CONFIG, next, settings),
  answersEarly: true,
})

t.test('every request that leaves is one trace, as whole as it came within the time', async (t) => {
  const { clock, send, groups, settings } = await make()
  await send({ traceId: id(1), name: 'a1' }, { traceId: id(2), name: 'b1' }, { traceId: id(1), name: 'a2' })
  await clock.advance(900)
  await send({ traceId: id(1), name: 'a3' }, { traceId: id(3), name: 'c1' })
  t.same(groups(), [])
  await clock.advance(150)
  t.same(groups(), ['a1,a2,a3', 'b1'])
  await send({ traceId: id(1), name: 'late' })
  await clock.advance(1100)
  t.same(groups(), ['a1,a2,a3', 'b1', 'c1', 'late'], 'what comes later waits anew')
  t.equal(settings.counters['otelcol_processor_groupbytrace_traces_released'], 4)
  t.equal(settings.counters['otelcol_processor_groupbytrace_spans_released'], 6)
  t.equal(clock.pending, 0)
})

t.test('one trace too many, and the oldest leaves early', async (t) => {
  const { clock, send, groups, settings } = await make({ num_traces: 2 })
  for (const n of [1, 2, 3]) await send({ traceId: id(n), name: `${n}` })
  await clock.advance(0)
  t.same(groups(), ['1'])
  t.equal(settings.counters['otelcol_processor_groupbytrace_traces_evicted'], 1)
  t.equal(settings.gauges.get('otelcol_processor_groupbytrace_num_traces_in_memory')!(), 2)
})

t.test('stopping hands on what there is', async (t) => {
  const { processor, send, groups } = await make()
  await send({ traceId: id(1), name: 'a' }, { traceId: id(2), name: 'b' })
  await processor.stop!(never())
  t.same(groups(), ['a', 'b'])
  await t.rejects(send({}), RetryableError)
})

t.test('nothing is lost and nothing doubled, and no request holds two traces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 700 })), {
        maxLength: 20,
      }),
      async (list) => {
        const { clock, processor, next, send } = await make({ num_traces: 3 })
        let sent = 0
        for (const [traces, pauseMs] of list) {
          await send(...traces.map((n) => ({ traceId: id(n), spanId: (++sent).toString(16).padStart(16, '0') })))
          await clock.advance(pauseMs)
        }
        await processor.stop!(never())
        assert.equal(new Set(next.spans().map(({ spanId }) => spanId)).size, sent)
        assert.equal(next.count, sent)
        for (const batch of next.batches) assert.equal(new Set(readSpans(batch).map(({ traceId }) => traceId)).size, 1)
      },
    ),
    { numRuns: 30 },
  )
})
