import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import type { Batch, Meter } from '../../core/index.ts'
import { adjustedCountOf, keeps, parseTraceState, randomnessOfTraceId } from '../../core/sampling/index.ts'
import {
  CollectingConsumer,
  logsBatch,
  type PlainLogRecord,
  type PlainSpan,
  processorSuite,
  readLogRecords,
  readSpans,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory, type SamplerConfig } from './factory.ts'

const DEFAULTS: SamplerConfig = {
  sampling_percentage: 50,
  mode: 'hash_seed',
  hash_seed: 0,
  sampling_precision: 4,
  fail_closed: true,
  attribute_source: 'traceID',
  from_attribute: '',
  sampling_priority: '',
}

async function through(config: Partial<SamplerConfig>, batch: Batch, settings = new TestSettings('probabilistic_sampler')): Promise<Batch> {
  const next = new CollectingConsumer()
  settings.signal = batch.signal
  const processor = await factory.create({ ...DEFAULTS, ...config }, next, settings)
  await processor.consume(batch, 0)
  assert.equal(next.count + settings.dropped, batch.count, 'the ledger adds up')
  assert.equal(next.itemCount(), next.count)
  return next.batches[0] ?? { ...batch, chunks: [], count: 0 }
}
const spansThrough = async (config: Partial<SamplerConfig>, spans: readonly PlainSpan[], settings?: TestSettings) =>
  readSpans(await through(config, tracesBatch([{ spans }]), settings))
const recordsThrough = async (config: Partial<SamplerConfig>, logRecords: readonly PlainLogRecord[], settings?: TestSettings) =>
  readLogRecords(await through(config, logsBatch([{ logRecords }]), settings))

/** Ids whose randomness is spread evenly, so that chance has no part in what is kept. */
function evenIds(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const randomness = (BigInt(i) * 2n ** 56n) / BigInt(count)
    return `1111111111111111ff${randomness.toString(16).padStart(14, '0')}`
  })
}
const evenSpans = (count: number, span: PlainSpan = {}): PlainSpan[] => evenIds(count).map((traceId) => ({ ...span, traceId }))
/** A trace id with this randomness. */
const idOf = (randomness: string): string => `2222222222222222ff${randomness}`
const LOW = idOf('10000000000000')
const HIGH = idOf('f0000000000000')

for (const signal of ['traces', 'logs'] as const) {
  t.test(`the suite of every processor: ${signal}`, async (t) => {
    const config = { ...DEFAULTS, sampling_percentage: 50, from_attribute: 'n' } as const
    const items = (count: number): Batch =>
      signal === 'traces'
        ? tracesBatch([{ spans: Array.from({ length: count }, () => ({})) }])
        : logsBatch([{ logRecords: Array.from({ length: count }, (_, n) => ({ attributes: { n } })) }])
    processorSuite(t.test.bind(t), { signal, batch: () => items(100), create: (next, settings) => factory.create(config, next, settings) })
  })
}

t.test('proportional keeps its share of what arrives, and says how many a span stands for', async (t) => {
  const kept = await spansThrough({ mode: 'proportional', sampling_percentage: 25 }, evenSpans(1000))
  t.equal(kept.length, 250)
  t.ok(kept.every(({ traceState }) => traceState === 'ot=th:c'))
  const again = await spansThrough({ mode: 'proportional', sampling_percentage: 50 }, kept)
  t.equal(again.length, 125)
  t.ok(again.every(({ traceState }) => traceState === 'ot=th:e'))
})

t.test('equalizing makes a share of what there was, and lets through what was sampled so much', async (t) => {
  const before = await spansThrough({ mode: 'proportional', sampling_percentage: 50 }, evenSpans(1000))
  const kept = await spansThrough({ mode: 'equalizing', sampling_percentage: 25 }, before)
  t.equal(kept.length, 250)
  t.ok(kept.every(({ traceState }) => traceState === 'ot=th:c'))
  t.same(await spansThrough({ mode: 'equalizing', sampling_percentage: 50 }, kept), kept, 'once more changes nothing')
  const [odd] = await spansThrough({ mode: 'equalizing' }, [{ traceId: HIGH, traceState: 'ot=th:C00' }])
  t.equal(odd!.traceState, 'ot=th:c', 'a threshold is written anew, in its shortest form, as the Collector does')
})

