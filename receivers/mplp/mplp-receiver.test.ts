// Receiver `mplp` from outside: what a sender is answered, what a reader sees, and who may.

import { createHmac } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import {
  type Clock,
  type Origin,
  PermanentError,
  RetryableError,
  type ServerAuthenticator,
  systemClock,
  UnauthenticatedError,
} from '../../core/index.ts'
import type { AuditEntry, Auditor, ConfigFault } from '../../core/factory.ts'
import { CollectingConsumer, lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { canonicalJson } from '../../core/trust/index.ts'
import { factory, type MplpConfig } from './factory.ts'
import type { MplpReceiver } from './mplp-receiver.ts'

type Json = Readonly<Record<string, unknown>>

const TRUST: NonNullable<MplpConfig['trust']> = {
  authentication: 'off',
  timestamp: 'off',
  max_age: '5m',
  max_ahead: '1m',
  integrity: 'off',
  signature: 'off',
  encryption: 'off',
  senders: {},
  encryption_keys: {},
}
const CONFIG: MplpConfig = {
  endpoint: '127.0.0.1:0',
  executions: { max_open: 1000, max_bytes: 10_000_000, timeout: '1h', late_start_wait: '1s', remembered_ends: 1000 },
  remember: { messages: 1000, for: '10m' },
  metrics: { identity: 'operation', window: '1ms' },
  timeout: '8s',
  max_request_body_size: 1_000_000,
  max_in_flight_bytes: 10_000_000,
  max_messages: 1000,
  read_header_timeout: '10s',
  read_timeout: '60s',
  write_timeout: '30s',
  idle_timeout: '90s',
  min_body_rate: 256,
}

interface Started {
  readonly url: string
  readonly downstream: CollectingConsumer
  readonly settings: TestSettings
  readonly receiver: MplpReceiver
}

async function open(
  t: Test,
  config: Partial<MplpConfig> = {},
  extensions: Readonly<Record<string, object>> = {},
  clock: Clock = systemClock,
): Promise<Started> {
  const settings = new TestSettings('mplp', clock)
  for (const [id, extension] of Object.entries(extensions)) settings.extensions.set(id, extension as never)
  const downstream = new CollectingConsumer()
  const next = { traces: downstream, metrics: downstream, logs: downstream }
  const receiver = (await factory.create({ ...CONFIG, ...config }, next, settings)) as MplpReceiver
  await receiver.start()
  t.teardown(() => receiver.stop(AbortSignal.abort()))
  return { url: `http://${receiver.addresses['http']}`, downstream, settings, receiver }
}

interface Answered {
  readonly status: number
  readonly type: string | null
  readonly retryAfter: string | null
  readonly answers: readonly any[]
}

async function post(
  url: string,
  body: string | Buffer,
  type = 'application/json',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', body, headers: { 'content-type': type, ...headers } })
  const text = await answer.text()
  const answers = type.includes('json') && text.includes('\n') ? text.trimEnd().split('\n').map((line) => JSON.parse(line)) : [JSON.parse(text)].flat() // prettier-ignore
  return { status: answer.status, type: answer.headers.get('content-type'), retryAfter: answer.headers.get('retry-after'), answers }
}

let sent = 0
const message = (type: string, run: string, fields: Json = {}): Json => ({
  message_type: type,
  version: '1.0.0-alpha',
  timestamp: new Date(Date.now() + sent++).toISOString(),
  trace_id: run,
  span_id: 'a',
  ...fields,
})
const start = (run: string, fields: Json = {}): Json =>
  message('start_execution_trace', run, { operation_name: 'plan', service_name: 'planner', ...fields })
const finish = (run: string, fields: Json = {}): Json => message('finish_execution_trace', run, { final_status: { code: 'ok' }, ...fields })
const text = JSON.stringify

lifecycleSuite(
  (name, run) => void t.test(name, run),
  async () => factory.create(CONFIG, { traces: new CollectingConsumer() }, new TestSettings('mplp', systemClock)),
)

t.test('one message, a list, and one a line, each answered in its own form', async (t) => {
  const { url, downstream } = await open(t)
  const first = start('1')
  t.match(await post(url, text(first)), {
    status: 202,
    type: 'application/json',
    answers: [
      { message_type: 'ack', status: 'accepted', in_reply_to: { message_type: 'start_execution_trace', trace_id: '1', span_id: 'a' } },
    ],
  })
  t.match(await post(url, text([first, start('2', { message_id: 'm2', correlation_id: 'c' })])), {
    status: 202,
    answers: [{ status: 'duplicate' }, { status: 'accepted', message_id: 'm2', correlation_id: 'c' }],
  })
  const lines = `${text(finish('1'))}\n\n${text(finish('2'))}`
  const answered = await post(url, lines, 'application/x-ndjson; charset=utf-8')
  t.match(answered, { status: 202, type: 'application/x-ndjson', answers: [{ status: 'accepted' }, { status: 'accepted' }] })
  t.equal(downstream.spans().length, 2)
  t.equal((await post(url, text(first))).status, 200, 'a duplicate')
  t.match(await post(url, text([])), { status: 202, answers: [] })
  t.match(await post(url, '\n', 'application/x-ndjson'), {
    status: 400,
    answers: [{ status: 'rejected', errors: [{ message: /no message/ }] }],
  })
})

t.test('pages of the origins in `cors` may send and look, others may not', async (t) => {
  const page = 'https://app.example.org'
  const cors = { allowed_origins: [page], allowed_headers: ['authorization'], exposed_headers: [], max_age: 60 }
  const { url } = await open(t, { cors })
  const asking = { origin: page, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,authorization' }
  const asked = await fetch(`${url}/v1/messages`, { method: 'OPTIONS', headers: asking })
  t.equal(asked.status, 204)
  t.equal(asked.headers.get('access-control-allow-origin'), page)
  const sends = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    body: text(start('1')),
    headers: { 'content-type': 'application/json', origin: page },
  })
  t.match([sends.status, sends.headers.get('access-control-allow-origin')], [202, page])
  const looks = await fetch(`${url}/executions`, { headers: { origin: page } })
  t.match([looks.status, looks.headers.get('access-control-allow-origin')], [200, page])
  const stranger = await fetch(`${url}/v1/messages`, { method: 'OPTIONS', headers: { ...asking, origin: 'https://evil.example' } })
  t.match([stranger.status, stranger.headers.get('access-control-allow-origin')], [403, null])
  t.match(factory.check!({ ...CONFIG, cors: { ...cors, allowed_origins: ['app'] } }), [{ path: ['cors', 'allowed_origins', 0] }])
})

