import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Origin, ServerAuthenticator, Service } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory, type ServiceAccountAuthConfig } from './factory.ts'

type Accounts = ServiceAccountAuthConfig['accounts']
const service: Service = { status: () => 'ready' }
const [ONE, TWO, THREE] = ['one-is-long-enough', 'two-is-long-enough', 'three:is-long-enough']

async function auth(accounts: Accounts, clock = new TestClock()): Promise<ServerAuthenticator> {
  const made = (await factory.create({ accounts }, service, new TestSettings('service_account_auth', clock))) as ServerAuthenticator
  await made.start(new AbortController().signal)
  return made
}
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`
const ask = (auth: ServerAuthenticator, header: string): Promise<Origin> => auth.authenticate(new Map([['authorization', header]]))

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => auth({ one: { secret: ONE, roles: [] } }),
)

t.test('a program is who its secret says, with or without its name', async (t) => {
  const both = await auth({ planner: { secret: ONE, tenant: 'acme', roles: ['writer'] }, 'a@b': { secret: THREE, roles: [] } })
  const planner = await ask(both, `Bearer ${ONE}`)
  t.match(planner, { tenant: 'acme', subject: 'planner', roles: ['writer'] })
  t.equal(await ask(both, basic(`planner:${ONE}`)), planner, 'one object, so that batches can be merged')
  t.equal(await ask(both, `bearer   ${ONE} `), planner)
  t.match(await ask(both, basic(`a@b:${THREE}`)), { tenant: '', subject: 'a@b', roles: [] })
})

t.test('every other is refused, in the same words', async (t) => {
  const both = await auth({ planner: { secret: ONE, roles: [] }, executor: { secret: TWO, roles: [] } })
  const wrong = [
    `Bearer ${ONE}x`,
    `Bearer ${ONE.slice(1)}`,
    basic(`planner:${TWO}`),
    basic(`nobody:${ONE}`),
    basic(`:${ONE}`),
    basic(ONE),
    basic('planner:'),
    'Bearer :',
    basic(`constructor:${ONE}`),
  ]
  for (const header of wrong)
    await t.rejects(ask(both, header), { name: 'UnauthenticatedError', message: /account or its secret is wrong/ }, header)
  for (const header of ['', 'Bearer', ONE, `Digest ${ONE}`, `Bearer ${ONE} ${ONE}`])
    await t.rejects(ask(both, header), { name: 'UnauthenticatedError', message: /neither/ }, header)
  await t.rejects(both.authenticate(new Map([['x-other', `Bearer ${ONE}`]])), { message: /missing/ })
})

t.test('a file is followed, and holds two secrets while they are changed', async (t) => {
  const file = join(t.testdir({}), 'secret')
  const clock = new TestClock()
  await t.rejects(auth({ one: { secret_file: file, roles: [] } }), { message: /accounts.one.secret_file .* there is no such file/ })
  writeFileSync(file, 'short')
  await t.rejects(auth({ one: { secret_file: file, roles: [] } }), { message: /at least 16 characters/ })
  writeFileSync(file, ONE)
  await t.rejects(auth({ one: { secret_file: file, roles: [] }, two: { secret: ONE, roles: [] } }), {
    message: /one and two have one secret/,
  })
  const followed = await auth({ one: { secret_file: file, roles: [] } }, clock)
  writeFileSync(file, `${ONE}\n${TWO}\n`)
  await clock.advance(1000)
  t.equal(await ask(followed, `Bearer ${ONE}`), await ask(followed, `Bearer ${TWO}`))
  writeFileSync(file, TWO)
  await clock.advance(1000)
  await t.rejects(ask(followed, `Bearer ${ONE}`), { name: 'UnauthenticatedError' })
  writeFileSync(file, 'short')
  await clock.advance(1000)
  t.match(await ask(followed, basic(`one:${TWO}`)), { subject: 'one' })
})

t.test('what is wrong is told at load, without the secret', async (t) => {
  const faults = (accounts: Accounts): readonly unknown[] => factory.check!({ accounts })
  t.same(faults({ one: { secret: ONE, roles: [] }, two: { secret_file: 'a', roles: [] } }), [])
  t.match(faults({ one: { roles: [] } }), [{ path: ['accounts', 'one'] }])
  t.match(faults({ one: { secret: ONE, secret_file: 'a', roles: [] } }), [{ path: ['accounts', 'one'] }])
  t.match(faults({ 'a:b': { secret: ONE, roles: [] } }), [{ path: ['accounts', 'a:b'], message: /colon/ }])
  const wrong = faults({ one: { secret: ONE, roles: [] }, two: { secret: ONE, roles: [] }, three: { secret: `${ONE} ${ONE}`, roles: [] } })
  t.match(wrong, [{ path: ['accounts', 'two', 'secret'] }, { path: ['accounts', 'three', 'secret'] }])
  t.notMatch(JSON.stringify(wrong), ONE)
})
