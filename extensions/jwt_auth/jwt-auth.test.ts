import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import type { Origin, ServerAuthenticator, Service } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory, type JwtAuthConfig } from './factory.ts'

const service: Service = { status: () => 'ready' }
const never = new AbortController().signal
const ISSUER = 'https://issuer.example'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' })
const jwk = (key: KeyObject, more: object = {}): object => ({ ...key.export({ format: 'jwk' }), ...more })

const DEFAULTS: JwtAuthConfig = {
  issuer_url: ISSUER,
  audience: 'millrace',
  ignore_audience: false,
  algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'],
  attribute: 'authorization',
  username_claim: 'sub',
  clock_skew: '30s',
  timeout: '5s',
  cache_duration: '10m',
  cooldown: '30s',
  allow_private_addresses: false,
}

interface Made {
  readonly auth: ServerAuthenticator
  readonly clock: TestClock
  readonly settings: TestSettings
  readonly ask: (token: string, header?: string) => Promise<Origin>
}
async function made(config: Partial<JwtAuthConfig>): Promise<Made> {
  const clock = new TestClock()
  const settings = new TestSettings('jwt_auth', clock)
  const auth = (await factory.create({ ...DEFAULTS, ...config }, service, settings)) as ServerAuthenticator
  await auth.start(never)
  const ask = (token: string, header = 'authorization'): Promise<Origin> => auth.authenticate(new Map([[header, `Bearer ${token}`]]))
  return { auth, clock, settings, ask }
}

const nowS = Date.UTC(2026, 0, 1) / 1000
const CLAIMS: JWTPayload = { iss: ISSUER, aud: 'millrace', sub: 'collector-7', exp: nowS + 600, iat: nowS }