t.test('compressed bodies', async (t) => {
  const { url } = await open(t)
  for (const [coding, compress] of Object.entries({ gzip: gzipSync, zstd: zstdCompressSync })) {
    const { status } = await post(url, compress(text(start(coding))), 'application/json', { 'content-encoding': coding })
    t.equal(status, 202, coding)
  }
  const bomb = gzipSync(Buffer.alloc(2_000_000, 0x20))
  t.match(await post(url, bomb, 'application/json', { 'content-encoding': 'gzip' }), { status: 413, answers: [{ status: 'rejected' }] })
})

t.test('what is wrong is rejected with its path, its neighbours are taken, and nothing else changes', async (t) => {
  const { url, downstream } = await open(t)
  const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
  const { trace_id: _, ...nameless } = start('x')
  const cases: readonly [name: string, body: string, status: number, path: string][] = [
    ['not JSON', '{"message_type":', 400, ''],
    ['no object', '"start"', 422, ''],
    ['deep', deep, 400, ''],
    ['a type that there is none of', text({ ...start('x'), message_type: 'pause_execution_trace' }), 422, '/message_type'],
    ['a wrong version', text({ ...start('x'), version: '2.0.0' }), 422, '/version'],
    ['without an id', text(nameless), 422, '/trace_id'],
    ['a number where a text belongs', text(start('x', { operation_name: 7 })), 422, '/operation_name'],
    ['no time', text(start('x', { timestamp: 'yesterday' })), 422, '/timestamp'],
    ['a list where an object belongs', text(start('x', { attributes: [1] })), 422, '/attributes'],
  ]
  for (const [name, body, status, path] of cases) {
    const [answer] = (await post(url, body)).answers
    t.match(
      await post(url, body),
      { status, answers: [{ status: 'rejected', errors: [{ path }] }] },
      `${name}: ${text(answer).slice(0, 200)}`,
    )
  }
  const lines = cases.map(([, body]) => body).join('\n')
  const { status, answers } = await post(url, `${lines}\n${text(start('good'))}`, 'application/x-ndjson')
  t.equal(status, 207)
  t.same(
    answers.map((answer) => answer.status),
    [...cases.map(() => 'rejected'), 'accepted'],
  )
  t.match(await post(url, text(start('x', { attributes: JSON.parse('{"__proto__":{"polluted":1},"constructor":2}') as Json }))), {
    status: 202,
  })
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
  t.equal(downstream.count, 0)
  const { executions } = (await (await fetch(`${url}/executions`)).json()) as { executions: unknown[] }
  t.equal(executions.length, 2)
})

