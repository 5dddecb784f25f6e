// Receiver `websocket` from outside: what a client is answered on each path, what it may watch, and who may.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import {
  type Origin,
  PartialError,
  PermanentError,
  RetryableError,
  type ServerAuthenticator,
  systemClock,
  UnauthenticatedError,
} from '../../core/index.ts'
import type { AuditEntry, Auditor } from '../../core/factory.ts'
import { CollectingConsumer, encodeTraces, lifecycleSuite, TestSettings } from '../../core/testing/index.ts'
import { Authority } from '../../core/tls/fixtures/certificates.ts'
import { factory, type ReceiverConfig } from './factory.ts'
import type { WebSocketReceiver } from './websocket-receiver.ts'

type Json = Readonly<Record<string, unknown>>

const CONFIG: ReceiverConfig = {
  endpoint: '127.0.0.1:0',
  allowed_origins: [],
  executions: { max_open: 1000, max_bytes: 10_000_000, timeout: '1h', late_start_wait: '1s', remembered_ends: 1000 },
  remember: { messages: 1000, for: '10m' },
  metrics: { identity: 'operation', window: '1ms' },
  timeout: '8s',
  max_in_flight_bytes: 10_000_000,
  max_connections: 100,
  max_message_size: 1_000_000,
  max_unanswered: 16,
  max_waiting_bytes: 1_000_000,
  compression: false,
  read_header_timeout: '10s',
  read_timeout: '60s',
  write_timeout: '30s',
  ping_interval: '30s',
  pong_timeout: '10s',
  idle_timeout: '10m',
}

const TLS = { min_version: '1.2', max_version: '1.3', reload_interval: '10s', client_ca_file_reload: true } as const

interface Started {
  readonly url: string
  readonly downstream: CollectingConsumer
  readonly settings: TestSettings
  readonly receiver: WebSocketReceiver
}

async function open(t: Test, config: Partial<ReceiverConfig> = {}, extensions: Readonly<Record<string, object>> = {}): Promise<Started> {
  const settings = new TestSettings('websocket', systemClock)
  for (const [id, extension] of Object.entries(extensions)) settings.extensions.set(id, extension as never)
  const downstream = new CollectingConsumer()
  const next = { traces: downstream, metrics: downstream, logs: downstream }
  const receiver = (await factory.create({ ...CONFIG, ...config }, next, settings)) as WebSocketReceiver
  await receiver.start()
  t.teardown(() => receiver.stop(AbortSignal.abort()))
  return { url: `ws://${receiver.addresses['websocket']}`, downstream, settings, receiver }
}

type Frame = Json | readonly Json[] | string | Uint8Array

/** A client that keeps what it hears. */
class Client {
  readonly socket: WebSocket
  readonly heard: any[] = []
  closedWith: { readonly code: number; readonly reason: string } | undefined
  #wake: (() => void)[] = []

  constructor(url: string, protocols: string | readonly string[] = [], options: WebSocket.ClientOptions = {}) {
    this.socket = new WebSocket(url, typeof protocols === 'string' ? protocols : [...protocols], { perMessageDeflate: false, ...options })
    this.socket.on('message', (text) => {
      this.heard.push(JSON.parse((text as Buffer).toString()))
      this.#turn()
    })
    this.socket.on('close', (code, reason) => {
      this.closedWith = { code, reason: reason.toString() }
      this.#turn()
    })
    this.socket.on('error', () => {})
  }

  static async to(t: Test, ...how: ConstructorParameters<typeof Client>): Promise<Client> {
    const client = new Client(...how)
    t.teardown(() => client.socket.terminate())
    await new Promise((resolve, reject) => client.socket.once('open', resolve).once('error', reject))
    return client
  }

