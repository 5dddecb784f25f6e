// What executions become as spans, whatever comes of them and in whatever order.

import fc from 'fast-check'
import t from 'tap'
import type { Any } from '../otlp/fixtures/oracles.ts'
import { admit } from '../otlp/index.ts'
import { keeps, parseTraceState, probabilityOf } from '../sampling/index.ts'
import { messageIn } from './fixtures/executions.ts'
import { shownSpans } from './fixtures/shown.ts'
import { type Ending, type Message, executionOf, FINISHED, MAX_JSON_DEPTH, partOf, reversedIn, spanOf } from './index.ts'

const SECOND = 1_000_000_000n
/** 2026-02-03T04:05:00Z */
const BEGIN = 1_770_091_500n * SECOND

type Fields = Readonly<Record<string, unknown>>
const message = (type: string, second: number, fields: Fields = {}): Message =>
  messageIn(
    JSON.stringify({
      message_type: type,
      version: '1.0.0-alpha',
      timestamp: new Date(Number(BEGIN / 1_000_000n) + second * 1000).toISOString(),
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      ...fields,
    }),
  )
const start = (fields: Fields = {}, second = 0): Message => message('start_execution_trace', second, { operation_name: 'plan', ...fields })
const update = (fields: Fields = {}, second = 1): Message => message('update_execution_trace', second, fields)
const finish = (fields: Fields = {}, second = 2): Message => message('finish_execution_trace', second, fields)

function spanFrom(messages: readonly Message[], ending: Ending = FINISHED): Any {
  const bytes = spanOf(
    messages[0]!.execution!,
    messages.map((one) => partOf(one)),
    ending,
  )
  const { chunk, count, refused } = admit('traces', bytes)
  if (chunk !== bytes || count !== 1 || refused !== 0) throw new Error('what was written is not valid')
  return shownSpans(bytes)[0]
}

t.test('a start and a finish become one span', async (t) => {
  t.strictSame(
    spanFrom([
      start({ service_name: 'planner', attributes: { a: 1, b: [true, null] } }),
      finish({ final_status: { code: 'failed', message: 'no' } }),
    ]),
    {
      resource: { 'service.name': 'planner' },
      scope: 'mplp 1.0.0-alpha',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: '',
      traceState: '',
      name: 'plan',
      kind: 1,
      start: '2026-02-03T04:05:00.000000000Z',
      end: '2026-02-03T04:05:02.000000000Z',
      status: '2 no',
      attributes: { a: '1n', b: [true, null], 'mplp.status': 'failed' },
      events: [],
      links: [],
    },
  )
})

t.test('an execution that nobody started is incomplete', async (t) => {
  const span = spanFrom([update({ operation_name: 'plan', progress_percentage: 5 }), finish({ status: 'completed' })])
  t.match(span, { name: 'plan', start: '2026-02-03T04:05:01.000000000Z', end: '2026-02-03T04:05:02.000000000Z', status: '1' })
  t.match(span.attributes, { 'mplp.incomplete': true, 'mplp.progress': '5n' })
  t.equal(spanFrom([finish()]).name, 'mplp.execution')
  t.notOk('mplp.incomplete' in spanFrom([start(), finish()]).attributes)
})

t.test('an execution of which nothing was heard ends with an error, one that was interrupted without', async (t) => {
  const messages = [start(), update({ status: 'running' })]
  const timeout = spanFrom(messages, { how: 'timeout', time: BEGIN + 60n * SECOND })
  t.match(timeout, { status: '2', end: '2026-02-03T04:06:00.000000000Z', attributes: { 'mplp.status': 'timeout' } })
  t.match(timeout.events, [{ name: 'mplp.replaced', attributes: { 'mplp.status': 'running' } }])
  const interrupted = spanFrom(messages, { how: 'interrupted', time: BEGIN + 9n * SECOND })
  t.match(interrupted, { status: '0', end: '2026-02-03T04:05:09.000000000Z', attributes: { 'mplp.status': 'interrupted' } })
  t.match(
    spanFrom(messages, { how: 'timeout', time: 5n }),
    { end: '2026-02-03T04:05:00.000000000Z' },
    'our clock may stand behind the sender’s',
  )
})

