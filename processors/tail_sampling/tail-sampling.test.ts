// Tail sampling as its senders and its destinations see it. The clock is the tests': nothing sleeps.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Batch, otlp, PermanentError, RetryableError } from '../../core/index.ts'
import { CollectingConsumer, processorSuite, TestClock, TestSettings, tracesBatch, type PlainSpan } from '../../core/testing/index.ts'
import { factory, type TailSamplingConfig } from './factory.ts'
import type { PolicyConfig } from './policy-schema.ts'

const ERRORS: PolicyConfig = { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } }
const ALL: PolicyConfig = { name: 'all', type: 'always_sample' }

function configOf(given: Partial<TailSamplingConfig> & { readonly policies?: readonly PolicyConfig[] }): TailSamplingConfig {
  return {
    decision_wait: '10s',
    decision_wait_after_root_received: '0s',
    num_traces: 1000,
    max_bytes: 2 ** 26,
    maximum_trace_size_bytes: 0,
    block_on_overflow: false,
    expected_new_traces_per_sec: 0,
    decision_cache: { sampled_cache_size: 1000, non_sampled_cache_size: 1000 },
    sample_on_first_match: false,
    sampling_strategy: 'trace-complete',
    drop_pending_traces_on_shutdown: false,
    dry_run: false,
    explain: false,
    policies: [ERRORS],
    ...given,
  }
}

async function make(given: Parameters<typeof configOf>[0] = {}, id = 'tail_sampling') {
  const clock = new TestClock()
  const settings = new TestSettings(id, clock)
  const next = new CollectingConsumer()
  const processor = await factory.create(configOf(given), next, settings)
  const send = (...spans: readonly PlainSpan[]): Promise<void> => processor.consume(tracesBatch([{ resource: { r: 1 }, spans }]), Infinity)
  const names = (): readonly string[] =>
    next
      .spans()
      .map(({ name }) => name)
      .sort()
  return { clock, settings, next, processor, send, names }
}

const id = (n: number): string => n.toString(16).padStart(4, '0').repeat(8)
const CHILD = { parentSpanId: '01'.repeat(8) }
const never = (): AbortSignal => new AbortController().signal

processorSuite((name, run) => t.test(name, run), {
  create: async (next, settings) => factory.create(configOf({ policies: [ALL] }), next, settings),
  answersEarly: true,
})

t.test('a trace is kept whole or not at all, after decision_wait', async (t) => {
  const { clock, settings, send, names } = await make()
  await send({ traceId: id(1), name: 'a' }, { traceId: id(2), name: 'b' })
  await clock.advance(9800)
  t.same(names(), [])
  await send({ traceId: id(1), name: 'c', statusCode: 2 }, { traceId: id(3), name: 'd' })
  await clock.advance(300)
  t.same(names(), ['a', 'c'])
  t.same({ ...settings.drops }, { 'not sampled': 1 })
  await clock.advance(10_000)
  t.same({ ...settings.drops }, { 'not sampled': 2 })
  t.equal(clock.pending, 0, 'nothing waits, and no timer runs')
})

t.test('a wall clock that jumps changes nothing', async (t) => {
  const { clock, send, names } = await make()
  await send({ traceId: id(1), name: 'a', statusCode: 2 })
  clock.wallStartMs += 365 * 86_400_000
  await clock.advance(9000)
  t.same(names(), [])
  clock.wallStartMs -= 3 * 365 * 86_400_000
  await clock.advance(1100)
  t.same(names(), ['a'])
})

t.test('the root makes it sooner', async (t) => {
  const { clock, send, names } = await make({ decision_wait_after_root_received: '1s' })
  await send({ ...CHILD, traceId: id(1), name: 'child', statusCode: 2 })
  await clock.advance(2000)
  t.same(names(), [])
  await send({ traceId: id(1), name: 'root' })
  await clock.advance(1100)
  t.same(names(), ['child', 'root'])
})

t.test('spans that come late follow the decision, as long as it is remembered', async (t) => {
  const { clock, settings, send, names, next } = await make({
    explain: true,
    decision_cache: { sampled_cache_size: 1, non_sampled_cache_size: 1 },
  })
  await send({ traceId: id(1), name: 'kept', statusCode: 2 }, { traceId: id(2), name: 'dropped' })
  await clock.advance(10_100)
  await send({ traceId: id(1), name: 'late' }, { traceId: id(2), name: 'late, dropped', statusCode: 2 })
  await clock.advance(0)
  t.same(names(), ['kept', 'late'], 'at once')
  t.same(next.spans()[1]!.attributes, {
    'tailsampling.decision': 'sampled',
    'tailsampling.policy': 'errors',
    'tailsampling.cached_decision': true,
  })
  t.same({ ...settings.drops }, { 'not sampled': 2 })
  await send({ traceId: id(3), name: 'other', statusCode: 2 })
  await clock.advance(10_100)
  await send({ traceId: id(1), name: 'forgotten' })
  await clock.advance(10_100)
  t.same(names(), ['kept', 'late', 'other'], 'a trace that was forgotten is decided anew')
})

