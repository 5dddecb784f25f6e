// What each policy decides, as the Collector's of its name does, without the processor: traces in, decisions out.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { otlp } from '../../core/index.ts'
import { encodeTraces, type PlainResource } from '../../core/testing/index.ts'
import { conditionFaults } from './condition-faults.ts'
import { policyFaults } from './policy-faults.ts'
import type { PolicyConfig } from './policy-schema.ts'
import { PolicySet } from './policy-set.ts'
import { thresholdOf } from './probabilistic.ts'
import { explicitRandomness, parseTraceState, randomnessOf, thresholdBefore, withThreshold } from './trace-state.ts'

const ID = '0102030405060708090a0b0c0d0e0f10'

interface Trial {
  readonly requests: readonly (readonly PlainResource[])[]
  readonly id?: string
  readonly nowMs?: number
}

async function setOf(policies: readonly PolicyConfig[], firstMatch = false): Promise<PolicySet> {
  return PolicySet.of(policies, { firstMatch, report: () => {} })
}

interface Outcome {
  readonly vote: 'sampled' | 'not_sampled' | 'dropped'
  readonly policy: string
  readonly threshold: number
}

/** Traces that are due together. */
function decideAll(set: PolicySet, trials: readonly Trial[]): Outcome[] {
  const views = trials.map(({ requests, id = ID, nowMs = 0 }) => {
    const cells = new Int32Array(set.cells)
    let spanCount = 0
    let bytes = 0
    for (const resources of requests) {
      const chunk = encodeTraces(resources.map((one) => ({ ...one, spans: one.spans.map((span) => ({ traceId: id, ...span })) })))
      const index = otlp.indexChunk('traces', chunk)
      for (let span = 0; span < index.itemCount; span++) set.observe(index, span, cells, 0)
      spanCount += index.itemCount
      bytes += chunk.length
    }
    return { id: new Int32Array(new Uint8Array(Buffer.from(id, 'hex')).buffer), spanCount, cells, at: 0, nowMs, bytes }
  })
  for (const view of views) set.gather(view)
  return views.map((view) => {
    const { vote, policy, part, threshold } = set.decide(view, view.bytes)
    return { vote: (['not_sampled', 'sampled', 'dropped'] as const)[vote as 0 | 1 | 2], policy: set.nameOf(part || policy), threshold }
  })
}

async function votesOn(policy: Omit<PolicyConfig, 'name'>, ...trials: readonly (readonly PlainResource[])[]): Promise<string> {
  const set = await setOf([{ name: 'p', ...policy }])
  return trials.map((resources) => (decideAll(set, [{ requests: [resources] }])[0]!.vote === 'sampled' ? 'y' : 'n')).join('')
}

const span = (attributes: Record<string, string | number | boolean | bigint>): readonly PlainResource[] => [{ spans: [{ attributes }] }]
const resource = (attributes: Record<string, string | number | boolean>): readonly PlainResource[] => [
  { resource: attributes, spans: [{}] },
]
const lasting = (...spans: readonly (readonly [startMs: number, endMs: number])[]): readonly PlainResource[] => [
  { spans: spans.map(([start, end]) => ({ startTimeUnixNano: BigInt(start * 1e6), endTimeUnixNano: BigInt(end * 1e6) })) },
]

t.test('always_sample, span_count, status_code', async (t) => {
  t.equal(await votesOn({ type: 'always_sample' }, span({})), 'y')
  const of = (n: number): readonly PlainResource[] => [{ spans: Array.from({ length: n }, () => ({})) }]
  t.equal(await votesOn({ type: 'span_count', span_count: { min_spans: 2, max_spans: 3 } }, of(1), of(2), of(3), of(4)), 'nyyn')
  t.equal(await votesOn({ type: 'span_count', span_count: { min_spans: 2, max_spans: 0 } }, of(1), of(99)), 'ny')
  const coded = (...codes: readonly (0 | 1 | 2)[]): readonly PlainResource[] => [{ spans: codes.map((statusCode) => ({ statusCode })) }]
  t.equal(await votesOn({ type: 'status_code', status_code: { status_codes: ['ERROR'] } }, coded(0, 1), coded(0, 2, 1), coded()), 'nyn')
  t.equal(await votesOn({ type: 'status_code', status_code: { status_codes: ['UNSET', 'OK'] } }, coded(2), coded(2, 0), coded(1)), 'nyy')
})

