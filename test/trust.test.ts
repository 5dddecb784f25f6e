// Who may send OTLP, by every authenticator and over both protocols: what goes with the data, and what a program does that cannot tell.

import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AuditEntry, Auditor, Batch, ServerAuthenticator, Service } from '../core/index.ts'
import type { Factories } from '../core/component.ts'
import { type ConfigError, renderFault } from '../core/config/fault.ts'
import { loadSources } from '../core/config/load.ts'
import { serverTlsSchema } from '../core/factory.ts'
import { frame, send } from '../core/server/fixtures/grpc.ts'
import { CollectingConsumer, numberedSpans, TestClock, TestSettings } from '../core/testing/index.ts'
import { Authority, type Pair } from '../core/tls/fixtures/certificates.ts'
import { factory as certificates } from '../extensions/client_certificate_auth/factory.ts'
import { factory as anyOf } from '../extensions/any_of_auth/factory.ts'
import { factory as nop } from '../exporters/nop/factory.ts'
import { factory as tokens } from '../extensions/jwt_auth/factory.ts'
import { factory as accounts } from '../extensions/service_account_auth/factory.ts'
import { factory, type OtlpConfig } from '../receivers/otlp/factory.ts'
import { defaultsOf } from '../receivers/otlp/fixtures/defaults.ts'
import { grpcSchema } from '../receivers/otlp/grpc-options.ts'
import { httpSchema } from '../receivers/otlp/http-options.ts'
import { start } from './program.ts'
import { METHODS } from './senders.ts'
import { tokenOf, trusted } from './trust-story.ts'

const service: Service = { status: () => 'ready' }
const never = new AbortController().signal
const SECRET = 'a-secret-of-the-planner'
const authority = new Authority()
const clients = new Authority('clients')
const body = Buffer.from(numberedSpans(1).chunks[0]!)

class Records implements Auditor {
  readonly entries: AuditEntry[] = []
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async record(entry: AuditEntry): Promise<boolean> {
    this.entries.push(entry)
    return true
  }
}

type Headers = Readonly<Record<string, string | readonly string[]>>
interface Opened {
  readonly batches: readonly Batch[]
  readonly records: Records
  /** The status of HTTP and the code of gRPC; undefined where TLS let nobody in. */
  readonly ask: (headers: Headers, pair?: Pair) => Promise<readonly [http: number | undefined, grpc: string | undefined]>
}

/** Both protocols over TLS, with a planner whom a certificate or a secret names. */
async function open(t: Test, roles?: object): Promise<Opened> {
  const clock = new TestClock()
  clock.wallStartMs = Date.now()
  const settings = new TestSettings('otlp', clock)
  const known = { planner: { tenant: 'acme', roles: ['writer'] }, reader: { roles: ['reader'] } }
  const byCertificate = await certificates.create({ username_from: 'common_name', accounts: known }, service, settings)
  const bySecret = await accounts.create({ accounts: { scout: { secret: SECRET, tenant: 'acme', roles: ['writer'] } } }, service, settings)
  const records = new Records()
  for (const [id, made] of Object.entries({ byCertificate, bySecret, records })) settings.extensions.set(id, made as ServerAuthenticator)
  settings.extensions.set(
    'any',
    (await anyOf.create({ authenticators: ['bySecret', 'byCertificate'] }, service, settings)) as ServerAuthenticator,
  )
  const { cert, key } = authority.sign()
  const tls = { ...(defaultsOf(serverTlsSchema) as object), cert_pem: cert, key_pem: key, client_ca_pem: clients.cert }
  const more = { endpoint: '127.0.0.1:0', tls, auth: { authenticator: 'any', audit: 'records', ...(roles === undefined ? {} : { roles }) } }
  const protocols = { http: { ...(defaultsOf(httpSchema) as object), ...more }, grpc: { ...(defaultsOf(grpcSchema) as object), ...more } }
  const next = new CollectingConsumer()
  const receiver = await factory.create({ protocols, max_in_flight_bytes: 1e8 } as unknown as OtlpConfig, { traces: next }, settings)
  await receiver.start(never)
  t.teardown(() => receiver.stop(AbortSignal.abort()))
  const [http, grpc] = [receiver.addresses!['http']!, receiver.addresses!['grpc']!]
  const ask: Opened['ask'] = async (headers, pair) => [await overHttp(http, headers, pair), await overGrpc(grpc, headers, pair)]
  return { batches: next.batches, records, ask }
}