t.test('very many messages are refused as one, however small they are', async (t) => {
  const { url } = await open(t)
  t.match(await post(url, `[${'1,'.repeat(1000)}1]`), { status: 413, answers: [{ errors: [{ message: /more than 1000 messages/ }] }] })
  t.match(await post(url, '1\n'.repeat(1001), 'application/x-ndjson'), { status: 413 })
  t.equal((await post(url, '1\n'.repeat(1000), 'application/x-ndjson')).answers.length, 1000)
})

t.test('an end before the beginning is rejected, and the execution goes on', async (t) => {
  const { url, downstream } = await open(t)
  const begin = start('1')
  await post(url, text(begin))
  const early = finish('1', { timestamp: '2020-01-01T00:00:00Z' })
  t.match(await post(url, text(early)), { status: 422, answers: [{ errors: [{ path: '/timestamp' }] }] })
  t.equal(downstream.spans().length, 0)
  t.equal((await post(url, text(finish('1')))).status, 202)
})

t.test('what downstream says, the sender is told', async (t) => {
  const { url, downstream } = await open(t)
  await post(url, text(start('1')))
  const end = finish('1')
  downstream.refuse = () => {
    throw new RetryableError('away', { retryAfterMs: 2500 })
  }
  t.match(await post(url, text(end)), { status: 503, retryAfter: '3', answers: [{ status: 'retry', retry_after_ms: 2500 }] })
  downstream.refuse = () => {
    throw new PermanentError('never')
  }
  t.match(await post(url, text(end)), { status: 422, answers: [{ status: 'rejected', errors: [{ path: '', message: 'never' }] }] })
})

t.test('other paths and types are refused in the words of the protocol, or of the door', async (t) => {
  const { url } = await open(t)
  t.match(await post(url, text(start('1')), 'text/plain'), { status: 415, answers: [{ message_type: 'ack', status: 'rejected' }] })
  t.equal((await fetch(`${url}/v1/messages`)).status, 405)
  t.equal((await fetch(`${url}/v1/traces`, { method: 'POST' })).status, 404)
})

t.test('what is open can be listed, paged and looked at', async (t) => {
  const { url } = await open(t)
  for (const run of ['1', '2', '3']) await post(url, text(start(run, { service_name: run === '2' ? 'other' : 'planner' })))
  await post(url, text(message('update_execution_trace', '1', { status: 'in_progress', attributes: { step: 1 } })))
  const get = async (query: string): Promise<any> => (await fetch(`${url}/executions${query}`)).json()
  t.equal((await get('')).executions.length, 3)
  const { executions, next } = await get('?limit=2')
  t.equal(executions.length, 2)
  t.equal((await get(`?limit=2&after=${next}`)).executions.length, 1)
  t.match(await get('?service=other'), { executions: [{ service_name: 'other' }] })
  t.match(await get('?status=in_progress&operation=plan'), { executions: [{ messages: 2 }] })
  t.same(await get('?older_than=1h'), { executions: [] })
  for (const [query, about] of Object.entries({ 'colour=red': /colour is not known/, 'limit=0': /limit/, 'older_than=long': /older_than/ }))
    t.match(await get(`?${query}`), { status: 'rejected', errors: [{ message: about }] })
  t.match(await get('/1/a'), {
    service_name: 'planner',
    messages: 2,
    updates: [{ kind: 'start' }, { kind: 'update', status: 'in_progress' }],
    span: { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'plan' }] }] }] },
  })
  t.equal((await fetch(`${url}/executions/7/a`)).status, 404)
})

t.test('what happens can be followed', async (t) => {
  const { url, receiver } = await open(t)
  const answer = await fetch(`${url}/executions/events?service=planner`)
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  const sees = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(seen)) seen += (await reader.read()).value ?? ''
  }
  await sees(/^:\n\n/)
  await post(url, `${text(start('0', { service_name: 'other' }))}\n${text(start('1'))}\n${text(finish('1'))}`, 'application/x-ndjson')
  await sees(/event: finished\ndata: .*\n\n/)
  t.match(seen, /event: started\ndata: \{.*"operation_name":"plan".*\}\n\nevent: finished/)
  t.notMatch(seen, /other/)
  await receiver.stop(new AbortController().signal)
  t.equal((await reader.read()).done, true, 'it ends with the receiver')
})