t.test('latency: from the earliest start to the latest end, whole milliseconds', async (t) => {
  const from = (threshold_ms: number, upper_threshold_ms = 0) => ({ type: 'latency', latency: { threshold_ms, upper_threshold_ms } })
  t.equal(await votesOn(from(100), lasting([1000, 1099.9]), lasting([1000, 1100]), lasting([1000, 1010], [1090, 1100])), 'nyy')
  t.equal(await votesOn(from(100, 200), lasting([1000, 1100]), lasting([1000, 1101]), lasting([1000, 1200]), lasting([1000, 1201])), 'nyyn')
  t.equal(
    await votesOn(from(100, 200), lasting([1000, 1150], [1000, 9000])),
    'y',
    'as in the Collector, it is enough that it once was within',
  )
  t.equal(await votesOn(from(100), lasting([0, 1150])), 'y', 'a start of 0')
  t.equal(await votesOn(from(100), lasting([0, 50], [1000, 1050])), 'n', 'a start of 0 gives way to any other')
  t.equal(await votesOn(from(1), lasting([2000, 1000])), 'n', 'reversed')
})

t.test('numeric_attribute: whole numbers alone, of spans and resources', async (t) => {
  const within = (min_value: number, max_value: number, invert_match = false) => ({
    type: 'numeric_attribute',
    numeric_attribute: { key: 'n', min_value, max_value, invert_match },
  })
  const trials = [
    span({ n: 49 }),
    span({ n: 50 }),
    span({ n: 100 }),
    span({ n: 101 }),
    span({ n: 75.5 }),
    span({ n: '75' }),
    span({}),
    resource({ n: 75 }),
  ]
  t.equal(await votesOn(within(50, 100), ...trials), 'nyynnnny')
  t.equal(await votesOn(within(50, 100, true), ...trials), 'ynnyyyyn')
  t.equal(await votesOn(within(0, 100), span({ n: -5 }), span({ n: 'text' })), 'yy', 'another type counts as 0')
  t.equal(await votesOn(within(50, 0), span({ n: 2n ** 60n }), span({ n: 0 })), 'yn')
})

t.test('boolean_attribute and string_attribute', async (t) => {
  const is = (value: boolean, invert_match = false) => ({ type: 'boolean_attribute', boolean_attribute: { key: 'b', value, invert_match } })
  const booleans = [span({ b: true }), span({ b: false }), span({}), span({ b: 'true' }), resource({ b: true })]
  t.equal(await votesOn(is(true), ...booleans), 'ynnny')
  t.equal(await votesOn(is(false), ...booleans), 'nynyn')
  t.equal(await votesOn(is(true, true), ...booleans), 'nyyyn')
  const one = (values: string[], enabled_regex_matching = false, invert_match = false) => ({
    type: 'string_attribute',
    string_attribute: { key: 's', values, enabled_regex_matching, cache_max_size: 2, invert_match },
  })
  const texts = [span({ s: 'abc' }), span({ s: 'xabcx' }), span({ s: 'other' }), span({}), span({ s: 1 }), resource({ s: 'abc' })]
  t.equal(await votesOn(one(['abc', 'd']), ...texts), 'ynnnny')
  t.equal(await votesOn(one(['b.'], true), ...texts, ...texts), 'yynnnyyynnny', 'patterns are found anywhere, and remembered')
  t.equal(await votesOn(one(['abc'], false, true), ...texts), 'nyyyyn')
  t.equal(await votesOn(one(['^$'], true), span({ s: '' }), resource({ s: '' })), 'ny', 'the empty text of a span never matches')
})