t.test('messages may come in any order', async (t) => {
  const messages = [
    start({ attributes: { a: 1, b: 1 } }),
    update({ attributes: { a: 2 }, progress_percentage: 40 }),
    finish({ attributes: { a: 3 } }),
  ]
  const inOrder = spanFrom(messages)
  t.match(inOrder.attributes, { a: '3n', b: '1n', 'mplp.progress': '40n' })
  for (const order of [
    [2, 1, 0],
    [1, 2, 0],
    [0, 2, 1],
  ])
    t.strictSame(spanFrom(order.map((i) => messages[i]!)), inOrder)
})

t.test('what a later message says otherwise takes the place of what it was, which is kept', async (t) => {
  const { attributes, events } = spanFrom([
    start({ attributes: { a: 'x', b: 'y' } }),
    update({ attributes: { a: 'x', b: 'z' } }),
    finish({ attributes: { b: '' } }),
  ])
  t.match(attributes, { a: 'x', b: '' })
  t.match(
    events.filter(({ attributes }: Any) => 'b' in attributes).map(({ name, time, attributes }: Any) => [name, time, attributes['b']]),
    [
      ['mplp.replaced', '2026-02-03T04:05:01.000000000Z', 'y'],
      ['mplp.replaced', '2026-02-03T04:05:02.000000000Z', 'z'],
    ],
  )
})

t.test('keys are unique, however many there are', async (t) => {
  const many = (value: number): Fields => ({ attributes: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, value])) })
  const { attributes, events } = spanFrom([start(many(1)), update(many(1)), finish(many(2))])
  t.equal(Object.keys(attributes).filter((key) => /^key \d+$/.test(key)).length, 3000)
  t.same(
    Object.keys(attributes).filter((key) => key.includes('TWICE')),
    [],
  )
  t.equal(attributes['key 2999'], '2n')
  t.equal(Object.keys(events.at(-1).attributes).filter((key) => key.startsWith('key')).length, 3000)
})

t.test('the resource takes the service where it has none, and what later messages bring', async (t) => {
  const named = { service_name: 'planner', service_version: '2', resource: { 'service.name': 'other', 'host.name': 'h' } }
  const span = spanFrom([start(named), finish({ resource: { 'host.name': 'moved', zone: 'a' } })])
  t.strictSame(span.resource, { 'service.name': 'other', 'host.name': 'moved', 'service.version': '2', zone: 'a' })
  t.match(span.attributes, { 'mplp.service_name': 'planner' })
  t.match(span.events, [{ name: 'mplp.replaced', attributes: { 'host.name': 'h' } }])
  const late = spanFrom([update({ service_name: 'planner' }), finish()])
  t.strictSame(late.resource, { 'service.name': 'planner' })
  const both = spanFrom([start({ resource: { 'service.name': 'other' } }), finish({ service_name: 'planner' })])
  t.strictSame(both.resource, { 'service.name': 'other' })
  t.equal(both.attributes['mplp.service_name'], 'planner')
  t.match(spanFrom([start({ resource: { a: 1 }, resource_attributes: { a: 2, b: 3 } }), finish()]), {
    resource: { a: '1n', b: '3n' },
    attributes: { 'mplp.ext.resource.a': '2n' },
  })
})

t.test('words are statuses', async (t) => {
  const statusOf = (fields: Fields): string => spanFrom([start(), finish(fields)]).status
  for (const word of ['ok', 'completed', 'SUCCESS']) t.equal(statusOf({ status: word }), '1')
  for (const word of ['failed', 'cancelled', 'timeout', 'Error'])
    t.equal(statusOf({ final_status: { code: word, message: 'why' } }), '2 why')
  t.equal(statusOf({ status: 'paused' }), '0')
  t.equal(statusOf({ status: 'completed', span_status: { status_code: 'error', status_message: 'why' } }), '2 why')
  t.equal(statusOf({ span_status: { status_code: 'ok' }, status: 'failed' }), '1', 'the code of the span is meant for it')
})