t.test('one sampler behind another keeps what the stricter one would', async () => {
  const percentage = fc.integer({ min: 1, max: 100 })
  const spans = evenSpans(500)
  await fc.assert(
    fc.asyncProperty(percentage, percentage, async (a, b) => {
      const both = await spansThrough(
        { mode: 'equalizing', sampling_percentage: b },
        await spansThrough({ mode: 'equalizing', sampling_percentage: a }, spans),
      )
      const strict = await spansThrough({ mode: 'equalizing', sampling_percentage: Math.min(a, b) }, spans)
      assert.deepEqual(
        both.map(({ traceId, traceState }) => [traceId, traceState]),
        strict.map(({ traceId, traceState }) => [traceId, traceState]),
      )
    }),
    { numRuns: 30 },
  )
})

t.test('adjusted counts add up to what there was, through samplers in a row', async () => {
  const stage = fc.record({
    mode: fc.constantFrom('proportional' as const, 'equalizing' as const),
    sampling_percentage: fc.integer({ min: 10, max: 100 }),
    sampling_precision: fc.integer({ min: 2, max: 14 }),
  })
  const count = 2000
  const spans = evenSpans(count)
  await fc.assert(
    fc.asyncProperty(fc.array(stage, { minLength: 1, maxLength: 3 }), async (stages) => {
      let kept: readonly PlainSpan[] = spans
      for (const config of stages) kept = await spansThrough({ ...config, mode: config.mode }, kept)
      const counts = kept.map(({ traceState }) => {
        const state = parseTraceState(traceState ?? '')
        assert.ok(typeof state !== 'string' && state.threshold !== undefined, traceState ?? 'none')
        return adjustedCountOf(state.threshold)
      })
      const sum = counts.reduce((a, b) => a + b, 0)
      assert.ok(Math.abs(sum - count) <= Math.max(1, ...counts) + 1e-6, `${sum} of ${count}`)
    }),
    { numRuns: 30 },
  )
})

t.test('randomness that the tracestate brings comes before that of the trace id', async (t) => {
  const kept = await spansThrough({ mode: 'equalizing' }, [
    { traceId: LOW, traceState: 'a=1,ot=rv:f0000000000000;k:v' },
    { traceId: HIGH, traceState: 'ot=rv:10000000000000' },
  ])
  t.same(
    kept.map(({ traceId, traceState }) => [traceId, traceState]),
    [[LOW, 'ot=rv:f0000000000000;th:8;k:v,a=1']],
  )
})

t.test('hash_seed chooses by a hash, whose randomness it writes down', async (t) => {
  const spans = evenSpans(4000)
  const kept = await spansThrough({ sampling_percentage: 10 }, spans)
  t.ok(kept.length > 320 && kept.length < 480, `${kept.length} of 4000: the same in every run`)
  for (const { traceState } of kept) {
    const state = parseTraceState(traceState)
    assert.ok(typeof state !== 'string')
    assert.equal(state.thresholdText, 'e668')
    assert.ok(keeps(state.threshold!, state.randomness!), 'any sampler after this one decides alike')
  }
  const [known] = await spansThrough({ sampling_percentage: 100 }, [{ traceId: '338cf8ed60025e930b1317c7738869d7' }])
  t.equal(known!.traceState, 'ot=rv:f3303a779e4333;th:0', "the Collector's randomness")
  const half = await spansThrough({ sampling_percentage: 50 }, spans)
  const ids = new Set(half.map(({ traceId }) => traceId))
  t.ok(
    kept.every(({ traceId }) => ids.has(traceId)),
    'what a tenth has, a half has',
  )
  const other = await spansThrough({ sampling_percentage: 10, hash_seed: 7 }, spans)
  t.not(other.map(({ traceId }) => traceId).join(), kept.map(({ traceId }) => traceId).join(), 'another seed chooses others')
})

t.test('0 keeps nothing, 100 and more everything, and a percentage has 32 bits', async (t) => {
  for (const mode of ['hash_seed', 'proportional', 'equalizing'] as const) {
    t.equal((await spansThrough({ mode, sampling_percentage: 0 }, evenSpans(50))).length, 0)
    for (const sampling_percentage of [100, 1e6]) {
      const kept = await spansThrough({ mode, sampling_percentage }, evenSpans(50))
      t.equal(kept.length, 50)
      t.ok(kept.every(({ traceState }) => /^ot=(rv:[0-9a-f]{14};)?th:0$/.test(traceState)))
    }
  }
  const [span] = await spansThrough({ mode: 'equalizing', sampling_percentage: 33.3, sampling_precision: 14 }, [{ traceId: HIGH }])
  t.equal(span!.traceState, 'ot=th:aac08333333334', 'of 33.299999237060546875')
})

