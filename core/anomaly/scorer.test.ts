// The scorer with real threads: it learns what is usual, finds what is not and says why, trains again without a pause, and comes back after a restart.

import t, { type Test } from 'tap'
import { systemClock } from '../clock.ts'
import { indexChunk } from '../otlp/requests.ts'
import { encodeTraces, TestClock, TestSettings } from '../testing/index.ts'
import { type Oddity, Shop } from './fixtures/shop.ts'
import type { Kind } from './features.ts'
import type { Judgement } from './judgement.ts'
import { ScoringPool } from './pool.ts'
import { Scorer, type ScorerOptions } from './scorer.ts'
import { restore, snapshotOf } from './snapshot.ts'

const OPTIONS: ScorerOptions = {
  without: [],
  attributes: [],
  minSamples: 50,
  maxOperations: 100,
  warmUp: 1000,
  reservoirSize: 2000,
  windowMs: 3_600_000,
  retrainMs: 600_000,
  flaggedShare: 0.005,
  seed: 1,
}

function scorerOf(
  t: Test,
  kind: Kind,
  options: Partial<ScorerOptions> = {},
  settings: TestSettings = new TestSettings('anomaly_model'),
): Scorer {
  const pool = new ScoringPool({ threads: 1, timeoutMs: 60_000, maxHeapMb: 64, clock: systemClock, log: settings.log })
  t.teardown(() => pool.close())
  return new Scorer(kind, { ...OPTIONS, ...options }, pool, settings)
}

/** Judges orders: of traces a row each, of spans three. */
function judge(scorer: Scorer, shop: Shop, count: number, odd?: Oddity): Promise<Judgement> {
  const resources = Array.from({ length: count }, () => shop.order(odd))
  const traces: number[] = []
  let spans = 0
  for (const one of resources) {
    const index = indexChunk('traces', encodeTraces(one))
    let first = -1
    for (let span = 0; span < index.itemCount; span++) first = scorer.note(index, span, first, spans++)
    traces.push(first)
  }
  return scorer.judge(traces, scorer.kind === 'traces' ? count : spans)
}

function trained(scorer: Scorer): Promise<void> {
  return new Promise((resolve) => (scorer.onTrained = resolve))
}
async function warmedUp(t: Test, kind: Kind, options?: Partial<ScorerOptions>): Promise<{ readonly scorer: Scorer; readonly shop: Shop }> {
  const scorer = scorerOf(t, kind, options)
  const shop = new Shop(1)
  const done = trained(scorer)
  for (let i = 0; i < 22; i++) await judge(scorer, shop, 50)
  await done
  return { scorer, shop }
}
const above = ({ scores, bound }: Judgement): number => scores.filter((score) => score > bound).length
const textOf = (judgement: Judgement): string =>
  judgement
    .reasonsOf(0)
    .map(({ text }) => text)
    .join('\n')

t.test('a model that has seen too little says so, and nothing is scored', async (t) => {
  const scorer = scorerOf(t, 'traces')
  const found = await judge(scorer, new Shop(1), 3)
  t.equal(found.unscored, 'warming up')
  t.ok(found.scores.every(Number.isNaN))
  t.same(found.reasonsOf(0), [])
})

t.test('traces that are not like the others are found, with the reason in words', async (t) => {
  const { scorer, shop } = await warmedUp(t, 'traces')
  const usual = await judge(scorer, shop, 1000)
  t.ok(above(usual) <= 20, `${above(usual)} of 1000 usual ones`)
  const one = async (odd: Oddity, reason: RegExp): Promise<void> => {
    const found = await judge(scorer, shop, 1, odd)
    t.ok(found.scores[0]! > found.bound, `${found.scores[0]} is over ${found.bound}`)
    t.match(textOf(found), reason)
    t.ok(found.confidenceOf(0) > 0.99)
  }
  await one({ slow: true }, /^duration: payment POST \/pay took \d+ ms, usually 1\d(\.\d)? ms$/m)
  await one({ withoutPayment: true }, /^missing: shop POST \/order did not call payment POST \/pay, as 100 % of its spans do$/m)
  await one({ retries: 5 }, /^repeats: shop POST \/order called payment POST \/pay 6 times, usually 1$/m)
  await one({ hasFailed: true }, /^errors: payment POST \/pay failed, and 1 more span; usually 0\.\d+ % do$/m)
  await one({ name: 'POST /refund' }, /^operation: shop POST \/refund was never seen before$/m)
})

t.test('of spans each has a score of its own, and one of an operation that is hardly known has none', async (t) => {
  const { scorer, shop } = await warmedUp(t, 'spans')
  const slow = await judge(scorer, shop, 1, { slow: true })
  t.equal(slow.scores.length, 3)
  t.ok(slow.scores[2]! > slow.bound, 'the payment')
  t.match(slow.reasonsOf(2), [{ feature: 'duration', operation: 'payment POST /pay', unit: 'ms' }])
  t.equal(slow.unscored, undefined)
  const cold = await judge(scorer, shop, 1, { name: 'POST /refund' })
  t.ok(Number.isNaN(cold.scores[0]), 'a span of a new operation')
  t.ok(cold.scores[1]! <= cold.bound, 'its children are known')
})

