// The policy `anomaly` in the processor: traces are scored when they are due, what is kept says why, and nobody waits for an answer that does not come.

import t, { type Test } from 'tap'
import type { AnomalyModel, AnomalyScorer, Judgement, Reason } from '../../core/anomaly/index.ts'
import { parseDuration } from '../../core/factory.ts'
import { CollectingConsumer, type PlainSpan, readSpans, TestClock, TestSettings, tracesBatch } from '../../core/testing/index.ts'
import { factory, type TailSamplingConfig } from './factory.ts'
import { policyFaults } from './policy-faults.ts'

const REASON: Reason = {
  feature: 'missing',
  value: 0,
  usual: 0.99,
  unit: '{span}',
  operation: 'shop POST',
  share: 2,
  text: 'missing: shop POST did not call pay',
}

/** The score of a trace is the number of its spans in tenths; the bound is 0.25. */
class FakeModel implements AnomalyModel {
  readonly timeoutMs = 100
  noteBytes = 48
  /** What was noted and neither judged nor forgotten. */
  readonly open = new Map<number, number>()
  /** How many traces were judged at once. */
  readonly asked: number[] = []
  unscored: Judgement['unscored']
  /** Where it is set the answer comes when it settles. */
  answers: Promise<void> = Promise.resolve()
  #next = 0
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async trained(): Promise<void> {}
  scorer(): AnomalyScorer {
    return {
      noteBytes: this.noteBytes,
      note: (_index, _span, first) => {
        const at = first < 0 ? this.#next++ : first
        this.open.set(at, (this.open.get(at) ?? 0) + 1)
        return at
      },
      forget: (first) => void this.open.delete(first),
      judge: async (traces, count) => {
        this.asked.push(count)
        const { unscored } = this
        const scores = Float32Array.from(traces, (at) => (unscored === undefined ? this.open.get(at)! / 10 : NaN))
        for (const at of traces) this.open.delete(at)
        await this.answers
        return { scores, bound: 0.25, reasonsOf: () => [REASON], confidenceOf: () => 1, ...(unscored === undefined ? {} : { unscored }) }
      },
    }
  }
}

const policy = { name: 'odd', type: 'anomaly', anomaly: { model: 'anomaly_model', min_score: 0 } }

async function sampler(t: Test, given: Partial<TailSamplingConfig> = {}, model: FakeModel = new FakeModel()) {
  const clock = new TestClock()
  const settings = new TestSettings('tail_sampling', clock)
  settings.extensions.set('anomaly_model', model)
  const next = new CollectingConsumer()
  const config: TailSamplingConfig = {
    decision_wait: '10s',
    decision_wait_after_root_received: '0s',
    num_traces: 1000,
    max_bytes: 64 * 1024 * 1024,
    maximum_trace_size_bytes: 0,
    block_on_overflow: false,
    expected_new_traces_per_sec: 0,
    decision_cache: { sampled_cache_size: 100, non_sampled_cache_size: 100 },
    sample_on_first_match: false,
    sampling_strategy: 'trace-complete',
    drop_pending_traces_on_shutdown: false,
    dry_run: false,
    explain: false,
    policies: [policy],
    ...given,
  }
  const processor = await factory.create(config, next, settings)
  await processor.start?.(new AbortController().signal)
  t.teardown(() => processor.stop?.(AbortSignal.abort()))
  const send = (...traces: readonly (readonly [n: number, spans: number])[]): Promise<void> =>
    processor.consume(tracesBatch([{ spans: traces.flatMap(([n, spans]) => spansOf(n, spans)) }]), Infinity)
  return { clock, settings, model, next, processor, send, kept: () => next.batches.flatMap((batch) => readSpans(batch)) }
}
const idOf = (n: number): string => n.toString(16).padStart(32, '0')
/** The last one is the root. */
const spansOf = (n: number, count: number): readonly PlainSpan[] =>
  Array.from({ length: count }, (_, i) => ({
    traceId: idOf(n),
    name: `${n}`,
    ...(i === count - 1 ? {} : { parentSpanId: '1'.repeat(16) }),
  }))