t.test('whoever follows and does not read is told nothing more, and is cut off', async (t) => {
  const clock = new TestClock()
  const { url } = await open(t, { executions: { ...CONFIG.executions, max_bytes: 100_000_000 } }, {}, clock)
  const answer = await fetch(`${url}/executions/events`)
  for (let run = 0; run < 20; run++) await post(url, text(start(String(run), { service_name: `${run}`.padEnd(900_000, 'x') })))
  for (let beats = 0; beats < 3; beats++) await clock.advance(15_000)
  const reader = answer.body!.getReader()
  let seen = 0
  await t.rejects(
    async () => {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) seen += piece.value.length
    },
    { message: 'terminated' },
  )
  t.ok(seen < 20 * 900_000, `${seen} bytes`)
})

class Names implements ServerAuthenticator {
  readonly #origins = new Map<string, Origin>()

  async authenticate(headers: ReadonlyMap<string, string>): Promise<Origin> {
    const value = headers.get('authorization') ?? ''
    const [, tenant, ...roles] = /^Bearer (\w+|-)(?: (\w+))?$/.exec(value) ?? []
    if (tenant === undefined) throw new UnauthenticatedError('no token')
    const known = this.#origins.get(value) ?? { tenant: tenant === '-' ? '' : tenant, subject: `${tenant}'s`, roles, headers: new Map() }
    this.#origins.set(value, known)
    return known
  }
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}
class Records implements Auditor {
  readonly entries: AuditEntry[] = []

  async record(entry: AuditEntry): Promise<boolean> {
    this.entries.push(entry)
    return true
  }
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}

t.test('tenants see their own, roles decide who may do what, and what is refused or read is on record', async (t) => {
  const records = new Records()
  const role = { messages: [], signals: [], acts: [], services: ['*'], tenants: [] }
  const roles = { agent: { ...role, messages: ['start', 'update'], services: ['plan*'] }, watcher: { ...role, acts: ['executions:read'] } }
  const { url } = await open(t, { auth: { authenticator: 'names', audit: 'records', roles } }, { names: new Names(), records })
  const as = (authorization: string): Record<string, string> => ({ authorization: `Bearer ${authorization}` })
  t.match(await post(url, text(start('1'))), { status: 401, answers: [{ status: 'rejected' }] })
  t.equal((await post(url, text(start('1')), 'application/json', as('a agent'))).status, 202)
  t.equal((await post(url, text(start('1')), 'application/json', as('b agent'))).status, 202, 'another execution')
  t.match(await post(url, text(finish('1', { message_id: 'end' })), 'application/json', as('a agent')), {
    status: 403,
    answers: [{ status: 'rejected', errors: [{ path: '/message_type' }] }],
  })
  t.equal((await post(url, text(start('2', { service_name: 'store' })), 'application/json', as('a agent'))).status, 403)
  const early = text(message('update_execution_trace', '3', { message_id: 'early' }))
  t.equal((await post(url, early, 'application/json', as('a agent'))).status, 202, 'whose service is not known yet')
  t.equal((await post(url, early, 'application/json', as('a agent'))).status, 200)
  t.equal((await fetch(`${url}/executions`, { headers: as('a agent') })).status, 403)
  t.equal((await fetch(`${url}/executions`)).status, 401)
  const { executions } = (await (await fetch(`${url}/executions?limit=9`, { headers: as('a watcher') })).json()) as {
    executions: unknown[]
  }
  t.match(executions, [{ tenant: 'a' }, { tenant: 'a' }])
  t.equal((await fetch(`${url}/executions/1/a`, { headers: as('c watcher') })).status, 404)
  t.match(records.entries, [
    { kind: 'refusal', act: 'authenticate' },
    { kind: 'refusal', act: 'message', tenant: 'a', subject: "a's", object: 'end' },
    { kind: 'refusal', act: 'message', tenant: 'a' },
    { kind: 'refusal', act: 'executions:read', tenant: 'a' },
    { kind: 'refusal', act: 'authenticate' },
    { kind: 'read', act: 'executions:read', tenant: 'a', object: '/executions?limit=9' },
    { kind: 'read', act: 'executions:read', tenant: 'c', object: '/executions/1/a' },
  ])
})