t.test('a resource counts where it has a span of the trace, and what one span has is not asked of the next trace', async (t) => {
  const set = await setOf([
    {
      name: 'p',
      type: 'string_attribute',
      string_attribute: { key: 's', values: ['a'], enabled_regex_matching: false, cache_max_size: 0, invert_match: false },
    },
  ])
  const cells = new Int32Array(2 * set.cells)
  const index = otlp.indexChunk(
    'traces',
    encodeTraces([
      { resource: { s: 'a' }, spans: [{}] },
      { resource: { s: 'b' }, spans: [{}] },
    ]),
  )
  set.observe(index, 0, cells, 0)
  set.observe(index, 1, cells, set.cells)
  t.same([...cells], [1, 0])
})

t.test('probabilistic: the hash and the threshold of the Collector', async (t) => {
  const MASK = 2n ** 64n - 1n
  const fnv = (bytes: Uint8Array): bigint =>
    bytes.reduce((hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK, 0xcbf29ce484222325n)
  t.equal(fnv(Buffer.from('foobar')), 0x85944171f73967e8n, 'the published value of FNV-1a')
  // What Go's math/big makes of these percentages.
  for (const [percentage, threshold] of [
    [10, 1844674407370955263n],
    [33.3, 6142765776545279999n],
    [0.01, 1844674407370955n],
    [99.9, 18428297329635844095n],
    [50, 9223372036854775807n],
    [12.345, 2277250555899444223n],
    [1e-7, 18446744073n],
  ] as const)
    t.equal(thresholdOf(percentage / 100), threshold, `${percentage} %`)
  t.equal(thresholdOf(1), MASK)
  t.equal(thresholdOf(0), 0n)
  for (const [salt, percentage] of [
    ['', 10],
    ['salt', 33.3],
    ['x', 0.01],
    ['y', 99.9],
  ] as const) {
    const set = await setOf([{ name: 'p', type: 'probabilistic', probabilistic: { hash_salt: salt, sampling_percentage: percentage } }])
    const threshold = thresholdOf(percentage / 100)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const hash = fnv(Buffer.concat([Buffer.from(salt || 'default-hash-seed'), bytes]))
        const view = { id: new Int32Array(bytes.slice().buffer), spanCount: 1, cells: new Int32Array(0), at: 0, nowMs: 0 }
        assert.equal(set.decide(view, 1).kept, hash <= threshold)
      }),
      { numRuns: 200 },
    )
  }
})

t.test('rate_limiting and bytes_limiting: a bucket that is full at first', async (t) => {
  const of = (spans: number, nowMs: number): Trial => ({ requests: [[{ spans: Array.from({ length: spans }, () => ({})) }]], nowMs })
  const spans = await setOf([{ name: 'p', type: 'rate_limiting', rate_limiting: { spans_per_second: 10, burst_capacity: 0 } }])
  const votes = [of(21, 0), of(15, 0), of(5, 0), of(1, 0), of(1, 50), of(1, 100), of(20, 5000)].map(
    (trial) => decideAll(spans, [trial])[0]!.vote,
  )
  t.same(votes, ['not_sampled', 'sampled', 'sampled', 'not_sampled', 'not_sampled', 'sampled', 'sampled'])
  const bytes = await setOf([{ name: 'p', type: 'bytes_limiting', bytes_limiting: { bytes_per_second: 1000, burst_capacity: 1000 } }])
  const chunk = encodeTraces([
    { resource: { a: 'b' }, scopeName: 's', spans: [{ traceId: ID, spanId: '01'.repeat(8), name: 'x'.repeat(404) }] },
  ])
  const large: Trial = {
    requests: [[{ resource: { a: 'b' }, scopeName: 's', spans: [{ spanId: '01'.repeat(8), name: 'x'.repeat(404) }] }]],
  }
  t.ok(2 * chunk.length < 1000 && 2 * (chunk.length + 30) > 1000, 'two fit, and two with a resource more would not')
  t.same(
    [large, large, large].map((trial) => decideAll(bytes, [trial])[0]!.vote),
    ['sampled', 'sampled', 'not_sampled'],
    'the size is that of the request',
  )
  t.equal(decideAll(bytes, [{ ...large, nowMs: 500 }])[0]!.vote, 'sampled')
})