t.test('the attribute sampling.priority keeps or drops a span, whatever else', async (t) => {
  const kept = async (value: string | number | bigint | boolean, traceId: string): Promise<boolean> =>
    (await spansThrough({ mode: 'equalizing' }, [{ traceId, attributes: { a: 1, 'sampling.priority': value } }])).length === 1
  for (const more of [1, 0.5, 2n ** 62n, '1', '0.1', '1e3', 'Inf']) t.equal(await kept(more, LOW), true, `${more} keeps`)
  for (const zero of [0, -0, '0', '-0.0', '0e9']) t.equal(await kept(zero, HIGH), false, `${zero} drops`)
  for (const nothing of [-1, '-1', 'yes', '', ' 1', '1e999', true, '-Inf', Number.NaN]) {
    t.equal(await kept(nothing, LOW), false, `${nothing} asks for nothing`)
    t.equal(await kept(nothing, HIGH), true, `${nothing} asks for nothing`)
  }
  const attributes = { 'sampling.priority': 1 }
  const [asked] = await spansThrough({ mode: 'equalizing' }, [{ traceId: LOW, attributes }])
  t.equal(asked!.traceState, 'ot=th:0', 'it stands for itself alone')
  const [sampled] = await spansThrough({ mode: 'equalizing', sampling_percentage: 1 }, [
    { traceId: HIGH, attributes, traceState: 'b=2,ot=th:c' },
  ])
  t.equal(sampled!.traceState, 'ot=th:c,b=2', 'a threshold is never lowered')
})

t.test('what cannot be decided on is dropped for its reason, or kept as it came', async (t) => {
  const cases: [Partial<SamplerConfig>, PlainSpan, string, string][] = [
    [{ mode: 'equalizing' }, { traceState: 'ot=th:zz,a=1' }, 'malformed sampling state', 'ot=th:zz,a=1'],
    [{ mode: 'proportional' }, { traceState: 'no tracestate' }, 'malformed sampling state', 'no tracestate'],
    [{ mode: 'hash_seed' }, { traceState: 'käse=1' }, 'malformed sampling state', 'käse=1'],
    [{ mode: 'equalizing' }, { traceId: LOW, traceState: 'a=1,ot=th:8' }, 'inconsistent threshold', 'ot=th:0,a=1'],
    [{ mode: 'proportional' }, { traceState: 'ot=th:8;rv:70000000000000' }, 'inconsistent threshold', 'ot=rv:70000000000000;th:0'],
    [{ mode: 'hash_seed' }, { traceState: 'ot=th:8' }, 'threshold in use', 'ot=th:8'],
    [{ mode: 'hash_seed' }, { traceState: 'ot=th:8;rv:f0000000000000' }, 'randomness in use', 'ot=th:8;rv:f0000000000000'],
  ]
  for (const [config, span, reason, left] of cases) {
    const settings = new TestSettings('probabilistic_sampler')
    t.same(await spansThrough(config, [span], settings), [], reason)
    t.same({ ...settings.drops }, { [reason]: 1 })
    t.match(settings.lines, [{ level: 'warn', fields: { reason, dropped: 1, kept: 0 } }])
    const [open] = await spansThrough({ ...config, fail_closed: false }, [span])
    t.equal(open!.traceState, left, `${reason}, kept`)
  }
})

t.test('a tracestate without room for the threshold stays, and the log says so', async (t) => {
  const settings = new TestSettings('probabilistic_sampler')
  const traceState = `ot=k:${'v'.repeat(253)}`
  const [span] = await spansThrough({ mode: 'equalizing' }, [{ traceId: HIGH, traceState }], settings)
  t.equal(span!.traceState, traceState)
  t.match(settings.lines, [{ level: 'warn', fields: { items: 1 }, message: /no room/ }])
})

t.test('log records are chosen by trace id, or by an attribute', async (t) => {
  const traced = await recordsThrough({ mode: 'equalizing' }, [{ traceId: LOW }, { traceId: HIGH }, {}])
  t.same(
    traced.map(({ traceId, attributes }) => [traceId, { ...attributes }]),
    [[HIGH, { 'sampling.threshold': '8' }]],
  )
  const values = ['a', 'bc', 'käse', 17, 2n ** 60n, 0.5, true, ['x', 1], { k: 'v' }, new Uint8Array([1, 2, 3])]
  const byAttribute = { attribute_source: 'record', from_attribute: 'key', sampling_percentage: 100 } as const
  const records = values.map((value) => ({ attributes: { key: value }, traceId: LOW }))
  const kept = await recordsThrough(byAttribute, records)
  t.equal(new Set(kept.map(({ attributes }) => attributes['sampling.randomness'])).size, values.length, 'one randomness a value')
  const byTrace = await recordsThrough({ ...byAttribute, attribute_source: 'traceID' }, [...records, { attributes: { key: 'a' } }])
  t.equal(new Set(byTrace.map(({ attributes }) => attributes['sampling.randomness'])).size, 2, 'where there is no trace id, the attribute')
  t.equal(byTrace.at(-1)!.attributes['sampling.randomness'], kept[0]!.attributes['sampling.randomness'])
})