  send(...messages: readonly Frame[]): void {
    for (const message of messages)
      this.socket.send(typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message))
  }

  /** The first `count` that were heard. */
  async until(count: number): Promise<any[]> {
    while (this.heard.length < count) {
      if (this.closedWith !== undefined) throw new Error(`closed with ${JSON.stringify(this.closedWith)} after ${this.heard.length}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    return this.heard.slice(0, count)
  }

  async closed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.closedWith === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve))
    return this.closedWith
  }

  async ask(message: Frame): Promise<any> {
    const before = this.heard.length
    this.send(message)
    return (await this.until(before + 1))[before]
  }

  #turn(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** What an upgrade that is refused is answered. */
function refused(url: string, ...how: [protocols?: string | readonly string[], options?: WebSocket.ClientOptions]): Promise<any> {
  const { promise, resolve, reject } = Promise.withResolvers<any>()
  const { socket } = new Client(url, ...how)
  socket.once('open', () => (socket.terminate(), reject(new Error('it was let in'))))
  socket.once('unexpected-response', (_request, response) => {
    let body = ''
    response
      .on('data', (piece) => (body += piece))
      .on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
  })
  return promise
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

lifecycleSuite(
  (name, run) => void t.test(name, run),
  async () => factory.create(CONFIG, { traces: new CollectingConsumer() }, new TestSettings('websocket', systemClock)),
)

t.test('every message is answered, with its number on this connection', async (t) => {
  const { url, downstream } = await open(t)
  const client = await Client.to(t, `${url}/v1/messages`, 'mplp.v1')
  t.equal(client.socket.protocol, 'mplp.v1')
  const first = start('1')
  client.send(first, [start('2', { message_id: 'm2', correlation_id: 'c' }), finish('1')], '{"message_type":', first)
  const heard = await client.until(4)
  const byNumber = new Map(heard.map((answer) => [[answer].flat()[0].n, answer]))
  t.match(byNumber.get(1), {
    message_type: 'ack',
    status: 'accepted',
    in_reply_to: { message_type: 'start_execution_trace', trace_id: '1', span_id: 'a' },
  })
  t.match(byNumber.get(2), [
    { status: 'accepted', message_id: 'm2', correlation_id: 'c', n: 2 },
    { status: 'accepted', n: 3 },
  ])
  t.match(byNumber.get(4), { status: 'rejected', errors: [{ path: '', message: /not JSON/ }] })
  t.match(byNumber.get(5), { status: 'duplicate' })
  t.equal(downstream.spans().length, 1)
})

t.test('what is spoken is chosen by path and subprotocol', async (t) => {
  const { url } = await open(t)
  const plain = await Client.to(t, url)
  t.equal(plain.socket.protocol, '')
  t.match(await plain.ask(start('1')), { status: 'accepted', n: 1 })
  const second = await Client.to(t, `${url}/v1/messages?x=1`, ['graphql-ws', 'mplp.v1'])
  t.equal(second.socket.protocol, 'mplp.v1')
  t.match(await refused(`${url}/v1/messages`, 'graphql-ws'), { status: 400, body: /accepted: mplp.v1, none/ })
  t.match(await refused(`${url}/v1/traces`), { status: 400, body: /accepted: otlp.json, otlp.proto/ })
  t.match(await refused(`${url}/v2`), { status: 404, body: /known paths: .*\/v1\/messages/ })
  const { status, headers } = await fetch(url.replace('ws:', 'http:'))
  t.match({ status, upgrade: headers.get('upgrade') }, { status: 426, upgrade: 'websocket' })
  plain.send(Buffer.from('{}'))
  t.match(await plain.closed(), { code: 1003, reason: /text/ })
})

t.test('OTLP in protobuf and JSON, and what the response would say', async (t) => {
  const { url, downstream } = await open(t)
  const span = { name: 'a', traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const proto = await Client.to(t, `${url}/v1/traces`, 'otlp.proto')
  const bytes = encodeTraces([{ spans: [span] }])
  t.same(await proto.ask(bytes), { n: 1, status: 200 })
  t.match(await proto.ask(Buffer.from('ffff', 'hex')), { n: 2, status: 400, message: /at byte/ })
  t.same(await proto.ask(new Uint8Array()), { n: 3, status: 200 }, 'an empty request')
  const outcomes: readonly [Error, Json][] = [
    [new RetryableError('full', { retryAfterMs: 2500 }), { status: 503, message: 'full', retry_after_ms: 2500 }],
    [new PermanentError('never'), { status: 400, message: 'never' }],
    [new PartialError(1, 'one too old'), { status: 200, partialSuccess: { rejectedSpans: '1', errorMessage: 'one too old' } }],
  ]
  for (const [error, answer] of outcomes) {
    downstream.refuse = () => {
      throw error
    }
    t.match(await proto.ask(bytes), answer)
  }
  downstream.refuse = () => {}
  const json = await Client.to(t, `${url}/v1/traces`, ['otlp.json', 'otlp.proto'])
  const request = (...spans: readonly object[]): Json => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  t.same(await json.ask(request(span)), { n: 1, status: 200 })
  const partial = { n: 2, status: 200, partialSuccess: { rejectedSpans: '1', errorMessage: /span_?id/i } }
  t.match(await json.ask(request(span, { ...span, spanId: '' })), partial)
  t.match(await json.ask('{'), { n: 3, status: 400, message: /not JSON/ })
  t.equal(downstream.spans().length, 3)
  json.send(Buffer.from('{}'))
  t.equal((await json.closed()).code, 1003)
})

t.test('a client that subscribes hears what happens, by its filter, until it unsubscribes', async (t) => {
  const { url } = await open(t)
  const watcher = await Client.to(t, url)
  const subscribe = (id: unknown, filter?: unknown): Json => ({
    message_type: 'subscribe',
    id,
    ...(filter === undefined ? {} : { filter }),
  })
  t.same(await watcher.ask(subscribe('all')), { message_type: 'ack', status: 'accepted', id: 'all', n: 1 })
  t.same(await watcher.ask(subscribe('ends', { service: 'planner', event: ['finished'] })), {
    message_type: 'ack',
    status: 'accepted',
    id: 'ends',
    n: 2,
  })
  const sender = await Client.to(t, url)
  await sender.ask([start('1'), start('2', { service_name: 'other' })])
  await sender.ask([finish('1'), finish('2')])
  const events = (await watcher.until(7)).slice(2)
  const told = events.map(({ message_type, id, event, execution }) => [message_type, id, event, execution.service_name])
  t.same(told.map(String).toSorted(), [
    'execution_event,all,finished,other',
    'execution_event,all,finished,planner',
    'execution_event,all,started,other',
    'execution_event,all,started,planner',
    'execution_event,ends,finished,planner',
  ])
  const wrong: readonly [Json, string][] = [
    [subscribe('all'), '/id'],
    [subscribe(7), '/id'],
    [subscribe('x'.repeat(129)), '/id'],
    [subscribe('b', { colour: 'red' }), '/filter/colour'],
    [subscribe('b', { service: 1 }), '/filter/service'],
    [subscribe('b', { event: ['exploded'] }), '/filter/event'],
    [subscribe('b', 'all'), '/filter'],
    [{ message_type: 'unsubscribe', id: 'b' }, '/id'],
  ]
  for (const [request, path] of wrong) t.match(await watcher.ask(request), { status: 'rejected', errors: [{ path }] }, path)
  t.match(await watcher.ask({ message_type: 'unsubscribe', id: 'all' }), { status: 'accepted', id: 'all', n: 11 })
  await sender.ask(start('3'))
  t.match(await watcher.ask({ message_type: 'unsubscribe', id: 'ends' }), { status: 'accepted', n: 12 }, 'and nothing before it')
})

const BEARER: ServerAuthenticator = {
  start: async () => {},
  stop: async () => {},
  async authenticate(headers) {
    const origin = ORIGINS.get(headers.get('authorization') ?? '')
    if (origin === undefined) throw new UnauthenticatedError('a bearer token is needed')
    return origin
  },
}
const ORIGINS: ReadonlyMap<string, Origin> = new Map(
  ['agent', 'viewer', 'other'].map((role) => [
    `Bearer ${role}`,
    { tenant: role === 'other' ? 'b' : 'a', subject: role, roles: [role === 'other' ? 'viewer' : role], headers: new Map() },
  ]),
)

t.test('who it is is asked before the upgrade, and a page may say it in a subprotocol', async (t) => {
  const audited: AuditEntry[] = []
  const auditor: Auditor = { start: async () => {}, stop: async () => {}, record: async (entry) => (audited.push(entry), true) }
  const role = { messages: [], signals: [], acts: [], services: ['*'], tenants: [] }
  const auth = {
    authenticator: 'tokens',
    audit: 'audit',
    roles: { agent: { ...role, messages: ['*'] }, viewer: { ...role, acts: ['executions:read'] } },
  }
  const { url, downstream } = await open(t, { auth, allowed_origins: ['https://*.example.org'] }, { tokens: BEARER, audit: auditor })
  t.match(await refused(url), { status: 401, body: /a bearer token is needed/ })
  t.match(audited, [{ kind: 'refusal', act: 'authenticate', component: 'websocket' }])
  const as = (who: string): WebSocket.ClientOptions => ({ headers: { authorization: `Bearer ${who}` } })
  t.match(await refused(url, [], { ...as('agent'), origin: 'https://evil.example' }), { status: 403, body: /allowed_origins/ })
  const page = await Client.to(t, url, ['mplp.v1', `bearer.${Buffer.from('agent').toString('base64url')}`], {
    origin: 'https://app.example.org',
  })
  t.equal(page.socket.protocol, 'mplp.v1')
  t.match(await page.ask(start('1')), { status: 'accepted' })
  t.match(await page.ask({ message_type: 'subscribe', id: 's' }), { status: 'rejected', errors: [{ message: /may not/ }] })
  const viewer = await Client.to(t, url, [], as('viewer'))
  t.match(await viewer.ask({ message_type: 'subscribe', id: 's', filter: { event: 'started' } }), { status: 'accepted' })
  t.match(await viewer.ask(finish('1')), { status: 'rejected', errors: [{ path: '/message_type' }] })
  const other = await Client.to(t, url, [], as('other'))
  await other.ask({ message_type: 'subscribe', id: 's' })
  await page.ask(start('2'))
  t.match((await viewer.until(3))[2], { event: 'started', execution: { tenant: 'a' } })
  t.match(await other.ask({ message_type: 'unsubscribe', id: 's' }), { status: 'accepted' }, 'it has heard nothing of another tenant')
  const traces = await Client.to(t, `${url}/v1/traces`, 'otlp.json', as('agent'))
  t.match(await traces.ask('{}'), { n: 1, status: 403 })
  t.equal(downstream.count, 0)
  const acts = audited.map(({ kind, act, subject, object }) => [kind, act, subject, object])
  t.same(acts.slice(1), [
    ['refusal', 'executions:read', 'agent', ''],
    ['read', 'executions:read', 'viewer', '{"event":"started"}'],
    ['refusal', 'message', 'viewer', undefined],
    ['read', 'executions:read', 'other', ''],
    ['refusal', 'send traces', 'agent', undefined],
  ])
})

t.test('the messages of the published examples become the same spans as over HTTP', async (t) => {
  const { url, downstream } = await open(t, { metrics: { identity: 'execution', window: '1ms' } })
  const names = ['start', 'update', 'metrics', 'finish']
  for (const dialect of ['flat', 'envelope']) {
    const client = await Client.to(t, url)
    for (const name of names) {
      const text = readFileSync(new URL(`../../core/mplp/fixtures/${dialect}-${name}.json`, import.meta.url), 'utf8')
      t.match(await client.ask(text), { status: 'accepted' }, `${dialect}-${name}`)
    }
  }
  t.equal(downstream.spans().length, 2)
})

t.test('a frame with very many messages is refused as one', async (t) => {
  const { url } = await open(t)
  const client = await Client.to(t, url)
  t.match(await client.ask(`[${'1,'.repeat(1000)}1]`), { status: 'rejected', n: 1, errors: [{ message: /accepted: 1000/ }] })
  t.match(await client.ask('[]'), [])
  t.match(await client.ask(Array.from({ length: 1000 }, (_, i) => start(`many ${i}`))), { length: 1000, 0: { n: 2 }, 999: { n: 1001 } })
  t.match(await client.ask(start('after')), { n: 1002 })
})

t.test('over TLS, with a certificate that says who it is', async (t) => {
  const authority = new Authority()
  const [server, sender] = [authority.sign(), authority.sign({ usage: 'client' })]
  const shown: (string | undefined)[] = []
  const authenticator: ServerAuthenticator = {
    start: async () => {},
    stop: async () => {},
    async authenticate(_headers, peer) {
      shown.push(peer?.certificate?.fingerprint256)
      return ORIGINS.get('Bearer agent')!
    },
  }
  const tls = { ...TLS, cert_pem: server.cert, key_pem: server.key, client_ca_pem: authority.cert } as NonNullable<ReceiverConfig['tls']>
  const { url } = await open(t, { tls, auth: { authenticator: 'certificates' } }, { certificates: authenticator })
  const secure = url.replace('ws:', 'wss:')
  const client = await Client.to(t, secure, 'mplp.v1', { ca: authority.cert, ...sender })
  t.match(await client.ask(start('tls')), { status: 'accepted' })
  t.same(shown, [new X509Certificate(sender.cert).fingerprint256])
  await t.rejects(Client.to(t, secure, 'mplp.v1', { ca: authority.cert }), 'without a certificate')
})

t.test('when it stops, what was taken is answered, and connections end with 1001', async (t) => {
  const { url, downstream, receiver } = await open(t)
  const client = await Client.to(t, url)
  await client.ask(start('1'))
  downstream.hold()
  client.send(finish('1'))
  while (downstream.holding === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const stopped = receiver.stop(new AbortController().signal)
  downstream.release()
  t.match((await client.until(2))[1], { status: 'accepted', n: 2 })
  t.match(await client.closed(), { code: 1001 })
  await stopped
})

t.test('what a schema cannot say is checked before anything starts', async (t) => {
  const faults = (config: Partial<ReceiverConfig>): readonly unknown[] => factory.check!({ ...CONFIG, ...config })
  t.match(faults({ ping_interval: '0', read_timeout: '0s', idle_timeout: '0s' }), [{ path: ['read_timeout'] }, { path: ['ping_interval'] }])
  t.same(faults({}), [])
  t.match(faults({ endpoint: 'here' }), [{ path: ['endpoint'], message: /found "here"/ }])
  t.match(faults({ max_in_flight_bytes: 5 }), [{ path: ['max_in_flight_bytes'] }])
  t.match(faults({ allowed_origins: ['*', 'app'] }), [{ path: ['allowed_origins', 1], message: /found "app"/ }])
})
