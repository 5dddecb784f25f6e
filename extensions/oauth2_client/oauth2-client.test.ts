// Extension `oauth2_client` against authorization servers of every temper.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { ClientAuthenticator, Service } from '../../core/index.ts'
import { lifecycleSuite, TestSettings } from '../../core/testing/index.ts'
import { systemClock } from '../../core/index.ts'
import { factory, type Oauth2ClientConfig } from './factory.ts'

interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly form: URLSearchParams
}
type Reply = (response: ServerResponse, nth: number, asked: Asked) => void

const SECRET = 'hunter2 /+&='
const tokenOf = (token: string, expires?: number | string, type = 'bearer'): string =>
  JSON.stringify({ access_token: token, token_type: type, ...(expires === undefined ? {} : { expires_in: expires }) })

async function authority(t: Test, reply: Reply): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      asked.push({ headers: request.headers, form: new URLSearchParams(body.toString()) })
      reply(response, asked.length, asked.at(-1)!)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?x=1`, asked }
}

const service: Service = { status: () => 'ready' }
const never = new AbortController().signal
const configOf = (config: Partial<Oauth2ClientConfig>): Oauth2ClientConfig => ({
  client_id: 'me',
  client_secret: SECRET,
  token_url: 'http://127.0.0.1:1/token',
  scopes: [],
  endpoint_params: {},
  timeout: '5s',
  expiry_buffer: '5m',
  tls: {
    insecure: false,
    insecure_skip_verify: false,
    include_system_ca_certs_pool: false,
    min_version: '1.2',
    max_version: '1.3',
    reload_interval: '0s',
  },
  ...config,
})

/** The clock that tokens age by stands still until it is moved; requests have the system's. */
class Aging {
  aheadMs = 0
  readonly monotonicMs = (): number => this.aheadMs
  readonly now = (): Date => new Date()
  readonly after = (ms: number, run: () => void): { cancel(): void } => systemClock.after(ms, run)
}

async function made(
  t: Test,
  config: Partial<Oauth2ClientConfig>,
): Promise<{ auth: ClientAuthenticator; clock: Aging; settings: TestSettings }> {
  const clock = new Aging()
  const settings = new TestSettings('oauth2_client', clock)
  const auth = (await factory.create(configOf(config), service, settings)) as ClientAuthenticator
  await auth.start(never)
  t.teardown(() => auth.stop(never))
  return { auth, clock, settings }
}

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => factory.create(configOf({}), service, new TestSettings('oauth2_client')),
)

t.test('the request is as RFC 6749 says, and the token is kept', async (t) => {
  const { url, asked } = await authority(t, (response, nth) => response.end(tokenOf(`token-${nth}`, 3600)))
  const params = { audience: 'them', many: ['a', 'b'] }
  const { auth } = await made(t, { token_url: url, client_id: 'me:and you', scopes: ['read', 'write'], endpoint_params: params })
  t.equal(asked.length, 0, 'not before somebody needs it')
  const all = await Promise.all(Array.from({ length: 10 }, () => auth.headers()))
  for (const headers of all) t.same(headers, { authorization: 'Bearer token-1' })
  await auth.headers()
  t.equal(asked.length, 1, 'one request at a time, and one token for all')
  const [{ headers, form }] = asked as [Asked]
  const [, pair = ''] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? []
  t.equal(Buffer.from(pair, 'base64').toString(), 'me%3Aand+you:hunter2+%2F%2B%26%3D')
  t.same(
    [...form],
    [
      ['grant_type', 'client_credentials'],
      ['scope', 'read write'],
      ['audience', 'them'],
      ['many', 'a'],
      ['many', 'b'],
    ],
  )
})

t.test('a token is replaced before it ends, and nobody waits for that', async (t) => {
  const held: (() => void)[] = []
  const { url, asked } = await authority(t, (response, nth) => {
    const answer = (): void => void response.end(tokenOf(`token-${nth}`, '1000'))
    if (nth === 1) answer()
    else held.push(answer)
  })
  const { auth, clock } = await made(t, { token_url: url, expiry_buffer: '100s' })
  const shown = async (): Promise<string> => (await auth.headers())['authorization']!
  t.equal(await shown(), 'Bearer token-1')
  clock.aheadMs = 899_999
  t.equal(await shown(), 'Bearer token-1')
  t.equal(asked.length, 1)
  clock.aheadMs = 900_000
  t.equal(await shown(), 'Bearer token-1', 'still good while the next one is fetched')
  while (held.length < 1) await new Promise(setImmediate)
  t.equal(await shown(), 'Bearer token-1')
  held.pop()!()
  while ((await shown()) === 'Bearer token-1') await new Promise(setImmediate)
  t.equal(asked.length, 2)
  clock.aheadMs = 5_000_000
  const waiting = shown()
  while (held.length < 1) await new Promise(setImmediate)
  held.pop()!()
  t.equal(await waiting, 'Bearer token-3', 'one that has ended is never shown')
})

t.test('a buffer longer than the life of tokens does not mean a request for each', async (t) => {
  const { url, asked } = await authority(t, (response) => response.end(tokenOf('short', 60)))
  const { auth, clock } = await made(t, { token_url: url })
  await auth.headers()
  clock.aheadMs = 29_000
  await auth.headers()
  t.equal(asked.length, 1)
})

t.test('a token that is refused is replaced, once for all who were refused together', async (t) => {
  const { url, asked } = await authority(t, (response, nth) => response.end(tokenOf(`token-${nth}`)))
  const { auth, clock } = await made(t, { token_url: url })
  await auth.headers()
  clock.aheadMs = 10_000
  auth.refused!()
  t.same(await auth.headers(), { authorization: 'Bearer token-2' })
  auth.refused!()
  t.same(await auth.headers(), { authorization: 'Bearer token-2' }, 'the refusal was of the one before')
  t.equal(asked.length, 2)
})

t.test('a server that wants the name in the body gets it there', async (t) => {
  const { url, asked } = await authority(t, (response, _, { form }) => {
    if (form.get('client_secret') === SECRET && form.get('client_id') === 'me') response.end(tokenOf('fine', 1))
    else response.writeHead(401).end('{"error":"invalid_client"}')
  })
  const { auth, clock } = await made(t, { token_url: url })
  t.same(await auth.headers(), { authorization: 'Bearer fine' })
  clock.aheadMs = 2000
  await auth.headers()
  t.equal(asked.length, 3, 'and from then on at once')
})

t.test('no token: a failure that may pass, told once, without any secret', async (t) => {
  const redirected = { location: 'http://127.0.0.1:1/elsewhere' }
  const replies: [Reply, RegExp][] = [
    [(response) => response.writeHead(401).end('{"error":"invalid_client","error_description":"hunter2"}'), /: 401 invalid_client$/],
    [(response) => response.writeHead(500).end('hunter2'), /: 500$/],
    [(response) => response.writeHead(302, redirected).end(), /: 302; redirects are not followed$/],
    [(response) => response.end('{}'), /200 without access_token$/],
    [(response) => response.end('<html>hunter2'), /200 without access_token$/],
    [(response) => response.end(tokenOf('hunter2\r\nx: 1')), /200 without access_token$/],
    [(response) => response.destroy(), /other side closed/],
    [(response) => response.writeHead(200).write('{"access'), /no whole answer within 50 ms/],
  ]
  for (const [reply, message] of replies) {
    const { url, asked } = await authority(t, reply)
    const { auth, settings, clock } = await made(t, { token_url: url, timeout: message.source.includes('50 ms') ? '50ms' : '1m' })
    const error: unknown = await auth.headers().catch((error: unknown) => error)
    t.match(error, { name: 'RetryableError', message })
    const before = asked.length
    await t.rejects(auth.headers(), { message })
    t.equal(asked.length, before, 'left alone for a while')
    clock.aheadMs = 1000
    await t.rejects(auth.headers(), { message })
    t.ok(asked.length > before)
    t.equal(settings.lines.length, 1, 'told once')
    const told = JSON.stringify(settings.lines) + String(error)
    for (const secret of ['hunter2', Buffer.from(SECRET).toString('base64'), encodeURIComponent(SECRET)])
      t.notOk(told.includes(secret), secret)
  }
})

t.test('an endless answer is not read to its end', async (t) => {
  const { url } = await authority(t, (response) => {
    let open = true
    response.on('close', () => (open = false))
    const pour = (): void => void (open && response.write(Buffer.alloc(65_536, ' '), () => setImmediate(pour)))
    pour()
  })
  const { auth } = await made(t, { token_url: url, timeout: '1m' })
  await t.rejects(auth.headers(), { message: /200 without access_token/ })
})

t.test('what is wrong is told at load', async (t) => {
  const faults = (config: Partial<Oauth2ClientConfig>): readonly unknown[] => factory.check!(configOf(config))
  t.same(faults({}), [])
  const { client_id: _, client_secret: __, ...nobody } = configOf({})
  t.match(factory.check!(nobody), [{ message: /no client_id/ }, { message: /no client_secret/ }])
  t.match(faults({ client_secret_file: 'a' }), [{ path: ['client_secret_file'] }])
  t.match(faults({ token_url: 'auth.example.com' }), [{ path: ['token_url'] }])
  t.match(faults({ endpoint_params: { scope: 'a' } }), [{ path: ['endpoint_params', 'scope'] }])
  t.match(faults({ timeout: '0s' }), [{ path: ['timeout'] }])
})