t.test('log records without randomness, or with what another sampler wrote', async (t) => {
  const cases: [Partial<SamplerConfig>, PlainLogRecord, string, PlainLogRecord['attributes']][] = [
    [{}, {}, 'no randomness', { 'sampling.threshold': '0' }],
    [{ from_attribute: 'key' }, { attributes: { key: '' } }, 'no randomness', { key: '', 'sampling.threshold': '0' }],
    [{ mode: 'proportional' }, { attributes: { key: 'a' } }, 'no randomness', { key: 'a', 'sampling.threshold': '0' }],
    [{}, { traceId: HIGH, attributes: { 'sampling.threshold': 'x' } }, 'malformed sampling state', { 'sampling.threshold': 'x' }],
    [{ mode: 'equalizing' }, { attributes: { 'sampling.randomness': '1' } }, 'malformed sampling state', { 'sampling.randomness': '1' }],
    [{}, { traceId: HIGH, attributes: { 'sampling.threshold': '8' } }, 'threshold in use', { 'sampling.threshold': '8' }],
    [{}, { attributes: { 'sampling.randomness': 'f0000000000000' } }, 'randomness in use', { 'sampling.randomness': 'f0000000000000' }],
    [
      { mode: 'equalizing' },
      { traceId: LOW, attributes: { 'sampling.threshold': '8', b: 1 } },
      'inconsistent threshold',
      { 'sampling.threshold': '0', b: 1 },
    ],
  ]
  for (const [config, record, reason, left] of cases) {
    const settings = new TestSettings('probabilistic_sampler')
    t.same(await recordsThrough(config, [record], settings), [], reason)
    t.same({ ...settings.drops }, { [reason]: 1 })
    const [open] = await recordsThrough({ ...config, fail_closed: false }, [record])
    t.same({ ...open!.attributes }, left, `${reason}, kept`)
  }
})

t.test('log records: explicit randomness decides, and a threshold is never lowered', async (t) => {
  const attributes = { 'sampling.randomness': 'f0000000000000', 'sampling.threshold': 'c' }
  const [kept] = await recordsThrough({ mode: 'equalizing' }, [{ traceId: LOW, attributes }])
  t.same({ ...kept!.attributes }, attributes)
  const [strict] = await recordsThrough({ mode: 'proportional', sampling_percentage: 25 }, [{ attributes }])
  t.same({ ...strict!.attributes }, { ...attributes, 'sampling.threshold': 'f' })
})

t.test('a log record may ask for a percentage of its own', async (t) => {
  const config = { mode: 'equalizing', sampling_percentage: 1, sampling_priority: 'p' } as const
  const threshold = async (p: string | number | bigint): Promise<unknown> =>
    (await recordsThrough(config, [{ traceId: HIGH, attributes: { p } }]))[0]?.attributes['sampling.threshold']
  t.equal(await threshold(25), 'c')
  t.equal(await threshold(12.5), 'e')
  t.equal(await threshold(100), '0')
  t.equal(await threshold(5), undefined, 'which may not be enough')
  for (const nothing of [0, 101, -5, '25', Number.NaN, 2n ** 60n])
    t.equal(await threshold(nothing), undefined, `${nothing} asks for nothing`)
  t.equal((await recordsThrough({ sampling_percentage: 0, sampling_priority: 'p' }, [{ attributes: { p: 100 } }])).length, 1)
})