t.test('dry_run drops nothing, and explains what would have been', async (t) => {
  const { clock, settings, send, next } = await make({
    dry_run: true,
    explain: true,
    policies: [
      ERRORS,
      {
        name: 'probes',
        type: 'drop',
        drop: { drop_sub_policy: [{ name: 'n', type: 'span_count', span_count: { min_spans: 2, max_spans: 0 } }] },
      },
    ],
  })
  await send(
    { traceId: id(1), name: 'a' },
    { traceId: id(2), name: 'b', statusCode: 2 },
    { traceId: id(3), name: 'c' },
    { traceId: id(3), name: 'd' },
  )
  await clock.advance(10_100)
  await send({ traceId: id(1), name: 'e' })
  await clock.advance(100)
  const found = Object.fromEntries(next.spans().map(({ name, attributes }) => [name, attributes]))
  t.same(found, {
    a: { 'tailsampling.decision': 'not_sampled' },
    b: { 'tailsampling.decision': 'sampled', 'tailsampling.policy': 'errors' },
    c: { 'tailsampling.decision': 'dropped', 'tailsampling.policy': 'probes' },
    d: { 'tailsampling.decision': 'dropped', 'tailsampling.policy': 'probes' },
    e: { 'tailsampling.decision': 'not_sampled', 'tailsampling.cached_decision': true },
  })
  t.equal(settings.dropped, 0)
  t.equal(settings.counters['otelcol_processor_tail_sampling_global_count_traces_sampled'], 3)
})

t.test('an explanation replaces that of an earlier sampler, and says which part of a composite chose', async (t) => {
  const composite: PolicyConfig = {
    name: 'c',
    type: 'composite',
    composite: {
      max_total_spans_per_second: 10,
      policy_order: [],
      composite_sub_policy: [ALL],
      rate_allocation: [{ policy: 'all', percent: 100 }],
    },
  }
  const { clock, send, next } = await make({ explain: true, policies: [composite] })
  await send({ traceId: id(1), attributes: { 'tailsampling.policy': 'earlier', n: 1 } })
  await clock.advance(10_100)
  t.same(next.spans()[0]!.attributes, {
    'tailsampling.policy': 'c',
    n: 1,
    'tailsampling.decision': 'sampled',
    'tailsampling.composite_policy': 'all',
  })
})

t.test('what budget keeps by chance carries its threshold', async (t) => {
  const { clock, send, next, settings } = await make({ policies: [{ name: 'b', type: 'budget', budget: { spans_per_second: 20 } }] })
  const ids = Array.from(
    { length: 200 },
    (_, n) => `${'0'.repeat(18)}${((BigInt(n) * 2n ** 56n) / 200n + 1n).toString(16).padStart(14, '0')}`,
  )
  await send(...ids.map((traceId) => ({ traceId, name: 'same' })))
  await clock.advance(10_100)
  t.ok(next.count > 5 && next.count < 20, `${next.count} kept of 200, ten of half a second's twenty`)
  t.equal(next.count + settings.dropped, 200)
  const cursor = new otlp.SpanCursor(new otlp.RequestEdits(), () => {})
  for (const chunk of next.batches[0]!.chunks) {
    cursor.edits.begin(otlp.indexChunk('traces', chunk))
    for (let span = 0; span < cursor.edits.index.itemCount; span++) {
      cursor.moveTo(span)
      const th = /^ot=th:([0-9a-f]{1,14})$/.exec(cursor.traceState)?.[1]
      assert.ok(th !== undefined, cursor.traceState)
      assert.ok(cursor.traceId.slice(18) >= th.padEnd(14, '0'), 'its randomness is not below the threshold')
    }
  }
})

t.test('too many traces, or too large ones, are decided early, and counted', async (t) => {
  const { clock, settings, send, names, next } = await make({ num_traces: 10, explain: true })
  for (let n = 1; n <= 15; n++) await send({ traceId: id(n), name: `${n}`, ...(n === 2 ? { statusCode: 2 } : {}) })
  await clock.advance(0)
  t.same(names(), ['2'])
  t.equal(next.spans()[0]!.attributes['tailsampling.cause'], 'crowded')
  t.equal(settings.counters['otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'], 5)
  t.same({ ...settings.drops }, { 'not sampled': 4 })
  const limited = await make({ maximum_trace_size_bytes: 1000, policies: [ALL] })
  await limited.send({ traceId: id(1), name: 'small' })
  for (let n = 0; n < 10; n++) await limited.send({ traceId: id(2), name: 'x'.repeat(200) })
  await limited.clock.advance(10_100)
  t.same(limited.names(), ['small'])
  t.same({ ...limited.settings.drops }, { 'too large': 4, 'not sampled': 6 }, 'what comes after follows')
  t.equal(limited.settings.counters['otelcol_processor_tail_sampling_traces_dropped_too_large'], 1)
})