function overHttp(address: string, headers: Headers, pair: Pair | undefined): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const options = { ...pair, ca: authority.cert, method: 'POST', agent: new Agent({ maxCachedSessions: 0 }) }
  const all = { 'content-type': 'application/x-protobuf', ...headers }
  const request = httpsRequest(`https://${address}/v1/traces`, { ...options, headers: all })
  request.on('response', (response) => resolve(response.resume().statusCode)).on('error', () => resolve(undefined))
  request.end(body)
  return promise
}

async function overGrpc(address: string, headers: Headers, pair: Pair | undefined): Promise<string | undefined> {
  const session = connect(`https://${address}`, { ...pair, ca: authority.cert })
  session.on('error', () => {})
  try {
    return (await send(session, frame(body), { ':path': METHODS.traces, ...(headers as Record<string, string | string[]>) })).code
  } catch {
    return undefined
  } finally {
    session.destroy()
  }
}

const planner = (): Pair => clients.sign({ usage: 'client', name: 'planner' })

t.test('a certificate, or a secret beside it, says who sends; what the sender says of a tenant does not', async (t) => {
  const { ask, batches } = await open(t)
  t.same(await ask({}, planner()), [200, '0'])
  t.same(await ask({ 'x-scope-orgid': 'other', 'x-tenant': 'other', tenant: 'other' }, planner()), [200, '0'])
  t.same(await ask({ authorization: `Bearer ${SECRET}` }, planner()), [200, '0'])
  t.same(
    batches.map(({ origin: { tenant, subject } }) => [tenant, subject]),
    ['planner', 'planner', 'planner', 'planner', 'scout', 'scout'].map((subject) => ['acme', subject]),
  )
  t.equal(new Set(batches.map(({ origin }) => origin)).size, 2, 'one object for each, over connections and protocols')
  t.ok(batches.every(({ origin }) => origin.headers.size === 0))
})

t.test('whom nobody knows is refused, over both protocols, and that is on record', async (t) => {
  const { ask, batches, records } = await open(t)
  t.same(await ask({}, clients.sign({ usage: 'client', name: 'stranger' })), [401, '16'])
  t.same(await ask({ authorization: 'Bearer wrong' }, clients.sign({ usage: 'client', name: '__proto__' })), [401, '16'])
  const twice = { authorization: [`Bearer ${SECRET}`, `Bearer ${SECRET}`] }
  t.same(
    await ask(twice, clients.sign({ usage: 'client', name: 'stranger' })),
    [401, undefined],
    'two headers are none, and Node sends none over HTTP/2',
  )
  for (const [what, pair] of [
    ['no certificate', undefined],
    ['another authority', authority.sign({ usage: 'client', name: 'planner' })],
    ['expired', clients.sign({ usage: 'client', name: 'planner', notAfter: new Date(Date.now() - 1000) })],
    ['for servers', clients.sign({ usage: 'server', name: 'planner' })],
  ] as const)
    t.same(await ask({ authorization: `Bearer ${SECRET}` }, pair), [undefined, undefined], what)
  t.equal(batches.length, 0)
  t.equal(records.entries.length, 5)
  t.match(records.entries[0], { kind: 'refusal', act: 'authenticate', component: 'otlp', reason: /may not send here/ })
  t.notMatch(JSON.stringify(records.entries), SECRET)
})

t.test('with roles a sender may send what one of its roles names, and that alone', async (t) => {
  const role = { messages: [], acts: [], services: ['*'], tenants: [] }
  const { ask, batches, records } = await open(t, {
    writer: { ...role, signals: ['traces'] },
    reader: { ...role, signals: ['logs', 'metrics'] },
  })
  t.same(await ask({}, planner()), [200, '0'])
  t.same(await ask({}, clients.sign({ usage: 'client', name: 'reader' })), [403, '7'])
  t.equal(batches.length, 2)
  t.match(records.entries, [
    { kind: 'refusal', act: 'send traces', subject: 'reader', reason: 'no role allows it' },
    { kind: 'refusal', act: 'send traces', subject: 'reader' },
  ])
})

