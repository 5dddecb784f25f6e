// Which messages are recognised, what is read of them, and what is said of those that are none.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { messageIn, NAMES, textOf } from './fixtures/executions.ts'
import { echoOf, isRejection, MESSAGE_TYPES, type Message, parseTime, readJson, readMessage, traceIdOf } from './index.ts'
import { schemaOf } from './schema.ts'

const START = {
  message_type: 'start_execution_trace',
  version: '1.0.0-alpha',
  timestamp: '2026-02-03T04:05:06Z',
  trace_id: 'run 7',
  span_id: 'step 1',
  operation_name: 'plan',
}
const ENVELOPE = {
  message_type: 'trace.execution.update',
  protocol_version: '1.0.0-alpha',
  message_id: 'm 1',
  timestamp: '2026-02-03T04:05:06Z',
  payload: { trace_update: { trace_id: '0AF7651916CD43DD8448EB211C80319C', span_id: 'b7ad6b7169203331' } },
}

function faultsOf(value: unknown): string[] {
  const read = readMessage(value)
  return isRejection(read) ? read.faults.map(({ path, message }) => `${path}: ${message}`) : []
}

t.test('every message of the two dialects is recognised, whatever liberties it takes', async (t) => {
  const types = Object.values(NAMES)
    .flat()
    .map((name) => messageIn(textOf(name)).type)
  t.same(types.sort(), [...MESSAGE_TYPES].sort())
})

t.test('a flat message says what it is', async (t) => {
  const message = readMessage({
    ...START,
    timestamp: '2026-02-03T04:05:06.000000001Z',
    context: { tenant_id: 'guild' },
    sender: { sender_id: 'me' },
  }) as Message
  const hashed = (text: string, bytes: number): string =>
    createHash('sha256')
      .update(text)
      .digest('hex')
      .slice(0, 2 * bytes)
  t.match(message, {
    kind: 'start',
    dialect: 'flat',
    bodyPath: '',
    timestamp: 1_770_091_506_000_000_001n,
    tenant: 'guild',
    sender: 'me',
    operation: 'plan',
  })
  t.equal(message.time, message.timestamp)
  t.equal(message.body, message.whole)
  t.equal(message.execution, hashed('mplp:trace:run 7', 16) + hashed('mplp:span:step 1', 8))
  t.equal(message.traceId.original, 'run 7')
})

t.test('any message of an execution may name its tenant', async (t) => {
  for (const name of Object.values(NAMES).flat()) {
    const value = JSON.parse(textOf(name))
    const body = value.payload === undefined ? value : Object.values(value.payload)[0]
    body.context = { ...body.context, tenant_id: 'guild' }
    t.equal((readMessage(value) as Message).tenant, 'guild', name)
  }
})

t.test('an envelope says what it is', async (t) => {
  const message = readMessage(ENVELOPE) as Message
  t.match(message, { kind: 'update', dialect: 'envelope', id: 'm 1', bodyPath: '/payload/trace_update', timePath: '/timestamp' })
  t.equal(message.execution, '0af7651916cd43dd8448eb211c80319cb7ad6b7169203331')
  t.equal(message.traceId.original, '0AF7651916CD43DD8448EB211C80319C', 'the bytes do not say in which case it was written')
  t.equal(message.spanId?.original, undefined)
})

t.test('an id of zeros is none in OTLP, so it is hashed as any other text', async (t) => {
  t.not(traceIdOf('0'.repeat(32)).hex, '0'.repeat(32))
  t.not(traceIdOf('g'.repeat(32)).hex, 'g'.repeat(32))
  t.equal(traceIdOf('a'.repeat(32)).hex, 'a'.repeat(32))
})

t.test('what is wrong is rejected with its path', async (t) => {
  const payload = (body: object): object => ({ ...ENVELOPE, payload: { trace_update: { ...ENVELOPE.payload.trace_update, ...body } } })
  const cases: [unknown, string][] = [
    [7, ': expected an object, got a number'],
    [[START], ': expected an object, got a list'],
    [null, ': expected an object, got null'],
    [{}, '/message_type: is missing; accepted: start_execution_trace'],
    [{ ...START, message_type: 'START' }, '/message_type: got "START"; accepted: start_execution_trace'],
    [{ ...START, message_type: ['a'] }, '/message_type: got a list; accepted'],
    [{ ...START, version: '2.0.0' }, '/version: got "2.0.0"; accepted: 1.0.0-alpha'],
    [{ ...ENVELOPE, protocol_version: '1.0.0' }, '/protocol_version: got "1.0.0"; accepted: 1.0.0-alpha'],
    [{ ...START, trace_id: undefined }, '/trace_id: is missing'],
    [{ ...START, trace_id: '' }, '/trace_id: is empty'],
    [{ ...START, trace_id: 7 }, '/trace_id: expected string, got a number'],
    [{ ...START, trace_id: 7n }, '/trace_id: expected string, got a number'],
    [{ ...START, span_id: null }, '/span_id: expected string, got null'],
    [{ ...START, span_id: 'x'.repeat(1025) }, '/span_id: is longer than 1024 characters'],
    [{ ...START, operation_name: undefined }, '/operation_name: is missing'],
    [{ ...START, timestamp: '2026-02-30T00:00:00Z' }, '/timestamp: got "2026-02-30T00:00:00Z"; accepted: an RFC 3339 time'],
    [{ ...START, timestamp: 1_770_091_506 }, '/timestamp: expected string, got a number'],
    [{ ...START, service_name: 9 }, '/service_name: expected string, got a number'],
    [{ ...START, sampling: { sampling_rate: 1.5 } }, '/sampling/sampling_rate: got a number; accepted: <= 1'],
    [{ ...START, events: [{ event_name: 'a' }, { event_name: 1 }] }, '/events/1/event_name: expected string, got a number'],
    [{ ...START, links: [{ trace_id: 'a' }] }, '/links/0/span_id: is missing'],
    [{ ...START, attributes: [1] }, '/attributes: expected object, got a list'],
    [{ ...START, start_time: 'soon' }, '/start_time: got "soon"; accepted: an RFC 3339 time'],
    [{ ...ENVELOPE, message_id: undefined }, '/message_id: is missing'],
    [{ ...ENVELOPE, payload: {} }, '/payload/trace_update: is missing'],
    [{ ...ENVELOPE, payload: { trace_update: [] } }, '/payload/trace_update: expected object, got a list'],
    [payload({ trace_id: 5 }), '/payload/trace_update/trace_id: expected string, got a number'],
    [payload({ span_logs: [{ log_timestamp: '10:00' }] }), '/payload/trace_update/span_logs/0/log_timestamp: got "10:00"; accepted'],
    [payload({ status: 3 }), '/payload/trace_update/status: expected string or object, got a number'],
  ]
  for (const [value, expected] of cases) {
    const given =
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))
        : value
    t.equal(faultsOf(given)[0]?.slice(0, expected.length), expected)
  }
})