t.test('trace_state and trace_flags', async (t) => {
  t.same(
    [...parseTraceState('a=1, b=2 ,c@d=x')!],
    [
      ['a', '1'],
      ['b', '2'],
      ['c@d', 'x'],
    ],
  )
  for (const wrong of ['A=1', 'a', 'a=', 'a=1,a=2', 'a=\u00e9', Array.from({ length: 33 }, (_, n) => `k${n}=1`).join()])
    t.equal(parseTraceState(wrong), undefined, wrong.slice(0, 20))
  t.equal(parseTraceState('')!.size, 0)
  t.equal(await votesOn({ type: 'trace_flags' }, span({})), 'n')
  t.equal(await votesOn({ type: 'trace_state', trace_state: { key: 'a', values: ['1'] } }, span({})), 'n')
})

t.test('condition: CEL on spans, and what has no answer', async (t) => {
  const of = (texts: string[], error_mode: 'ignore' | 'propagate' = 'ignore') => ({
    type: 'condition',
    condition: { span: texts, error_mode },
  })
  t.equal(await votesOn(of(['attributes["a"] == 1', 'duration_ms > 500.0']), span({ a: 1 }), span({ a: 2 }), lasting([0, 600])), 'yny')
  const reasons: string[] = []
  const config: PolicyConfig = { name: 'p', ...of(['attributes["a"].startsWith("x")'], 'propagate') }
  const set = await PolicySet.of([config], { firstMatch: false, report: (policy, reason) => reasons.push(`${policy}: ${reason}`) })
  t.same(decideAll(set, [{ requests: [span({ a: 1 })] }]), [{ vote: 'not_sampled', policy: '', threshold: 0 }])
  t.equal(set.failures, 1)
  t.match(reasons[0], /^p: /)
})

t.test('and, not, drop', async (t) => {
  const has = (name: string, key: string, invert_match = false): PolicyConfig => ({
    name,
    type: 'boolean_attribute',
    boolean_attribute: { key, value: true, invert_match },
  })
  t.equal(
    await votesOn({ type: 'and', and: { and_sub_policy: [has('a', 'a'), has('b', 'b')] } }, span({ a: true }), span({ a: true, b: true })),
    'ny',
  )
  t.equal(await votesOn({ type: 'not', not: { not_sub_policy: has('a', 'a') } }, span({ a: true }), span({})), 'ny')
  const dropping = await setOf([
    { name: 'all', type: 'always_sample' },
    { name: 'probes', type: 'drop', drop: { drop_sub_policy: [has('a', 'a'), has('b', 'b')] } },
  ])
  t.same(decideAll(dropping, [{ requests: [span({ a: true, b: true })] }, { requests: [span({ a: true })] }]), [
    { vote: 'dropped', policy: 'probes', threshold: 0 },
    { vote: 'sampled', policy: 'all', threshold: 0 },
  ])
})

t.test('and asks a rate only about what passed the policies before it', async (t) => {
  const set = await setOf([
    {
      name: 'p',
      type: 'and',
      and: {
        and_sub_policy: [
          { name: 'a', type: 'boolean_attribute', boolean_attribute: { key: 'a', value: true, invert_match: false } },
          { name: 'r', type: 'rate_limiting', rate_limiting: { spans_per_second: 1, burst_capacity: 1 } },
        ],
      },
    },
  ])
  const votes = [span({}), span({}), span({ a: true }), span({ a: true })].map((one) => decideAll(set, [{ requests: [one] }])[0]!.vote)
  t.same(votes, ['not_sampled', 'not_sampled', 'sampled', 'not_sampled'])
})