t.test('kinds are written in several ways; one that is none is kept', async (t) => {
  for (const [word, kind] of [
    ['server', 2],
    ['CLIENT', 3],
    ['SPAN_KIND_CONSUMER', 5],
    ['internal', 1],
    ['sidecar', 1],
  ] as const) {
    const span = spanFrom([start({ span_kind: word }), finish()])
    t.equal(span.kind, kind)
    t.equal(span.attributes['mplp.ext.span_kind'], ['server', 'internal'].includes(word) ? undefined : word)
  }
})

t.test('parents and links follow the rule for ids', async (t) => {
  t.equal(spanFrom([start({ parent_span_id: 'B7AD6B7169203332' }), finish()]).parentSpanId, 'b7ad6b7169203332')
  const named = spanFrom([
    start({
      parent_span_id: 'step 1',
      span_id: 'step 2',
      links: [{ trace_id: 't', span_id: 'step 1', relationship: 'r', weight: 2, trace_state: 'a=b' }],
    }),
  ])
  t.equal(named.parentSpanId, spanFrom([start({ span_id: 'step 1' })]).spanId)
  t.equal(named.links[0].spanId, named.parentSpanId)
  t.match(named.links[0], {
    traceState: 'a=b',
    attributes: { relationship: 'r', 'mplp.ext.weight': '2n', 'mplp.trace_id': 't', 'mplp.span_id': 'step 1' },
  })
  t.match(named.attributes, { 'mplp.parent_span_id': 'step 1', 'mplp.span_id': 'step 2' })
})

t.test('baggage is a list of members, or kept as it is', async (t) => {
  const { attributes } = spanFrom([start({ baggage: 'a=1, b=x%20y ,c=%zz;meta=1' })])
  t.match(attributes, { 'baggage.a': '1', 'baggage.b': 'x y', 'baggage.c': '%zz;meta=1' })
  t.match(spanFrom([start({ baggage: 'no list' })]).attributes, { 'mplp.baggage': 'no list' })
  t.match(spanFrom([start({ baggage: { a: 1 } })]).attributes, { 'baggage.a': '1n' })
})