const jwt = (more: string): string => `extensions: { jwt_auth: { issuer_url: https://issuer.example, audience: a, ${more} } }`
const KEYS = jwt('public_keys_file: a')
/** A whole file, in which receiver `otlp` asks `authenticator`. */
function whole(extensions: string, authenticator: string, more: string, listed: string): string {
  const auth = `{ authenticator: ${authenticator}, ${more} }`
  const pipelines = 'pipelines: { traces: { receivers: [otlp], exporters: [nop] } }'
  return `${extensions}
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0", auth: ${auth} } } } }
exporters: { nop: }
service: { extensions: [${listed}], ${pipelines} }
`
}

t.test('auth that cannot be enforced is told at load', async (t) => {
  const cases: readonly (readonly [what: string, text: string, said: RegExp])[] = [
    ['misspelt', whole(jwt('public_keys_fil: a'), 'jwt_auth', '', 'jwt_auth'), /did you mean "public_keys_file"/],
    ['no algorithm', whole(jwt('algorithms: []'), 'jwt_auth', '', 'jwt_auth'), /algorithms/],
    ['a shared secret', whole(jwt('algorithms: [HS256]'), 'jwt_auth', '', 'jwt_auth'), /HS256/],
    ['none', whole(jwt('algorithms: [none]'), 'jwt_auth', '', 'jwt_auth'), /found "none"/],
    ['not there', whole(KEYS, 'jwt_aut', '', 'jwt_auth'), /did you mean "jwt_auth"/],
    ['not listed', whole(KEYS, 'jwt_auth', '', ''), /not listed in service.extensions/],
    [
      'no accounts',
      whole('extensions: { service_account_auth: { accounts: {} } }', 'service_account_auth', '', 'service_account_auth'),
      /accounts/,
    ],
    ['no audit log', whole(KEYS, 'jwt_auth', 'audit: jwt_auth', 'jwt_auth'), /keeps no audit log/],
    ['unknown words', whole(KEYS, 'jwt_auth', 'roles: { a: { messages: ["*"] } }', 'jwt_auth'), /no messages here/],
    ['a signal that is none', whole(KEYS, 'jwt_auth', 'roles: { a: { signals: [spans] } }', 'jwt_auth'), /found "spans"/],
  ]
  const extensions = [certificates, anyOf, accounts, tokens]
  const factories = { receivers: [factory], processors: [], exporters: [nop], connectors: [], extensions }
  for (const [what, text, said] of cases) {
    const error: unknown = await loadSources([{ file: 'a.yaml', text }], factories as unknown as Factories, {}).catch(
      (error: unknown) => error,
    )
    t.match((error as ConfigError).faults?.map(renderFault).join('\n'), said, what)
  }
})

t.test('auth whose keys cannot be had ends the start', async (t) => {
  const folder = t.testdir({ 'empty.pem': '' })
  const cases: readonly (readonly [keys: string, said: RegExp])[] = [
    ['public_keys_file: /nowhere.pem', /public_keys_file|nowhere.pem/],
    [`public_keys_file: ${join(folder, 'empty.pem')}`, /is empty/],
    ['jwks_url: "http://127.0.0.1:1/keys"', /nothing came from http:\/\/127.0.0.1:1\/keys/],
  ]
  for (const [i, [keys, said]] of cases.entries()) {
    const file = join(folder, `${i}.yaml`)
    writeFileSync(file, whole(jwt(keys), 'jwt_auth', '', 'jwt_auth'))
    const program = start(t, ['run', '--config', file])
    t.equal(await program.ended, 1, program.said())
    t.match(program.said(), said)
  }
})

t.test('keys of an issuer are exchanged while the program runs', async (t) => {
  const { folder, env } = trusted(t)
  const config = join(import.meta.dirname, '../configs/trust.yaml')
  const program = start(t, ['run', '--config', config], { env: { ...process.env, OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0', ...env } })
  await program.says(/^ready in/m)
  const post = async (token: string): Promise<number> => {
    const headers = { 'content-type': 'application/x-protobuf', authorization: `Bearer ${token}` }
    return (await fetch(`${program.url('receivers.otlp')}/v1/traces`, { method: 'POST', headers, body })).status
  }
  const [old, successor] = [await tokenOf({}), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
  t.equal(await post(old), 200)
  writeFileSync(join(folder, 'issuer-keys.pem'), successor.publicKey.export({ type: 'spki', format: 'pem' }))
  while ((await post(old)) !== 401) await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(await post(await tokenOf({}, successor.privateKey, 'ES256')), 200)
})