t.test('items are counted by policy, as in the Collector', async (t) => {
  const counted = new Map<string, number>()
  const settings = new TestSettings('probabilistic_sampler')
  const meter: Meter = {
    ...settings.meter,
    counter: (name) => (n, attributes) => {
      const key = `${name} ${attributes!['policy']} ${attributes!['sampled']}`
      counted.set(key, (counted.get(key) ?? 0) + n)
    },
  }
  await spansThrough(
    { mode: 'equalizing' },
    [
      { traceId: HIGH },
      { traceId: LOW },
      { traceId: LOW, traceState: 'ot=rv:f0000000000000' },
      { traceId: LOW, attributes: { 'sampling.priority': 1 } },
      { traceId: HIGH, traceState: '?' },
    ],
    Object.assign(settings, { meter }),
  )
  await recordsThrough(
    { from_attribute: 'key', sampling_percentage: 100 },
    [{ traceId: HIGH }, { attributes: { key: 'a' } }, {}],
    Object.assign(new TestSettings('x'), { meter }),
  )
  const name = 'otelcol_processor_probabilistic_sampler_count'
  t.same(Object.fromEntries(counted), {
    [`${name}_traces_sampled trace_id_w3c true`]: 1,
    [`${name}_traces_sampled trace_id_w3c false`]: 1,
    [`${name}_traces_sampled sampling_randomness true`]: 1,
    [`${name}_traces_sampled sampling_priority true`]: 1,
    [`${name}_traces_sampled missing_randomness false`]: 1,
    [`${name}_logs_sampled trace_id_hash true`]: 1,
    [`${name}_logs_sampled key true`]: 1,
    [`${name}_logs_sampled missing_randomness false`]: 1,
  })
})

t.test('what is kept is kept byte for byte, but for the tracestate', async () => {
  const span = fc.record({
    traceId: fc.stringMatching(/^[1-9a-f]{32}$/),
    spanId: fc.stringMatching(/^[1-9a-f]{16}$/),
    parentSpanId: fc.constantFrom('', '1234567812345678'),
    name: fc.string(),
    traceState: fc.constantFrom('', 'a=1', 'ot=th:0', 'ot=rv:fedcba98765432', 'ot=k:v,b=2'),
    attributes: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()), { maxKeys: 3, noNullPrototype: true }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(span, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 100 }), async (spans, percentage) => {
      const half = Math.ceil(spans.length / 2)
      const batch = tracesBatch([
        { resource: { service: 'a' }, scopeName: 's', spans: spans.slice(0, half) },
        { resource: { service: 'b' }, spans: spans.slice(half) },
      ])
      const kept = readSpans(await through({ mode: 'equalizing', sampling_percentage: percentage }, batch))
      const before = new Map(readSpans(batch).map((one) => [one.spanId, one]))
      for (const { traceState, ...rest } of kept) {
        const { traceState: then, ...expected } = before.get(rest.spanId)!
        assert.deepEqual(rest, expected)
        const state = parseTraceState(traceState)
        assert.ok(typeof state !== 'string')
        const randomness = state.randomness ?? randomnessOfTraceId(Buffer.from(rest.traceId, 'hex'))
        assert.ok(keeps(state.threshold!, randomness))
        for (const member of ['a=1', 'b=2', 'k:v', 'rv:fedcba98765432']) assert.equal(traceState.includes(member), then.includes(member))
      }
    }),
    { numRuns: 100 },
  )
})

t.test('a span with its fields in another order is read and written all the same', async (t) => {
  const field = (tag: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([tag, bytes.length]), bytes])
  const parts = [field(0x2a, Buffer.from('name')), field(0x1a, Buffer.from('a=1')), field(0x0a, Buffer.from(HIGH, 'hex'))]
  const request = (...of: Buffer[]): Batch => {
    const span = field(0x12, Buffer.concat([...of, field(0x12, Buffer.alloc(8, 1))]))
    return { ...tracesBatch([]), chunks: [field(0x0a, field(0x12, span))], count: 1 }
  }
  const config = { mode: 'equalizing' } as const
  t.equal(readSpans(await through(config, request(...parts)))[0]!.traceState, 'ot=th:8,a=1')
  t.equal(readSpans(await through(config, request(parts[0]!, parts[2]!)))[0]!.traceState, 'ot=th:8')
  const twice = request(...parts, field(0x1a, Buffer.from('b=2')))
  t.equal(readSpans(await through(config, twice))[0]!.traceState, 'ot=th:8,b=2', 'the last one counts')
})

t.test('what a schema cannot say', async (t) => {
  const faults = (config: Partial<SamplerConfig>): readonly string[] =>
    factory.check!({ ...DEFAULTS, ...config }).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({}), [])
  t.same(faults({ sampling_percentage: 0 }), [])
  t.match(faults({ sampling_percentage: 1e-15 }), [/^sampling_percentage: found 1e-15; accepted/])
  t.match(faults({ sampling_percentage: Infinity }), [/^sampling_percentage: found Infinity/])
  t.match(faults({ attribute_source: 'record' }), [/^from_attribute: missing/])
  t.same(faults({ attribute_source: 'record', from_attribute: 'id' }), [])
})