t.test('a rate below 1 is a threshold that the randomness agrees with, so that samplers count on', async (t) => {
  const property = fc.property(
    fc.double({ min: 0.001, max: 1, maxExcluded: true, noNaN: true }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    (rate, id) => {
      const hex = Buffer.from(id).toString('hex')
      if (/^0+$/.test(hex)) return
      const { traceState } = spanFrom([start({ trace_id: hex, sampling: { sampling_rate: rate } })])
      const state = parseTraceState(traceState)
      if (typeof state === 'string' || state.threshold === undefined) throw new Error(traceState)
      const randomness = state.randomness ?? parseTraceState(`ot=rv:${hex.slice(18)}`)
      const drawn = 'upper' in (randomness as Any) ? randomness : (randomness as Any).randomness
      if (!keeps(state.threshold, drawn) || Math.abs(probabilityOf(state.threshold) - rate) > 1e-9) throw new Error(traceState)
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
})

t.test('a tracestate of W3C is the span’s, with the threshold that it has', async (t) => {
  const stateOf = (fields: Fields): string => spanFrom([start(fields)]).traceState
  t.equal(stateOf({ trace_state: 'vendor=1', sampling: { sampling_rate: 1 } }), 'vendor=1')
  t.equal(stateOf({ trace_state: 'vendor=1,ot=th:8', sampling: { sampling_rate: 0.25 } }), 'ot=th:8,vendor=1')
  t.match(stateOf({ trace_state: 'vendor=1', sampling: { sampling_rate: 0.25 } }), /^ot=(rv:[0-9a-f]{14};)?th:c,vendor=1$/)
  t.equal(stateOf({ sampling: { sampling_rate: 0 } }), '', 'nothing is never kept')
  t.equal(
    stateOf({ sampling: { sampling_rate: 0.5, sampling_decision: 'not_sampled' } }),
    '',
    'what was not kept has no threshold that kept it',
  )
})

t.test('samplers are told of a decision and of a priority', async (t) => {
  t.match(spanFrom([start({ sampling: { sampling_decision: 'not_sampled', sampling_priority: 3 } })]).attributes, {
    'sampling.priority': '0n',
  })
  t.match(spanFrom([start({ sampling: { sampling_decision: 'sampled', sampling_priority: 3 } })]).attributes, { 'sampling.priority': '3n' })
  t.notOk('sampling.priority' in spanFrom([start({ sampling: { sampling_decision: 'sampled' } })]).attributes)
})

t.test('a sender cannot pass for us', async (t) => {
  const { attributes } = spanFrom([start({ attributes: { 'mplp.status': 'timeout', 'mplp.incomplete': true } }), finish({ status: 'ok' })])
  t.match(attributes, { 'mplp.status': 'ok', 'mplp.ext.mplp.status': 'timeout', 'mplp.ext.mplp.incomplete': true })
  t.notOk('mplp.incomplete' in attributes)
})

t.test('no secret of a sender comes out', async (t) => {
  const sender = { sender_id: 'me', authentication: { method: 'jwt', token: 'SECRET', password: 'SECRET', service_account: 'robot' } }
  const bytes = spanOf(start().execution!, [partOf(start({ sender }))], { how: 'interrupted', time: BEGIN })
  t.notOk(bytes.includes('SECRET'))
  t.match(shownSpans(bytes)[0].attributes, { 'mplp.sender.sender_id': 'me', 'mplp.sender.authentication.method': 'jwt' })
})

t.test('numbers keep their digits, and what 64 bits cannot hold is text', async (t) => {
  const text = JSON.stringify({ ...start().whole, attributes: 'HERE' }).replace(
    '"HERE"',
    '{"a":9007199254740993,"b":-9223372036854775808,"c":9223372036854775808,"d":1e300,"e":-0,"f":-5}',
  )
  t.match(spanFrom([messageIn(text)]).attributes, {
    a: '9007199254740993n',
    b: '-9223372036854775808n',
    c: '9223372036854775808',
    d: 1e300,
    f: '-5n',
  })
  t.ok(Object.is(spanFrom([messageIn(text)]).attributes.e, -0))
})

t.test('as deep as JSON may be, the span is valid, also where a value was replaced', async (t) => {
  const deep = (leaf: string): unknown => JSON.parse(`${'{"k":'.repeat(MAX_JSON_DEPTH - 2)}"${leaf}"${'}'.repeat(MAX_JSON_DEPTH - 2)}`)
  t.match(spanFrom([start({ attributes: deep('a') }), finish({ attributes: deep('b') })]).events, [{ name: 'mplp.replaced' }])
})

t.test('texts of every length and alphabet come out as they went in', async (t) => {
  const property = fc.property(
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 140 }), fc.string({ unit: 'binary', maxLength: 140 }), { maxKeys: 6 }),
    (attributes) => {
      const found = spanFrom([
        start({ attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [`k${key}`, value])) }),
      ]).attributes
      for (const [key, value] of Object.entries(attributes))
        if (found[`k${key}`] !== value) throw new Error(JSON.stringify([key, value, found[`k${key}`]]))
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test('an end before the start is found once the start is known', async (t) => {
  const started = executionOf([partOf(start({}, 5))])
  t.strictSame(reversedIn(finish({}, 4), started), { path: '/timestamp', message: 'is before the start of the execution' })
  t.equal(reversedIn(finish({}, 5), started), undefined)
  t.equal(reversedIn(finish({}, 4), executionOf([partOf(update({}, 5))])), undefined)
  t.equal(reversedIn(update({}, 4), started), undefined)
})

t.test('a part is small, and survives being written down and read again', async (t) => {
  const part = partOf(start({ service_name: 'planner', monitoring: { alert_thresholds: { duration_ms: 5 } } }))
  const again = new Uint8Array(part)
  t.strictSame(executionOf([again]), executionOf([part]))
  t.throws(() => executionOf([part.subarray(0, part.length - 1)]), /part of an execution is broken/)
})
