// The extension `client_certificate_auth` with real certificates: which name of one is the sender's, and which certificates name nobody. That
// doors show it only what was verified is tested with the doors.

import { X509Certificate } from 'node:crypto'
import t from 'tap'
import type { Origin, ServerAuthenticator, Service } from '../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../core/testing/index.ts'
import { Authority, type LeafOptions } from '../core/tls/fixtures/certificates.ts'
import { type ClientCertificateAuthConfig, factory } from '../extensions/client_certificate_auth/factory.ts'

const service: Service = { status: () => 'ready' }
const authority = new Authority()
const DEFAULTS: ClientCertificateAuthConfig = { username_from: 'common_name' }

const certificate = (options: LeafOptions): X509Certificate => new X509Certificate(authority.sign({ usage: 'client', ...options }).cert)
async function auth(config: Partial<ClientCertificateAuthConfig> = {}, clock = new TestClock()): Promise<ServerAuthenticator> {
  clock.wallStartMs = Date.now()
  return (await factory.create(
    { ...DEFAULTS, ...config },
    service,
    new TestSettings('client_certificate_auth', clock),
  )) as ServerAuthenticator
}
const ask = (auth: ServerAuthenticator, options: LeafOptions): Promise<Origin> =>
  auth.authenticate(new Map([['authorization', 'Bearer somebody-else']]), { certificate: certificate(options) })
const refused = { name: 'UnauthenticatedError' }

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => auth(),
)

t.test('a sender is whom its certificate names, whatever its headers say', async (t) => {
  const whole: LeafOptions = { name: 'planner', organizations: ['acme'], uris: ['spiffe://acme/planner'] }
  const cases: readonly (readonly [Partial<ClientCertificateAuthConfig>, object])[] = [
    [{}, { subject: 'planner', tenant: '', roles: [] }],
    [{ username_from: 'subject' }, { subject: 'CN=planner,O=acme' }],
    [{ username_from: 'san_uri' }, { subject: 'spiffe://acme/planner' }],
    [{ username_from: 'san_dns' }, { subject: 'localhost' }],
    [{ tenant_from: 'organization' }, { tenant: 'acme' }],
    [{ accounts: { planner: { tenant: 'ours', roles: ['writer'] } } }, { tenant: 'ours', roles: ['writer'] }],
  ]
  for (const [config, expected] of cases) t.match(await ask(await auth(config), whole), expected)
  const one = await auth()
  t.equal(await ask(one, whole), await ask(one, whole), 'one object, after a renewal of the certificate too')
})

t.test('a certificate that does not name exactly one sender names nobody', async (t) => {
  const wrong: readonly (readonly [Partial<ClientCertificateAuthConfig>, LeafOptions])[] = [
    [{ username_from: 'san_uri' }, { name: 'planner' }],
    [{ username_from: 'san_email' }, { name: 'planner' }],
    [{ username_from: 'san_uri' }, { uris: ['spiffe://acme/planner', 'spiffe://acme/executor'] }],
    // A name that pretends to be the end of one and the beginning of the next.
    [{ username_from: 'san_email' }, { uris: ['a, email:admin@acme'] }],
    [{ username_from: 'san_uri' }, { uris: ['a, URI:b', 'c'] }],
    [{ tenant_from: 'organization' }, { name: 'planner' }],
    [{ tenant_from: 'organization' }, { organizations: ['acme', 'other'] }],
    [{ tenant_from: 'organizational_unit' }, { organizations: ['acme'] }],
    [{ accounts: { planner: { roles: [] } } }, { name: 'executor' }],
    [{ accounts: { planner: { roles: [] } } }, { name: 'constructor' }],
    [{}, { name: 'two\nlines' }],
    [{}, { name: '' }],
  ]
  for (const [config, options] of wrong) await t.rejects(ask(await auth(config), options), refused, JSON.stringify([config, options]))
  t.match(await ask(await auth({ username_from: 'san_uri' }), { uris: ['a, URI:b'] }), { subject: 'a, URI:b' }, 'quoted, and so one')
  t.match(await ask(await auth({ username_from: 'subject' }), { name: 'a,O=other' }), { subject: 'CN=a\\,O=other' }, 'and cannot be forged')
})

t.test('no certificate, or one that has expired since the connection began', async (t) => {
  const clock = new TestClock()
  const one = await auth({}, clock)
  await t.rejects(one.authenticate(new Map()), { ...refused, message: /no client certificate/ })
  await t.rejects(one.authenticate(new Map(), {}), refused)
  const peer = { certificate: certificate({ notAfter: new Date(Date.now() + 60_000) }) }
  await one.authenticate(new Map(), peer)
  await clock.advance(61_000)
  await t.rejects(one.authenticate(new Map(), peer), { ...refused, message: /has expired/ })
})

t.test('what is wrong is told at load', (t) => {
  const faults = (config: Partial<ClientCertificateAuthConfig>): readonly unknown[] => factory.check!({ ...DEFAULTS, ...config })
  t.same(faults({ tenant_from: 'organization', accounts: { a: { roles: [] } } }), [])
  t.match(faults({ tenant_from: 'organization', accounts: { a: { tenant: 'b', roles: [] } } }), [{ path: ['accounts', 'a', 'tenant'] }])
  t.end()
})