function signed(claims: JWTPayload = {}, key: KeyObject = rsa.privateKey, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: 'RS256', ...header }).sign(key)
}
const signedBy = (key: KeyObject, text: string): string => `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function keysFile(t: Test, ...texts: readonly string[]): string {
  return join(t.testdir({ keys: texts.join('') }), 'keys')
}

interface KeyServer {
  readonly url: string
  readonly asked: string[]
  answer: (request: IncomingMessage, response: ServerResponse) => void
}
async function keyServer(t: Test, keys: readonly object[]): Promise<KeyServer> {
  const server = createServer((request, response) => {
    found.asked.push(request.url!)
    found.answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const found: KeyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answer: (_, response) => void response.end(JSON.stringify({ keys })),
  }
  return found
}

const refused = { name: 'UnauthenticatedError' } as const

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => {
    const file = join(t.testdir({ key: pem(rsa.publicKey) }), 'key')
    return factory.create({ ...DEFAULTS, public_keys_file: file }, service, new TestSettings('jwt_auth'))
  },
)

t.test('a sender is who its token says, always as the same origin', async (t) => {
  const file = keysFile(t, pem(rsa.publicKey), pem(ec.publicKey), pem(ed.publicKey))
  const { ask } = await made({ public_keys_file: file, tenant_claim: 'tenant', groups_claim: 'realm_access.roles' })
  const claims = { tenant: 'acme', realm_access: { roles: ['writer', 'reader', 7] } }
  const origin = await ask(await signed(claims))
  t.match(origin, { tenant: 'acme', subject: 'collector-7', roles: ['writer', 'reader'] })
  t.equal(await ask(await signed({ ...claims, jti: 'another' })), origin, 'another token of the same sender')
  t.equal(await ask(await signed(claims, rsa.privateKey, { alg: 'PS256' })), origin)
  t.equal(await ask(await signed(claims, ec.privateKey, { alg: 'ES256' })), origin)
  t.equal(await ask(await signed(claims, ed.privateKey, { alg: 'EdDSA', kid: 'keys in PEM have no id' })), origin)
  t.equal(await ask(await signed({ ...claims, aud: ['others', 'millrace'] })), origin)
  t.not(await ask(await signed({ ...claims, tenant: 'other' })), origin)
})

t.test('what is asked of a token: every wrong value is refused', async (t) => {
  const file = keysFile(t, pem(rsa.publicKey))
  const cases: readonly (readonly [what: string, config: Partial<JwtAuthConfig>, token: Promise<string>])[] = [
    ['issuer', {}, signed({ iss: 'https://issuer.example/' })],
    ['no issuer', {}, signed({ iss: undefined as unknown as string })],
    ['audience', {}, signed({ aud: 'others' })],
    ['no audience', {}, signed({ aud: undefined as unknown as string })],
    ['ended', {}, signed({ exp: nowS - 31 })],
    ['never ends', {}, signed({ exp: undefined as unknown as number })],
    ['ends with a word', {}, signed({ exp: 'never' as unknown as number })],
    ['not yet', {}, signed({ nbf: nowS + 31 })],
    ['no subject', {}, signed({ sub: undefined as unknown as string })],
    ['subject of another type', {}, signed({ sub: ['a'] as unknown as string })],
    ['a subject of two lines', {}, signed({ sub: 'a\r\nb' })],
    ['username_claim', { username_claim: 'email' }, signed()],
    ['username_claim out of the prototype', { username_claim: 'constructor' }, signed()],
    ['tenant_claim', { tenant_claim: 'tenant' }, signed()],
    ['tenant_claim that is empty', { tenant_claim: 'tenant' }, signed({ tenant: '' })],
    ['algorithms', { algorithms: ['ES256'] }, signed()],
    ['another key', {}, signed({}, other.privateKey)],
  ]
  for (const [what, config, token] of cases) {
    const { ask } = await made({ public_keys_file: file, ...config })
    await t.rejects(ask(await token), refused, what)
  }
  const { ask, auth } = await made({ public_keys_file: file })
  t.match(await ask(await signed({ exp: nowS - 29, nbf: nowS + 29 })), { subject: 'collector-7' }, 'within clock_skew')
  await t.rejects(ask(await signed({ exp: nowS - 31 })), { message: 'the token has ended' })
  await t.rejects(auth.authenticate(new Map()), { ...refused, message: /authorization is missing/ })
  for (const header of ['', 'Bearer', 'Bearer ', 'Basic abc', `Bearer ${await signed()} x`, `Bearer ${'a'.repeat(20_000)}`])
    await t.rejects(auth.authenticate(new Map([['authorization', header]])), refused, header.slice(0, 20))
  const elsewhere = await made({ public_keys_file: file, attribute: 'X-Token' })
  t.match(await elsewhere.ask(await signed(), 'x-token'), { subject: 'collector-7' })
  await t.rejects(elsewhere.ask(await signed()), refused, 'the header of another name')
  const anybody = await made({ public_keys_file: file, ignore_audience: true, audience: undefined as unknown as string })
  t.match(await anybody.ask(await signed({ aud: 'others' })), { subject: 'collector-7' })
})

t.test('tricks with the header of a token: refused, and nobody is asked for anything', async (t) => {
  const outside = await keyServer(t, [jwk(other.publicKey, { kid: 'mine' })])
  const own = jwk(other.publicKey) as JWTHeaderParameters['jwk']
  const payload = base64(CLAIMS)
  const unsigned = (header: object, signature = ''): string => `${base64(header)}.${payload}.${signature}`
  // The public key of the issuer as the secret of an HMAC.
  const confused = (header: object, secret: string): string => {
    const text = `${base64(header)}.${payload}`
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  const url = `${outside.url}/keys`
  const critical = signedBy(rsa.privateKey, `${base64({ alg: 'RS256', crit: ['exp'], exp: 1 })}.${payload}`)
  const [good, stolen] = [await signed(), await signed({ sub: 'admin' }, other.privateKey)]
  const tokens: readonly (readonly [what: string, token: string])[] = [
    ['none', unsigned({ alg: 'none' })],
    ['none in other letters', unsigned({ alg: 'nOnE' })],
    ['no algorithm', unsigned({ typ: 'JWT' })],
    ['an algorithm that is no text', unsigned({ alg: ['RS256'] }, 'AA')],
    ['HS256 with the public key', confused({ alg: 'HS256' }, pem(rsa.publicKey))],
    ['HS256 with the public key, trimmed', confused({ alg: 'HS256' }, pem(rsa.publicKey).trim())],
    ['its own key in jwk', await signed({}, other.privateKey, { jwk: own! })],
    ['its own keys at jku', await signed({}, other.privateKey, { jku: url, kid: 'mine' })],
    ['its own certificate at x5u', await signed({}, other.privateKey, { x5u: url })],
    ['its own certificate in x5c', await signed({}, other.privateKey, { x5c: ['AAAA'] })],
    ['a kid that is a path', await signed({}, other.privateKey, { kid: '../../../../dev/null' })],
    ['a kid out of the prototype', await signed({}, other.privateKey, { kid: '__proto__' })],
    ['a header that must be understood', critical],
    ['another payload', [good.split('.')[0], stolen.split('.')[1], good.split('.')[2]].join('.')],
    ['no signature', good.split('.').slice(0, 2).join('.')],
    ['an empty signature', `${good.split('.').slice(0, 2).join('.')}.`],
    ['five parts', `${good}.a.b`],
    [
      'RS256 said of an EC key',
      await signed({}, ec.privateKey, { alg: 'ES256' }).then((token) => token.replace(/^[^.]+/, base64({ alg: 'RS256' }))),
    ],
  ]
  for (const source of [
    { public_keys_file: keysFile(t, pem(rsa.publicKey)) },
    { jwks_url: (await keyServer(t, [jwk(rsa.publicKey), jwk(ec.publicKey), { kty: 'oct', k: 'AAAA' }])).url },
  ]) {
    const { ask } = await made(source)
    for (const [what, token] of tokens) {
      if (what.includes('EC key') && 'public_keys_file' in source) continue
      await t.rejects(ask(token), refused, what)
    }
    t.match(await ask(good), { subject: 'collector-7' })
  }
  t.same(outside.asked, [])
})

t.test('what was found is remembered no longer than the token or its key lives', async (t) => {
  const file = keysFile(t, pem(rsa.publicKey))
  const { ask, clock } = await made({ public_keys_file: file })
  const token = await signed()
  await ask(token)
  await clock.advance(629_999)
  await ask(token)
  await clock.advance(1)
  await t.rejects(ask(token), { message: 'the token has ended' })
  const young = await signed({ exp: nowS + 6000 })
  await ask(young)
  writeFileSync(file, pem(other.publicKey))
  await clock.advance(1000)
  await t.rejects(ask(young), refused, 'the key was taken away')
  writeFileSync(file, 'nothing')
  await clock.advance(1000)
  t.match(await ask(await signed({ exp: nowS + 6000 }, other.privateKey)), { subject: 'collector-7' }, 'what is no key changes nothing')
})

t.test('keys of an URL: chosen by their id, asked for again when they are old or unknown, not more often', async (t) => {
  const server = await keyServer(t, [jwk(rsa.publicKey, { kid: 'one', alg: 'RS256', use: 'sig' })])
  const { ask, clock, settings } = await made({ jwks_url: `${server.url}/keys` })
  t.same(server.asked, ['/keys'])
  const [first, second] = [
    await signed({ exp: nowS + 6000 }, rsa.privateKey, { kid: 'one' }),
    await signed({ exp: nowS + 6000 }, other.privateKey, { kid: 'two' }),
  ]
  await ask(first)
  await t.rejects(ask(await signed({}, rsa.privateKey, { alg: 'PS256', kid: 'one' })), refused, 'the key is for RS256')
  for (let i = 0; i < 5; i++) await t.rejects(ask(second), refused)
  t.equal(server.asked.length, 1, 'tokens with unknown keys ask nobody during the cooldown')
  await clock.advance(30_000)
  await Promise.all(Array.from({ length: 5 }, () => t.rejects(ask(second), refused)))
  t.equal(server.asked.length, 2, 'and then once')
  server.answer = (_, response) => void response.end(JSON.stringify({ keys: [jwk(other.publicKey, { kid: 'two' })] }))
  await clock.advance(30_000)
  t.match(await ask(second), { subject: 'collector-7' }, 'a new key is good at once')
  await t.rejects(ask(first), refused, 'and the old one is gone')
  server.answer = (_, response) => void response.writeHead(500).end()
  await clock.advance(600_000)
  await ask(second)
  const warned = (): readonly unknown[] => settings.lines.filter(({ level }) => level === 'warn')
  while (warned().length === 0) await new Promise(setImmediate)
  t.match(warned(), [{ level: 'warn', message: /those from before stay/, fields: { reason: /: 500$/ } }])
  t.match(await ask(second), { subject: 'collector-7' })
})

t.test('an issuer says where its keys are, and must say that it is itself', async (t) => {
  const server = await keyServer(t, [])
  const about = (issuer: string, keys: unknown): void => {
    server.answer = ({ url }, response) =>
      void response.end(JSON.stringify(url === '/keys' ? { keys: [jwk(rsa.publicKey)] } : { issuer, jwks_uri: keys }))
  }
  const issuer = `${server.url}/realm`
  about(issuer, `${server.url}/keys`)
  const { ask } = await made({ issuer_url: issuer })
  t.same(server.asked, ['/realm/.well-known/openid-configuration', '/keys'])
  t.match(await ask(await signed({ iss: issuer })), { subject: 'collector-7' })
  about('https://other.example', `${server.url}/keys`)
  await t.rejects(made({ issuer_url: issuer }), { message: /another issuer/ })
  for (const inner of [
    'http://169.254.169.254/keys',
    'https://10.0.0.1/keys',
    'https://[::ffff:10.0.0.1]/keys',
    'file:///etc/passwd',
    'http://example.org/',
  ]) {
    about(issuer, inner)
    await t.rejects(made({ issuer_url: issuer }), { message: /address is|without TLS/ }, inner)
  }
  about(issuer, 7)
  await t.rejects(made({ issuer_url: issuer }), { message: /no jwks_uri/ })
})

t.test('keys that cannot be had end the start', async (t) => {
  await t.rejects(made({ public_keys_file: '/nowhere' }), { message: /public_keys_file .* there is no such file/ })
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const mine = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })
  for (const [text, message] of [
    ['nothing', /no key/],
    ['{"keys":[]}', /no key/],
    ['{"keys":[{"kty":"oct","k":"AAAA"}]}', /no key/],
    [JSON.stringify(jwk(rsa.publicKey, { use: 'enc' })), /no key/],
    [pem(weak.publicKey), /no key; accepted: .*2048/],
    [mine, /private key/],
    [JSON.stringify(jwk(rsa.privateKey)), /private key/],
  ] as const) {
    await t.rejects(made({ public_keys_file: keysFile(t, text) }), { message })
  }
  const server = await keyServer(t, [])
  const answers: readonly (readonly [KeyServer['answer'], RegExp])[] = [
    [(_, response) => response.writeHead(302, { location: `${server.url}/secret` }).end(), /302; redirects are not followed/],
    [(_, response) => response.writeHead(404).end('hunter2'), /: 404$/],
    [(_, response) => response.end('<html>hunter2'), /no key/],
    [(_, response) => response.end('x'.repeat(600_000)), /more than 524288 bytes/],
    [
      (_, response) => response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
      /ends before its end|aborted|hang up/,
    ],
    [(_, response) => void response.writeHead(200).write('{'), /no whole answer within 50 ms/],
  ]
  for (const [answer, message] of answers) {
    server.answer = answer
    const error = (await made({ jwks_url: server.url, timeout: message.source.includes('50 ms') ? '50ms' : '5s' }).catch(
      (error: unknown) => error,
    )) as Error
    t.match(error.message, message)
    t.notMatch(error.message, /hunter2/)
  }
  t.notOk(server.asked.includes('/secret'))
  await t.rejects(made({ jwks_url: 'http://127.0.0.1:1/' }), { message: /nothing came from http:\/\/127.0.0.1:1\/: / })
})

t.test('what is wrong is told at load', async (t) => {
  const faults = (config: Partial<JwtAuthConfig>): readonly unknown[] => factory.check!({ ...DEFAULTS, ...config })
  t.same(faults({}), [])
  t.same(faults({ public_keys_file: 'a', issuer_url: 'any text' }), [])
  const { audience: _, ...nobody } = DEFAULTS
  t.match(factory.check!(nobody), [{ path: [], message: /no audience/ }])
  t.match(faults({ ignore_audience: true }), [{ path: ['ignore_audience'] }])
  t.match(faults({ public_keys_file: 'a', jwks_url: 'https://a' }), [{ path: ['jwks_url'] }])
  t.match(faults({ public_keys_file: 'a', issuer_ca_path: 'a' }), [{ path: ['issuer_ca_path'] }])
  t.match(faults({ jwks_url: 'issuer.example' }), [{ path: ['jwks_url'] }])
  t.match(faults({ issuer_url: 'issuer.example' }), [{ path: ['issuer_url'] }])
  t.match(faults({ timeout: '0s' }), [{ path: ['timeout'] }])
  t.same(factory.provides!(DEFAULTS), ['server_auth'])
})