t.test('composite: the first part that holds decides, within its share of the second', async (t) => {
  const composite = (rate_allocation: { policy: string; percent: number }[]): PolicyConfig => ({
    name: 'c',
    type: 'composite',
    composite: {
      max_total_spans_per_second: 4,
      policy_order: [],
      composite_sub_policy: [
        { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
        { name: 'rest', type: 'always_sample' },
      ],
      rate_allocation,
    },
  })
  const set = await setOf([
    composite([
      { policy: 'errors', percent: 50 },
      { policy: 'rest', percent: 25 },
    ]),
  ])
  const error: readonly PlainResource[] = [{ spans: [{ statusCode: 2 }] }]
  const run = (requests: readonly PlainResource[], nowMs: number): string => {
    const { vote, policy } = decideAll(set, [{ requests: [requests], nowMs }])[0]!
    return vote === 'sampled' ? policy : vote
  }
  t.same(
    [run(error, 0), run(error, 100), run(error, 200), run(span({}), 300), run(span({}), 400), run(error, 1000), run(span({}), 1001)],
    ['errors', 'errors', 'not_sampled', 'rest', 'not_sampled', 'errors', 'rest'],
  )
  const unshared = await setOf([composite([{ policy: 'errors', percent: 0 }])])
  t.equal(decideAll(unshared, [{ requests: [error] }])[0]!.vote, 'sampled', 'a share of 0 % is an equal part')
  t.equal(decideAll(unshared, [{ requests: [span({})] }])[0]!.vote, 'not_sampled', 'without a share there is nothing')
})

t.test('the first policy that keeps a trace is named, and with sample_on_first_match ends the question', async (t) => {
  const configs: PolicyConfig[] = [
    { name: 'none', type: 'span_count', span_count: { min_spans: 9, max_spans: 0 } },
    { name: 'first', type: 'always_sample' },
    { name: 'second', type: 'always_sample' },
  ]
  for (const [firstMatch, executions] of [
    [false, [1, 1, 1]],
    [true, [1, 1, 0]],
  ] as const) {
    const set = await setOf(configs, firstMatch)
    t.equal(decideAll(set, [{ requests: [span({})] }])[0]!.policy, 'first')
    t.same(
      set.tallies.map((tally) => tally.executions),
      executions,
    )
  }
})

// ---- budget

/** Deterministic, so that a test cannot fail by chance. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    let x = state ^ (state >>> 16)
    x = Math.imul(x, 0x85ebca6b)
    return (x ^ (x >>> 13)) >>> 0
  }
}

interface Simulated {
  readonly kept: Map<string, number>
  readonly offered: Map<string, number>
  /** What whoever counts by 1 / probability would say was offered. */
  readonly counted: Map<string, number>
}

/** A second of traffic, ten decisions: so many traces of `spans` spans for each operation. */
function second(
  set: PolicySet,
  at: number,
  traffic: Readonly<Record<string, number>>,
  random: () => number,
  into: Simulated,
  spans = 5,
  /** A sampler in front, which keeps what has at least this randomness, of 2^20. */
  head = 0,
): void {
  const traceState = withThreshold('', head)
  for (let tenth = 0; tenth < 10; tenth++) {
    const due: { readonly operation: string; readonly trial: Trial }[] = []
    for (const [operation, traces] of Object.entries(traffic)) {
      const count = Math.floor((traces * (tenth + 1)) / 10) - Math.floor((traces * tenth) / 10)
      for (let n = 0; n < count; n++) {
        const id = Array.from({ length: 4 }, () => random().toString(16).padStart(8, '0')).join('')
        const requests = [
          [{ resource: { 'service.name': 'shop' }, spans: Array.from({ length: spans }, () => ({ name: operation, traceState })) }],
        ]
        into.offered.set(operation, (into.offered.get(operation) ?? 0) + spans)
        if (randomnessOf(new Int32Array(new Uint8Array(Buffer.from(id, 'hex')).buffer)) < head) continue
        due.push({ operation, trial: { requests, id, nowMs: at * 1000 + tenth * 100 } })
      }
    }
    const outcomes = decideAll(
      set,
      due.map(({ trial }) => trial),
    )
    for (const [i, { vote, threshold }] of outcomes.entries()) {
      const { operation } = due[i]!
      const add = (map: Map<string, number>, n: number): void => void map.set(operation, (map.get(operation) ?? 0) + n)
      if (vote !== 'sampled') continue
      add(into.kept, spans)
      add(into.counted, spans / (1 - Math.max(head, threshold) / 2 ** 20))
    }
  }
}
const simulation = (): Simulated => ({ kept: new Map(), offered: new Map(), counted: new Map() })
const total = (map: ReadonlyMap<string, number>): number => [...map.values()].reduce((sum, n) => sum + n, 0)

