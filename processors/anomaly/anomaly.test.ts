import t, { type Test } from 'tap'
import { type AnomalyModel, type AnomalyScorer, type Judgement, type Reason, ScoringPool, Scorer } from '../../core/anomaly/index.ts'
import { type Batch, PermanentError, systemClock } from '../../core/index.ts'
import {
  CollectingConsumer,
  encodeTraces,
  type PlainSpan,
  processorSuite,
  readSpans,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { type AnomalyConfig, factory } from './factory.ts'

const REASON: Reason = {
  feature: 'duration',
  value: 900,
  usual: 15,
  unit: 'ms',
  operation: 'pay POST',
  share: 3,
  text: 'duration: pay POST took 900 ms, usually 15 ms',
}

/** Scores of spans are what the test says; the bound is 0.5. */
class FakeModel implements AnomalyModel {
  readonly timeoutMs = 100
  /** What came in, by trace: the ordinals of its spans. */
  readonly asked: number[][] = []
  readonly #noted: number[][] = []
  answer: (ordinal: number) => number = () => 0.2
  unscored: Judgement['unscored']
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async trained(): Promise<void> {}
  scorer(): AnomalyScorer {
    return {
      noteBytes: 48,
      note: (_index, _span, first, ordinal = 0) => {
        const at = first < 0 ? this.#noted.push([]) - 1 : first
        this.#noted[at]!.push(ordinal)
        return at
      },
      forget: () => {},
      judge: async (traces, count) => {
        this.asked.push(...traces.map((at) => this.#noted[at]!))
        await Promise.resolve()
        const { unscored } = this
        const scores = Float32Array.from({ length: count }, (_, i) => (unscored === undefined ? this.answer(i) : NaN))
        return {
          scores,
          bound: 0.5,
          reasonsOf: () => [REASON],
          confidenceOf: () => 0.9987,
          ...(unscored === undefined ? {} : { unscored }),
        }
      },
    }
  }
}

async function processorWith(model: AnomalyModel, config: Partial<AnomalyConfig> = {}) {
  const next = new CollectingConsumer()
  const settings = new TestSettings('anomaly')
  settings.extensions.set('anomaly_model', model)
  return { next, processor: await factory.create({ model: 'anomaly_model', annotate: 'all', ...config }, next, settings) }
}
const spansOf = (next: CollectingConsumer) => next.batches.flatMap((batch) => readSpans(batch))

processorSuite((name, run) => void t.test(name, run), {
  create: (next, settings) => {
    settings.extensions.set('anomaly_model', new FakeModel())
    return factory.create({ model: 'anomaly_model', annotate: 'all' }, next, settings)
  },
})

t.test('each span gets its score; one over the bound says why, in words and in parts', async (t) => {
  const model = new FakeModel()
  model.answer = (i) => (i === 1 ? 0.71234 : i === 2 ? NaN : 0.25)
  const { processor, next } = await processorWith(model)
  await processor.consume(tracesBatch([{ spans: [{ name: 'a' }, { name: 'b', attributes: { kept: 1 } }, { name: 'c' }] }]), Infinity)
  t.same(
    spansOf(next).map(({ attributes }) => attributes),
    [
      { 'anomaly.score': 0.25 },
      {
        kept: 1,
        'anomaly.score': 0.7123,
        'anomaly.confidence': 0.9987,
        'anomaly.reasons': ['duration: pay POST took 900 ms, usually 15 ms'],
        'anomaly.feature': 'duration',
        'anomaly.operation': 'pay POST',
        'anomaly.value': 900,
        'anomaly.unit': 'ms',
        'anomaly.usual': 15,
      },
      { 'anomaly.unscored': 'not enough yet' },
    ],
  )
})

t.test('with `annotate: anomalous` all other spans leave as they came, byte for byte', async (t) => {
  const model = new FakeModel()
  const { processor, next } = await processorWith(model, { annotate: 'anomalous' })
  const usual = tracesBatch([{ spans: [{ name: 'a' }, { name: 'b' }] }])
  await processor.consume(usual, Infinity)
  t.equal(next.batches[0], usual)
  model.answer = (i) => (i === 0 ? 0.6 : 0.1)
  await processor.consume(usual, Infinity)
  t.same(
    readSpans(next.batches[1]!).map(({ attributes }) => Object.keys(attributes).length),
    [8, 0],
  )
})

t.test('spans of one trace are judged together, whatever lies between them and in whatever request of the batch', async (t) => {
  const model = new FakeModel()
  const { processor, next } = await processorWith(model)
  const [a, b] = ['a', 'b'].map((digit): PlainSpan => ({ traceId: digit.repeat(32) })) as [PlainSpan, PlainSpan]
  const chunks = [encodeTraces([{ spans: [a, b, a] }]), encodeTraces([{ spans: [b, a] }])]
  const batch: Batch = { ...tracesBatch([]), chunks, count: 5 }
  model.answer = (i) => i / 100
  await processor.consume(batch, Infinity)
  t.same(model.asked, [
    [0, 2, 4],
    [1, 3],
  ])
  t.same(
    spansOf(next).map(({ attributes }) => attributes['anomaly.score']),
    [0, 0.01, 0.02, 0.03, 0.04],
  )
  await processor.consume(tracesBatch([{ spans: [a] }]), Infinity)
  t.same(model.asked.at(-1), [0], 'the next batch begins anew')
})

t.test('a batch without scores goes on, and each of its spans says why', async (t) => {
  const model = new FakeModel()
  model.unscored = 'timeout'
  const { processor, next } = await processorWith(model)
  await processor.consume(tracesBatch([{ spans: [{}, {}] }]), Infinity)
  for (const { attributes } of spansOf(next)) t.same(attributes, { 'anomaly.unscored': 'timeout' })
})

t.test('what somebody else said of a span before is replaced', async (t) => {
  const { processor, next } = await processorWith(new FakeModel())
  const attributes = { 'anomaly.score': 0.99, 'anomaly.reasons': 'made up', 'anomaly.feature': 'x', other: 'kept' }
  await processor.consume(tracesBatch([{ spans: [{ attributes }] }]), Infinity)
  t.same(spansOf(next)[0]!.attributes, { 'anomaly.score': 0.2, other: 'kept' })
})

t.test('what downstream says is what the sender is told', async (t) => {
  const { processor, next } = await processorWith(new FakeModel())
  const refusal = new PermanentError('no')
  next.consume = () => Promise.reject(refusal)
  await t.rejects(processor.consume(tracesBatch([{ spans: [{}] }]), Infinity), refusal)
})

t.test('with a real model, a slow span among usual ones is found and explained', async (t: Test) => {
  const settings = new TestSettings('anomaly_model')
  const pool = new ScoringPool({ threads: 1, timeoutMs: 60_000, maxHeapMb: 64, clock: systemClock, log: settings.log })
  t.teardown(() => pool.close())
  const options = { without: [], attributes: [], minSamples: 20, maxOperations: 10, warmUp: 500, reservoirSize: 1000 }
  const scorer = new Scorer('spans', { ...options, windowMs: 1e6, retrainMs: 1e6, flaggedShare: 0.01, seed: 1 }, pool, settings)
  const model: AnomalyModel = {
    timeoutMs: 60_000,
    start: async () => {},
    stop: async () => {},
    trained: () => scorer.idle(),
    scorer: () => scorer,
  }
  const { processor, next } = await processorWith(model)
  const began = 1_767_225_600_000_000_000n
  const span = (ms: number): PlainSpan => ({
    name: 'GET /',
    startTimeUnixNano: began,
    endTimeUnixNano: began + BigInt(Math.round(ms * 1e6)),
  })
  const usual = (): PlainSpan[] => Array.from({ length: 100 }, (_, i) => span(10 + (i % 10) / 10))
  for (let i = 0; i < 10; i++) await processor.consume(tracesBatch([{ spans: usual() }]), Infinity)
  while (scorer.model === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  next.batches.length = 0
  await processor.consume(tracesBatch([{ resource: { 'service.name': 'shop' }, spans: [span(2000)] }]), Infinity)
  const found = spansOf(next)
  t.match(found.at(-1)!.attributes, { 'anomaly.unscored': 'not enough yet' }, 'of another service, which is not known yet')
  next.batches.length = 0
  await processor.consume(tracesBatch([{ spans: [...usual(), span(2000)] }]), Infinity)
  const attributes = spansOf(next).map((one) => one.attributes)
  t.match(attributes.at(-1), {
    'anomaly.reasons': ['duration: GET / took 2000 ms, usually 10.4 ms'],
    'anomaly.feature': 'duration',
    'anomaly.unit': 'ms',
  })
  t.ok(attributes.slice(0, 100).every((one) => typeof one['anomaly.score'] === 'number' && one['anomaly.reasons'] === undefined))
})