t.test('an end before the start is rejected', async (t) => {
  const finish = { ...START, message_type: 'finish_execution_trace', start_time: '2026-02-03T04:05:06.000000001Z' }
  t.same(faultsOf(finish), ['/start_time: is after the end of the execution'])
  t.same(faultsOf({ ...finish, start_time: '2026-02-03T04:05:06Z' }), [])
})

t.test('a rejection repeats little of what a stranger wrote', async (t) => {
  const long = 'x'.repeat(1_000_000)
  for (const value of [{ ...START, version: long }, { message_type: long }, { ...START, timestamp: long }]) {
    t.ok(faultsOf(value)[0]!.length < 500)
  }
  t.same(echoOf({ message_type: long, message_id: 'm', timestamp: 3 }), { message_id: 'm' })
  t.same(echoOf([1]), {})
  t.same(echoOf(ENVELOPE), {
    message_type: ENVELOPE.message_type,
    message_id: 'm 1',
    timestamp: ENVELOPE.timestamp,
    ...ENVELOPE.payload.trace_update,
  })
})

t.test('null is absence wherever a field is not required', async (t) => {
  t.same(
    faultsOf({
      ...START,
      parent_span_id: null,
      attributes: null,
      sampling: null,
      events: null,
      status: null,
      baggage: null,
      context: null,
    }),
    [],
  )
})

t.test('members with the names of what objects inherit are members, and stand for nothing else', async (t) => {
  const [json] = readJson(
    Buffer.from(JSON.stringify(START).replace('"version"', '"__proto__":{"trace_id":"evil","sender":{"sender_id":"evil"}},"version"')),
    'json',
  )
  const read = readMessage((json as { exact: unknown }).exact) as Message
  t.equal(read.traceId.original, 'run 7')
  t.equal(read.sender, undefined)
  t.same(faultsOf(JSON.parse('{"message_type":"__proto__"}'))[0]?.slice(0, 13), '/message_type')
  t.equal(({} as { trace_id?: unknown }).trace_id, undefined)
})

t.test('no schema speaks of a name that objects inherit', async (t) => {
  const names = (schema: unknown): string[] =>
    typeof schema !== 'object' || schema === null
      ? []
      : Object.entries(schema).flatMap(([key, inner]) => [...(key === 'properties' ? Object.keys(inner as object) : []), ...names(inner)])
  for (const kind of ['start', 'update', 'finish', 'metrics', 'anomaly'] as const) {
    const found = names(schemaOf(kind, 'envelope', 'payload_key'))
    t.ok(found.length > 5)
    t.same(
      found.filter((name) => name in {}),
      [],
    )
  }
})

t.test('times keep every digit', async (t) => {
  t.equal(parseTime('2025-09-03T10:02:30.000000001+02:00'), 1_756_886_550_000_000_001n)
  t.equal(parseTime('1970-01-01T00:00:00Z'), 0n)
  t.equal(parseTime('1969-12-31T23:59:59-00:01'), 59_000_000_000n)
  t.equal(parseTime('2554-07-21T23:34:33.709551615Z'), 2n ** 64n - 1n)
  t.equal(parseTime('2016-12-31T23:59:60Z'), 1_483_228_800_000_000_000n)
  t.equal(parseTime('2024-02-29t00:00:00.5z'), 1_709_164_800_500_000_000n)
  for (const none of [
    '',
    '2025-09-03',
    '2025-09-03T10:02:30',
    '2025-09-03T10:02:30.Z',
    '2025-09-03T10:02:30.0000000001Z',
    '2025-13-03T10:02:30Z',
    '2025-02-29T10:02:30Z',
    '2025-09-03T24:00:00Z',
    '2025-09-03T10:60:00Z',
    '2025-09-03T10:02:61Z',
    '2025-09-03T10:02:30+24:00',
    '2025-09-03T10:02:30+0200',
    '2025-09-03X10:02:30Z',
    '1969-12-31T23:59:59Z',
    '2554-07-21T23:34:33.709551616Z',
    '٢٠٢٥-09-03T10:02:30Z',
    '2025-09-03T10:02:30Zx',
  ]) {
    t.equal(parseTime(none), undefined, none)
  }
})

t.test('times agree with Date, to the millisecond', async (t) => {
  const property = fc.property(fc.date({ min: new Date(0), max: new Date('2500-01-01'), noInvalidDate: true }), (date) => {
    if (parseTime(date.toISOString()) !== BigInt(date.getTime()) * 1_000_000n) throw new Error(date.toISOString())
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }))
})