t.test('budget: within a tenth of its target through a tenfold burst, and adjusted counts stay right', async (t) => {
  const set = await setOf([{ name: 'b', type: 'budget', budget: { spans_per_second: 500 } }])
  const random = numbers(7)
  const phases = { before: simulation(), burst: simulation(), after: simulation() }
  let at = 0
  const traffic = { 'GET /': 200, 'GET /a': 50, 'POST /rare': 1 }
  const tenfold = { 'GET /': 2000, 'GET /a': 500, 'POST /rare': 10 }
  for (let n = 0; n < 10; n++) second(set, at++, traffic, random, phases.before)
  for (let n = 0; n < 5; n++) second(set, at++, tenfold, random, phases.burst)
  for (let n = 0; n < 10; n++) second(set, at++, traffic, random, phases.after)
  for (const [phase, seconds] of [
    ['before', 10],
    ['burst', 5],
    ['after', 10],
  ] as const) {
    const { kept, offered, counted } = phases[phase]
    const rate = total(kept) / seconds
    t.ok(rate > 450 && rate < 550, `${phase}: ${rate} spans/s`)
    for (const [operation, spans] of offered) {
      const off = Math.abs((counted.get(operation) ?? 0) - spans) / spans
      t.ok(off < 0.15, `${phase}: ${operation} is counted within ${(100 * off).toFixed(1)} %`)
    }
    t.equal(kept.get('POST /rare'), offered.get('POST /rare'), 'the rare ones survive whole')
  }
})

t.test('budget: behind a head sampler it keeps to its target as well, and what both left is counted right', async (t) => {
  const set = await setOf([{ name: 'b', type: 'budget', budget: { spans_per_second: 500 } }])
  const into = simulation()
  const random = numbers(11)
  const traffic = { 'GET /': 4000, 'GET /a': 1000 }
  for (let at = 0; at < 10; at++) second(set, at, traffic, random, into, 5, 0xc0000)
  const rate = total(into.kept) / 10
  t.ok(rate > 450 && rate < 550, `${rate} spans/s of ${total(into.offered) / 10}, of which a quarter arrives`)
  for (const [operation, spans] of into.offered) {
    const off = Math.abs((into.counted.get(operation) ?? 0) - spans) / spans
    t.ok(off < 0.15, `${operation} is counted within ${(100 * off).toFixed(1)} %`)
  }
})

t.test('budget: where less arrives than it allows, everything is kept and nothing is counted up', async (t) => {
  const set = await setOf([{ name: 'b', type: 'budget', budget: { spans_per_second: 1000 } }])
  const into = simulation()
  for (let at = 0; at < 5; at++) second(set, at, { a: 50, b: 50 }, numbers(at + 1), into)
  t.equal(total(into.kept), total(into.offered))
  t.equal(total(into.counted), total(into.offered))
})