t.test('with block_on_overflow senders wait for room, as long as their deadline allows', async (t) => {
  const { clock, processor, send, settings } = await make({ num_traces: 1, block_on_overflow: true })
  await send({ traceId: id(1) })
  const late = processor.consume(tracesBatch([{ spans: [{ traceId: id(2) }] }]), 5000).then(
    () => 'taken',
    (error: unknown) => (error as Error).name,
  )
  let taken = false
  const patient = send({ traceId: id(3) }).then(() => (taken = true))
  await clock.advance(5000)
  t.equal(await late, 'RetryableError')
  t.equal(taken, false)
  await clock.advance(5100)
  await patient
  t.equal(taken, true)
  t.equal(settings.counters['otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'], undefined)
})

t.test('what downstream refuses for good is logged, and what it refuses for now is offered again', async (t) => {
  const { clock, settings, send, next, names } = await make({ policies: [ALL] })
  next.refuse = () => {
    throw new PermanentError('no such place')
  }
  await send({ traceId: id(1), name: 'a' })
  await clock.advance(10_100)
  t.match(settings.lines, [{ level: 'error', fields: { spans: 1, reason: 'no such place' } }])
  let retries = 0
  next.refuse = () => {
    if (retries++ < 1) throw new RetryableError('later', { retryAfterMs: 7000 })
  }
  await send({ traceId: id(2), name: 'b' })
  await clock.advance(10_100)
  t.same(names(), [])
  await clock.advance(6800)
  t.same(names(), [])
  await clock.advance(300)
  t.same(names(), ['b'])
  t.same({ ...settings.creations }, { 'offered again': 1 })
  t.match(settings.lines.at(-1), { level: 'warn', fields: { reason: 'later' }, message: /offered again/ })
})

t.test('stopping decides on what there is, or drops it', async (t) => {
  const { processor, send, names, settings } = await make()
  await send({ traceId: id(1), name: 'a', statusCode: 2 }, { traceId: id(2), name: 'b' })
  await processor.stop!(never())
  t.same(names(), ['a'])
  t.same({ ...settings.drops }, { 'not sampled': 1 })
  await t.rejects(send({ traceId: id(3) }), RetryableError)
  const dropping = await make({ drop_pending_traces_on_shutdown: true })
  await dropping.send({ traceId: id(1), statusCode: 2 })
  await dropping.processor.stop!(never())
  t.same({ ...dropping.settings.drops }, { 'pending at shutdown': 1 })
})

t.test('what is not taken before the time to drain is over is said to be lost', async (t) => {
  const { processor, send, settings, next } = await make({ policies: [ALL] })
  next.hold()
  await send({ traceId: id(1) }, { traceId: id(2) })
  const abort = new AbortController()
  const stopped = processor.stop!(abort.signal)
  abort.abort()
  await stopped
  t.match(settings.lines, [{ level: 'error', fields: { spans: 2 } }])
})

t.test('policies are measured under their names, with that of the processor', async (t) => {
  const { clock, send, settings } = await make({ policies: [ERRORS, ALL] }, 'tail_sampling/own')
  await send({ traceId: id(1) }, { traceId: id(2), statusCode: 2 })
  t.same(settings.gauges.get('otelcol_processor_tail_sampling_sampling_traces_on_memory')!(), 2)
  await clock.advance(10_100)
  const prefix = 'otelcol_processor_tail_sampling'
  t.equal(settings.counters[`${prefix}_count_traces_sampled`], 4, 'two policies voted on two traces')
  t.equal(settings.counters[`${prefix}_sampling_policy_execution_count`], 4)
  t.equal(settings.counters[`${prefix}_new_trace_id_received`], 2)
  t.same(settings.histograms.get(`${prefix}_sampling_trace_removal_age`), [10, 10])
})

t.test('the ledger adds up: every span is handed on once or dropped with a reason, whatever comes in which order', async () => {
  const traces = fc.array(
    fc.array(fc.record({ trace: fc.integer({ min: 1, max: 12 }), error: fc.boolean() }), { minLength: 1, maxLength: 8 }),
    {
      maxLength: 25,
    },
  )
  await fc.assert(
    fc.asyncProperty(traces, fc.array(fc.integer({ min: 0, max: 6000 }), { minLength: 25, maxLength: 25 }), async (batches, pauses) => {
      const { clock, processor, settings, next } = await make({ num_traces: 4, decision_wait_after_root_received: '2s' })
      let sent = 0
      const spanIds = new Set<string>()
      for (const [i, spans] of batches.entries()) {
        const plain = spans.map(({ trace, error }, n) => {
          const spanId = (i * 100 + n + 1).toString(16).padStart(16, '0')
          spanIds.add(spanId)
          return {
            traceId: id(trace),
            spanId,
            ...(n % 2 === 0 ? CHILD : {}),
            statusCode: error ? (2 as const) : (0 as const),
            name: `${trace}`,
          }
        })
        const batch: Batch = tracesBatch([{ spans: plain }])
        sent += batch.count
        await processor.consume(batch, Infinity)
        await clock.advance(pauses[i]!)
      }
      await processor.stop!(never())
      const out = next.spans()
      assert.equal(out.length + settings.dropped, sent)
      assert.equal(new Set(out.map(({ spanId }) => spanId)).size, out.length)
      assert.ok(out.every(({ spanId, traceId, name }) => spanIds.has(spanId) && traceId === id(Number(name))))
    }),
    { numRuns: 30 },
  )
})