t.test('a role is for the tenants and services that it names, of the message and of its execution', async (t) => {
  const role = { messages: ['*'], signals: [], acts: [], services: ['*'], tenants: [] }
  const roles = {
    any: { ...role, tenants: ['*'] },
    b: { ...role, tenants: ['b'] },
    plan: { ...role, services: ['plan*'] },
    store: { ...role, services: ['store'] },
  }
  const { url } = await open(t, { auth: { authenticator: 'names', roles } }, { names: new Names() })
  const told = async (who: string, said: Json): Promise<number> =>
    (await post(url, text(said), 'application/json', { authorization: `Bearer ${who}` })).status
  const of = (tenant: string): Json => ({ context: { tenant_id: tenant } })
  t.equal(await told('- any', start('1', of('a'))), 202)
  t.equal(await told('- plan', start('2', of('a'))), 403, 'a tenant that its role is not for')
  t.equal(await told('- b', start('3', of('b'))), 202)
  t.equal(await told('- b', message('update_execution_trace', '1', { x: 1 })), 403)
  t.equal(await told('- b', finish('1', of('b'))), 403, 'an execution of a tenant that its role is not for')
  t.equal(await told('- plan', start('4')), 202)
  t.equal(await told('- store', message('update_execution_trace', '4', { service_name: 'store' })), 403, 'the execution of another service')
  t.equal(await told('- store', finish('4', { service_name: 'store' })), 403)
  t.equal(await told('- plan', finish('4')), 202)
  t.equal(await told('- any', finish('1')), 202)
})

t.test('a message that does not prove what it must is rejected, and one that does is taken', async (t) => {
  const key = 'a key of some length'
  const trust = { ...TRUST, integrity: 'required' as const, senders: { '*': { integrity_key: key } } }
  const { url } = await open(t, { trust })
  const plain = start('1', { sender: { sender_id: 'agent' } })
  const seal = createHmac('sha256', key).update(canonicalJson(plain)).digest('hex')
  t.match(await post(url, text(plain)), { status: 403, answers: [{ errors: [{ path: '/security/integrity_check' }] }] })
  const sealed = { ...plain, security: { integrity_check: `hmac-sha256:${seal}` } }
  t.match(await post(url, text({ ...sealed, operation_name: 'other' })), { status: 403 })
  const wide = text(sealed).replace('"plan"', '"plan","attributes":{"n":9007199254740992}')
  const resealed = JSON.parse(wide) as Record<string, unknown>
  delete resealed['security']
  const proof = createHmac('sha256', key).update(canonicalJson(resealed)).digest('hex')
  const changed = text({ ...resealed, security: { integrity_check: `hmac-sha256:${proof}` } }).replace('740992', '740993')
  t.not((await post(url, changed)).status, 202, 'a digit that a double does not hold')
  t.equal((await post(url, text(sealed))).status, 202)
  t.equal((await post(url, text(sealed))).status, 200, 'replayed, it changes nothing')
})

t.test('what a schema cannot say is checked before anything starts', async (t) => {
  const faults = (config: Partial<MplpConfig>): readonly ConfigFault[] => factory.check!({ ...CONFIG, ...config })
  t.same(faults({}), [])
  t.match(faults({ endpoint: 'nowhere' }), [{ path: ['endpoint'], message: /accepted/ }])
  const grpc = { endpoint: '127.0.0.1:0', max_concurrent_streams: 10, max_unanswered: 10, max_waiting_bytes: 1000, write_timeout: '0s' }
  t.match(faults({ grpc }), [{ path: ['grpc', 'write_timeout'], message: 'is 0; accepted: a duration above 0, such as 30s' }])
  t.match(faults({ max_in_flight_bytes: 10 }), [{ path: ['max_in_flight_bytes'] }])
  t.match(faults({ trust: { ...TRUST, integrity: 'required' } }), [{ path: ['trust', 'integrity'] }])
  t.match(faults({ trust: { ...TRUST, timestamp: 'required' }, remember: { messages: 10, for: '1m' } }), [{ path: ['remember', 'for'] }])
  const role = { messages: ['begin'], signals: [], acts: [], services: ['*'], tenants: [] }
  t.match(faults({ auth: { authenticator: 'x', roles: { r: role } } }), [
    { path: ['auth', 'roles', 'r', 'messages', 0], message: /start, update/ },
  ])
})

t.test('a key that cannot be had ends the start', async (t) => {
  const trust = { ...TRUST, integrity: 'required' as const, senders: { '*': { integrity_key_file: '/nowhere/key' } } }
  const settings = new TestSettings('mplp', new TestClock())
  const receiver = await factory.create({ ...CONFIG, trust }, { traces: new CollectingConsumer() }, settings)
  await t.rejects(receiver.start(new AbortController().signal), { message: /nowhere/ })
})