t.test('features that are switched off say nothing, and own attributes do', async (t) => {
  const { scorer, shop } = await warmedUp(t, 'traces', { without: ['missing', 'children', 'spans', 'self_time'], attributes: ['db.rows'] })
  const missing = await judge(scorer, shop, 1, { withoutPayment: true })
  t.notMatch(textOf(missing), /missing|children|spans|self_time/)
  const many = await judge(scorer, shop, 1, { rows: 100_000 })
  t.match(textOf(many), /^db\.rows: (payment POST \/pay|cart GET \/cart) has 100000, usually 1\d/m)
})

t.test('while a model is trained the one before it scores; what has become usual is found no more', async (t) => {
  const clock = new TestClock()
  const settings = new TestSettings('anomaly_model', clock)
  const scorer = scorerOf(t, 'traces', { warmUp: 500, reservoirSize: 1000 }, settings)
  const shop = new Shop(2)
  const first = trained(scorer)
  for (let i = 0; i < 12; i++) await judge(scorer, shop, 50)
  await first
  const { model } = scorer
  const slow = await judge(scorer, shop, 1, { slow: true })
  t.ok(slow.scores[0]! > slow.bound)
  // The payment is slow from now on.
  for (let i = 0; i < 60; i++) {
    await clock.advance(10_000)
    const { unscored } = await judge(scorer, shop, 50, { slow: true })
    if (unscored !== undefined) t.fail(`unscored: ${unscored}`)
  }
  await clock.advance(600_000)
  const again = trained(scorer)
  await judge(scorer, shop, 1, { slow: true })
  await again
  t.not(scorer.model, model)
  const usual = await judge(scorer, shop, 20, { slow: true })
  t.ok(above(usual) <= 2, `${above(usual)} of 20`)
})

t.test('traffic that has become another is noticed, and trained for before the time has come', async (t) => {
  const clock = new TestClock()
  const settings = new TestSettings('anomaly_model', clock)
  const scorer = scorerOf(t, 'traces', { warmUp: 500, reservoirSize: 500, retrainMs: 1e9 }, settings)
  const shop = new Shop(3)
  for (let i = 0; i < 12; i++) await judge(scorer, shop, 50)
  await waitFor(() => scorer.model !== undefined)
  for (let i = 0; i < 30; i++) await judge(scorer, shop, 50)
  t.ok(scorer.drift < 0.25, `usual: ${scorer.drift}`)
  const { model } = scorer
  for (let i = 0; i < 20; i++) await judge(scorer, shop, 50, { retries: 3 })
  t.ok(scorer.drift > 0.25, `another: ${scorer.drift}`)
  t.equal(scorer.model, model)
  await clock.advance(61_000)
  await judge(scorer, shop, 1)
  await waitFor(() => scorer.model !== model)
  t.match(settings.lines.at(-1), { message: 'a model was trained' })
})

t.test('a model that is saved and read scores as before, and knows the names again once they come', async (t) => {
  const { scorer, shop } = await warmedUp(t, 'traces')
  const saved = snapshotOf(scorer)!
  t.notOk(saved.includes('POST /pay'))
  const other = scorerOf(t, 'traces')
  t.equal(restore(other, saved), undefined)
  const twin = new Shop(9)
  const [before, after] = [await judge(scorer, new Shop(9), 200), await judge(other, twin, 200)]
  t.same(after.scores, before.scores)
  t.equal(after.bound, before.bound)
  t.match(textOf(await judge(other, shop, 1, { withoutPayment: true })), /did not call payment POST \/pay/)
})

t.test('a model that was read is not replaced by one that has seen less', async (t) => {
  const { scorer, shop } = await warmedUp(t, 'traces')
  const other = scorerOf(t, 'traces', { warmUp: 256 })
  restore(other, snapshotOf(scorer)!)
  const { model } = other
  for (let i = 0; i < 20; i++) await judge(other, shop, 50)
  await other.idle()
  t.equal(other.model, model)
})

t.test('what was saved by another configuration, or damaged, is not used', async (t) => {
  const { scorer } = await warmedUp(t, 'traces')
  const saved = snapshotOf(scorer)!
  t.match(restore(scorerOf(t, 'traces', { without: ['gap'] }), saved), /other features/)
  t.match(restore(scorerOf(t, 'spans'), saved), /other features/)
  t.throws(() => restore(scorerOf(t, 'traces'), saved.subarray(0, saved.length / 2)))
  t.throws(() => restore(scorerOf(t, 'traces'), Buffer.from('no model')))
  t.equal(snapshotOf(scorerOf(t, 'traces')), undefined)
})

t.test('what is judged, found and left out is counted', async (t) => {
  const settings = new TestSettings('anomaly_model')
  const scorer = scorerOf(t, 'traces', { warmUp: 300, reservoirSize: 1000 }, settings)
  const shop = new Shop(4)
  for (let i = 0; i < 8; i++) await judge(scorer, shop, 50)
  await waitFor(() => scorer.model !== undefined)
  const before = settings.counters['millrace_anomaly_scored'] ?? 0
  await judge(scorer, shop, 10, { slow: true })
  t.equal(settings.counters['millrace_anomaly_scored']! - before, 10)
  t.equal(settings.counters['millrace_anomaly_found']! >= 10, true)
  t.equal(settings.counters['millrace_anomaly_unscored']! + before, 400)
  t.ok(settings.histograms.get('millrace_anomaly_score')!.length >= 10)
  t.equal(settings.counters['millrace_anomaly_trainings'], 1)
})

async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