const WAIT_MS = parseDuration('10s')

t.test('a trace over the bound is kept, whole, and its root says why; another is not', async (t) => {
  const { clock, model, send, kept, settings } = await sampler(t)
  await send([1, 3], [2, 2])
  await clock.advance(WAIT_MS - 1000)
  t.same(model.asked, [], 'not before it is nearly due: spans may still come')
  await clock.advance(2000)
  t.same(model.asked, [2])
  t.same(
    kept().map(({ traceId, attributes }) => [traceId, attributes['anomaly.reasons']]),
    [
      [idOf(1), undefined],
      [idOf(1), undefined],
      [idOf(1), ['missing: shop POST did not call pay']],
    ],
  )
  t.match(kept()[2]!.attributes, {
    'anomaly.score': 0.3,
    'anomaly.feature': 'missing',
    'anomaly.operation': 'shop POST',
    'anomaly.usual': 0.99,
  })
  t.equal(settings.drops['not sampled'], 2)
  t.equal(model.open.size, 0)
})

t.test('what the model has noted of traces that wait takes room of max_bytes, and gives it back', async (t) => {
  const model = new FakeModel()
  model.noteBytes = 10 * 1024 * 1024
  const { clock, send, settings } = await sampler(t, {}, model)
  const early = (): number => settings.counters['otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'] ?? 0
  await send([1, 3])
  await send([2, 3])
  await clock.advance(200)
  t.equal(early(), 0)
  await send([3, 1])
  await send([4, 1])
  await clock.advance(200)
  const crowded = early()
  t.ok(crowded > 0, 'there was no room for all of them')
  await clock.advance(WAIT_MS + 1000)
  t.equal(model.open.size, 0)
  for (let round = 0; round < 5; round++) {
    await send([10 + round, 5])
    await clock.advance(WAIT_MS + 1000)
  }
  t.equal(early(), crowded, 'and there is again')
})

t.test('a trace without a root says it in the first of its spans', async (t) => {
  const { clock, processor, kept } = await sampler(t)
  const spans = Array.from({ length: 3 }, () => ({ traceId: idOf(7), parentSpanId: '1'.repeat(16) }))
  await processor.consume(tracesBatch([{ spans }]), Infinity)
  await clock.advance(WAIT_MS + 1000)
  t.same(kept().filter(({ attributes }) => 'anomaly.score' in attributes).length, 1)
})

t.test('another policy that keeps the trace changes nothing of what it says, and one that drops it does', async (t) => {
  const all = { name: 'all', type: 'always_sample' }
  const first = await sampler(t, { policies: [all, policy], explain: true })
  await first.send([1, 3], [2, 2])
  await first.clock.advance(WAIT_MS + 1000)
  t.equal(first.kept().length, 5)
  t.match(first.kept().find(({ traceId, parentSpanId }) => traceId === idOf(1) && parentSpanId === '')!.attributes, {
    'tailsampling.policy': 'all',
    'anomaly.score': 0.3,
  })
  t.notOk(first.kept().some(({ traceId, attributes }) => traceId === idOf(2) && 'anomaly.score' in attributes))
  const never = { name: 'no', type: 'drop', drop: { drop_sub_policy: [{ name: 'any', type: 'always_sample' }] } }
  const second = await sampler(t, { policies: [policy, never] })
  await second.send([1, 3])
  await second.clock.advance(WAIT_MS + 1000)
  t.equal(second.kept().length, 0)
})

t.test('within `and` and `not` it votes as others do', async (t) => {
  const long = { name: 'long', type: 'span_count', span_count: { min_spans: 4, max_spans: 0 } }
  const both = { name: 'both', type: 'and', and: { and_sub_policy: [policy, long] } }
  const usual = { name: 'usual', type: 'not', not: { not_sub_policy: policy } }
  const and = await sampler(t, { policies: [both] })
  const not = await sampler(t, { policies: [usual] })
  for (const { send, clock } of [and, not]) {
    await send([1, 3], [2, 4], [3, 1])
    await clock.advance(WAIT_MS + 1000)
  }
  const names = (spans: readonly { readonly name: string }[]): string => [...new Set(spans.map(({ name }) => name))].join()
  t.equal(names(and.kept()), '2')
  t.equal(names(not.kept()), '3')
})

