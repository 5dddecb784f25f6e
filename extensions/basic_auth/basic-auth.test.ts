import { createHash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ClientAuthenticator, Service, ServerAuthenticator } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { type BasicAuthConfig, factory } from './factory.ts'

const service: Service = { status: () => 'ready' }
const never = new AbortController().signal
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const folder = mkdtempSync(join(tmpdir(), 'millrace-'))

const client = async (config: BasicAuthConfig['client_auth']): Promise<ClientAuthenticator> =>
  (await factory.create({ client_auth: config! }, service, new TestSettings('basic_auth'))) as ClientAuthenticator
async function server(htpasswd: NonNullable<BasicAuthConfig['htpasswd']>, clock = new TestClock()): Promise<ServerAuthenticator> {
  const made = (await factory.create({ htpasswd }, service, new TestSettings('basic_auth', clock))) as ServerAuthenticator
  await made.start(never)
  return made
}

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => client({ username: 'a', password: 'b' }),
)

t.test('exporters show a name and a password', async (t) => {
  t.same(await (await client({ username: 'ünï', password: 'p:ss' })).headers(), { authorization: `Basic ${base64('ünï:p:ss')}` })
  const [name, password] = [join(folder, 'name'), join(folder, 'password')]
  const missing = await client({ username_file: name, password_file: password })
  await t.rejects(missing.start(never), { message: /username_file .* cannot be read: there is no such file/ })
  writeFileSync(name, 'me\n')
  writeFileSync(password, 'secret\n')
  await missing.start(never)
  t.same(await missing.headers(), { authorization: `Basic ${base64('me:secret')}` })
})

t.test('senders are who they say, with the right password', async (t) => {
  const sha = createHash('sha1').update('sha').digest('base64')
  const salt = Buffer.from('salt')
  const ssha = Buffer.concat([createHash('sha1').update('ssha').update(salt).digest(), salt]).toString('base64')
  const auth = await server({ inline: `# people\nplain:p:ain\n\nsha:{SHA}${sha}\nssha:{SSHA}${ssha}\nplain:other` })
  const asked = (header: string): Promise<unknown> => auth.authenticate(new Map([['authorization', header]]))
  const origin = await asked(`Basic ${base64('plain:p:ain')}`)
  t.match(origin, { tenant: '', subject: 'plain' })
  t.equal(await asked(`basic  ${base64('plain:p:ain')} `), origin, 'one object for each, whatever the spelling')
  t.match(await asked(`Basic ${base64('sha:sha')}`), { subject: 'sha' })
  t.match(await asked(`Basic ${base64('ssha:ssha')}`), { subject: 'ssha' })
  for (const pair of ['plain:wrong', 'plain:', 'plain', ':', '', 'nobody:p:ain', `sha:{SHA}${sha}`, 'ssha:sha', 'plain:other', 'nobody:']) {
    const error: unknown = await asked(`Basic ${base64(pair)}`).catch((error: unknown) => error)
    t.match(error, { name: 'UnauthenticatedError', message: /wrong|not Basic/ }, pair)
  }
  await t.rejects(asked('Bearer abc'), { name: 'UnauthenticatedError', message: /not Basic/ })
  await t.rejects(auth.authenticate(new Map()), { name: 'UnauthenticatedError', message: /missing/ })
})

t.test('a file of senders is followed; one that cannot be checked ends the start', async (t) => {
  const file = join(folder, 'htpasswd')
  await t.rejects(server({ file }), { message: /htpasswd.file .* there is no such file/ })
  writeFileSync(file, 'me:$2y$05$abcdefghijklmnopqrstuv')
  await t.rejects(server({ file }), { message: /line 1: bcrypt cannot be checked here/ })
  writeFileSync(file, '# nobody')
  await t.rejects(server({ file }), { message: /nobody/ })
  writeFileSync(file, 'me:one')
  const clock = new TestClock()
  const auth = await server({ file, inline: 'you:two' }, clock)
  const asked = (pair: string): Promise<unknown> => auth.authenticate(new Map([['authorization', `Basic ${base64(pair)}`]]))
  t.match(await asked('me:one'), { subject: 'me' })
  t.match(await asked('you:two'), { subject: 'you' })
  writeFileSync(file, 'me:three')
  await clock.advance(1000)
  await t.rejects(asked('me:one'))
  t.match(await asked('me:three'), { subject: 'me' })
})

t.test('what is wrong is told at load, without what was written there', async (t) => {
  const faults = (config: BasicAuthConfig): readonly unknown[] => factory.check!(config)
  t.same(faults({ client_auth: { username: 'a', password: 'b' } }), [])
  t.same(faults({ htpasswd: { file: 'a' } }), [])
  t.match(faults({}), [{ path: [], message: /either client_auth/ }])
  t.match(faults({ client_auth: { username: 'a', password: 'b' }, htpasswd: { file: 'a' } }), [{ path: [] }])
  t.match(faults({ client_auth: {} }), [{ message: /no username/ }, { message: /no password/ }])
  t.match(faults({ client_auth: { username: 'a:b', password: 'b', password_file: 'c' } }), [
    { path: ['client_auth', 'password_file'] },
    { path: ['client_auth', 'username'] },
  ])
  t.match(faults({ htpasswd: {} }), [{ path: ['htpasswd'] }])
  t.match(faults({ htpasswd: { inline: '\n' } }), [{ message: /no line/ }])
  const wrong = faults({ htpasswd: { inline: 'hunter2\na:$apr1$hunter2\nb:$6$hunter2\nc:{SHA}hunter2\nd:{SSHA}hunter2\ne:' } })
  t.match(
    wrong,
    [/line 1/, /line 2: MD5 of Apache/, /line 3: SHA-512/, /line 4/, /line 5/, /line 6/].map((message) => ({ message })),
  )
  t.equal(wrong.length, 6)
  t.notMatch(JSON.stringify(wrong), /hunter2/)
  t.same(factory.provides!({ client_auth: {} }), ['client_auth'])
  t.same(factory.provides!({ htpasswd: {} }), ['server_auth'])
})