t.test('budget: what other policies keep comes first, and is not counted up', async (t) => {
  const set = await setOf([
    { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
    { name: 'b', type: 'budget', budget: { spans_per_second: 100 } },
  ])
  let kept = 0
  const random = numbers(3)
  for (let tick = 0; tick < 100; tick++) {
    const trials = Array.from({ length: 40 }, (_, n) => ({
      requests: [[{ spans: [{ statusCode: n < 6 ? 2 : 0 } as const] }]],
      id: Array.from({ length: 4 }, () => random().toString(16).padStart(8, '0')).join(''),
      nowMs: tick * 100,
    }))
    const outcomes = decideAll(set, trials)
    t.ok(outcomes.slice(0, 6).every(({ vote, threshold }) => vote === 'sampled' && threshold === 0) || t.fail('an error'))
    kept += outcomes.filter(({ vote }) => vote === 'sampled').length
  }
  t.ok(kept > 900 && kept < 1100, `${kept} of 1000`)
})

t.test('randomness and thresholds in the tracestate', async (t) => {
  const words = (id: string): Int32Array => new Int32Array(new Uint8Array(Buffer.from(id, 'hex')).buffer)
  t.equal(randomnessOf(words('00000000000000000012345600000000')), 0x12345)
  t.equal(randomnessOf(words('ffffffffffffffffff00000fffffffff')), 0)
  t.equal(explicitRandomness('ot=th:8;rv:abcdef01234567'), 0xabcde)
  t.equal(explicitRandomness('ot=rv:abc'), undefined)
  t.equal(explicitRandomness('x=rv:abcdef01234567'), undefined)
  t.equal(withThreshold('', 0x80000), 'ot=th:8')
  t.equal(withThreshold('', 0x00100), 'ot=th:001')
  t.equal(withThreshold('a=1,ot=rv:abcdef01234567,b=2', 0xc0000), 'ot=rv:abcdef01234567;th:c,a=1,b=2')
  t.equal(withThreshold('ot=th:c', 0x80000), 'ot=th:c', 'a higher threshold stays')
  t.equal(withThreshold('ot=th:8', 0xc0000), 'ot=th:c')
  t.equal(thresholdBefore('a=1,ot=th:c01'), 0xc0100)
  t.equal(thresholdBefore('ot=rv:abcdef01234567'), 0)
})

t.test('what a schema cannot say of policies', async (t) => {
  const faults = (policies: readonly PolicyConfig[]): readonly string[] =>
    policyFaults(policies, ['policies']).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults([{ name: 'a', type: 'always_sample' }]), [])
  t.match(faults([{ name: 'a', type: 'latency' }]), [/^policies\.0: .*no section/])
  t.match(faults([{ name: 'a', type: 'always_sample', latency: { threshold_ms: 1, upper_threshold_ms: 0 } }]), [
    /^policies\.0\.latency: means nothing/,
  ])
  t.match(
    faults([
      { name: 'a', type: 'always_sample' },
      { name: 'a', type: 'trace_flags' },
    ]),
    [/^policies\.1\.name: /],
  )
  t.match(
    faults([{ name: 'a', type: 'numeric_attribute', numeric_attribute: { key: 'k', min_value: 0, max_value: 0, invert_match: false } }]),
    [/has no bound/],
  )
  t.match(
    faults([
      {
        name: 'a',
        type: 'string_attribute',
        string_attribute: { key: 'k', values: ['('], enabled_regex_matching: true, cache_max_size: 0, invert_match: false },
      },
    ]),
    [/values\.0: the pattern/],
  )
  const composite = (policy_order: string[], policy: string): PolicyConfig => ({
    name: 'c',
    type: 'composite',
    composite: {
      max_total_spans_per_second: 1,
      policy_order,
      composite_sub_policy: [
        { name: 'x', type: 'always_sample' },
        { name: 'y', type: 'always_sample' },
      ],
      rate_allocation: [{ policy, percent: 1 }],
    },
  })
  t.same(faults([composite(['x', 'y'], 'x')]), [])
  t.match(faults([composite(['y', 'x'], 'z')]), [/policy_order: .*accepted: \[x, y\]/, /rate_allocation\.0\.policy: .*"z"/])
  t.match(faults([{ name: 'n', type: 'not', not: { not_sub_policy: { name: 'b', type: 'budget', budget: { spans_per_second: 1 } } } }]), [
    /budget/,
  ])
})

t.test('OTTL is refused with the CEL that it would be', async (t) => {
  const faults = (policy: Omit<PolicyConfig, 'name'>): readonly string[] =>
    conditionFaults([{ name: 'a', ...policy }], ['policies']).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({ type: 'condition', condition: { span: ['name == "x"'], error_mode: 'ignore' } }), [])
  t.match(faults({ type: 'condition', condition: { span: ['nam == "x"'], error_mode: 'ignore' } }), [/^policies\.0\.condition\.span\.0: /])
  t.match(faults({ type: 'ottl_condition', ottl_condition: { span: ['attributes["a"] == "b" and name != "c"', 'kind == 2'] } }), [
    `policies.0.ottl_condition: conditions are written in CEL; accepted: type: condition, condition: { span: ['attributes["a"] == "b" && name != "c"', 'kind == 2'] }`,
  ])
  t.match(faults({ type: 'ottl_condition', ottl_condition: { spanevent: ['name == "x"'] } }), [/none on span events/])
})