t.test('a trace without a score is not kept for it, is not refused for it, and nobody waits', async (t) => {
  for (const how of ['unscored', 'late', 'crowded'] as const) {
    const { clock, model, send, kept, settings } = await sampler(t, how === 'crowded' ? { num_traces: 1 } : {})
    let come = (): void => {}
    if (how === 'unscored') model.unscored = 'timeout'
    if (how === 'late') model.answers = new Promise((resolve) => (come = resolve))
    await send([1, 3], [2, 3])
    await clock.advance(WAIT_MS + 1000)
    t.equal(kept().length, how === 'crowded' ? 3 : 0, how)
    t.equal(settings.dropped, how === 'crowded' ? 3 : 6)
    t.equal(settings.counters['otelcol_processor_tail_sampling_sampling_policy_evaluation_error'], how === 'crowded' ? 1 : 2)
    come()
    await clock.advance(1000)
    await send([3, 3])
    model.unscored = undefined
    await clock.advance(WAIT_MS + 1000)
    t.equal(kept().at(-1)!.name, '3', 'and the next trace is none the worse for it')
    t.equal(model.open.size, 0)
  }
})

t.test('spans that come while it is scored belong to the trace, and count no more', async (t) => {
  const { clock, model, send, kept } = await sampler(t)
  await send([1, 3])
  await clock.advance(WAIT_MS - 150)
  t.same(model.asked, [1])
  await send([1, 2])
  await clock.advance(1000)
  t.equal(kept().length, 5)
  t.same(model.asked, [1])
  t.equal(model.open.size, 0)
})

t.test('what waits when the program stops is scored before it is decided', async (t) => {
  const { model, send, kept, processor } = await sampler(t)
  await send([1, 3], [2, 1])
  await processor.stop?.(new AbortController().signal)
  t.same(model.asked, [2])
  t.equal(kept().length, 3)
  t.ok(kept().some(({ attributes }) => attributes['anomaly.score'] === 0.3))
})

t.test('what is being scored when the program stops has its score when it is decided', async (t) => {
  const { clock, model, send, kept, processor } = await sampler(t)
  let come = (): void => {}
  model.answers = new Promise((resolve) => (come = resolve))
  await send([1, 3])
  await clock.advance(WAIT_MS - 150)
  t.same(model.asked, [1])
  const stopped = processor.stop?.(new AbortController().signal)
  await new Promise((resolve) => setImmediate(resolve))
  come()
  await stopped
  t.equal(kept().length, 3)
})

t.test('a trace that is too large, or decided early, leaves nothing behind', async (t) => {
  const { clock, model, send, settings } = await sampler(t, { maximum_trace_size_bytes: 200 })
  await send([1, 50], [2, 1])
  await clock.advance(WAIT_MS + 1000)
  t.ok(settings.drops['too large']! > 0)
  t.equal(model.open.size, 0)
})

t.test('`min_score` asks for more than the bound', async (t) => {
  const { clock, send, kept } = await sampler(t, { policies: [{ ...policy, anomaly: { model: 'anomaly_model', min_score: 0.4 } }] })
  await send([1, 3], [2, 4])
  await clock.advance(WAIT_MS + 1000)
  t.same([...new Set(kept().map(({ name }) => name))], ['2'])
})

t.test('it needs its section, and a model', async (t) => {
  t.match(policyFaults([{ name: 'odd', type: 'anomaly' }], ['policies']), [
    { path: ['policies', 0], message: /no section of that name; accepted: anomaly/ },
  ])
  const settings = new TestSettings('tail_sampling')
  const config = { policies: [policy], decision_cache: {} } as unknown as TailSamplingConfig
  await t.rejects(async () => factory.create(config, new CollectingConsumer(), settings), { message: /no extension "anomaly_model"/ })
})
