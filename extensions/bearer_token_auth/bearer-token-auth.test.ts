import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Service } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import type { BearerTokenAuth } from './bearer-token-auth.ts'
import { type BearerTokenAuthConfig, factory } from './factory.ts'

const service: Service = { status: () => 'ready' }

async function auth(config: Partial<BearerTokenAuthConfig>, clock = new TestClock()): Promise<BearerTokenAuth> {
  const whole = { header: 'Authorization', scheme: 'Bearer', ...config }
  return (await factory.create(whole, service, new TestSettings('bearer_token_auth', clock))) as BearerTokenAuth
}

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => auth({ token: 'one' }),
)

t.test('exporters show the first token', async (t) => {
  t.same(await (await auth({ token: 'one' })).headers(), { authorization: 'Bearer one' })
  t.same(await (await auth({ tokens: ['one', 'two'], scheme: 'Token' })).headers(), { authorization: 'Token one' })
  t.same(await (await auth({ token: 'one', scheme: '', header: 'X-API-Key' })).headers(), { 'x-api-key': 'one' })
})

t.test('senders may show any, and no other', async (t) => {
  const asked = async (config: Partial<BearerTokenAuthConfig>, header: string, value: string): Promise<unknown> =>
    (await auth(config)).authenticate(new Map([[header, value]]))
  const two = { tokens: ['one', 'two'] }
  for (const value of ['Bearer one', 'bearer two', 'Bearer  two ']) t.match(await asked(two, 'authorization', value), { tenant: '' })
  t.match(await asked({ token: 'one', scheme: '', header: 'X-API-Key' }, 'x-api-key', 'one'), { tenant: '' })
  for (const value of ['Bearer three', 'Bearer on', 'Bearer ', 'Bearer', 'one', '', 'Bearer one two', 'Basic one']) {
    await t.rejects(asked(two, 'authorization', value), { name: 'UnauthenticatedError' }, value)
  }
  await t.rejects(asked(two, 'x-other', 'Bearer one'), { name: 'UnauthenticatedError', message: /authorization is missing/ })
  const shared = await auth(two)
  const ask = (token: string): Promise<unknown> => shared.authenticate(new Map([['authorization', `Bearer ${token}`]]))
  t.equal(await ask('one'), await ask('two'), 'one origin, so that batches can be merged')
})

t.test('a file of tokens is followed, in both directions', async (t) => {
  const filename = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'tokens')
  const clock = new TestClock()
  const both = await auth({ filename }, clock)
  await t.rejects(both.start(), { message: /filename .* there is no such file/ })
  writeFileSync(filename, 'two words')
  await t.rejects(both.start(), { message: /one in each line/ })
  await clock.advance(1000)
  writeFileSync(filename, 'one\n\n two \n')
  await both.start()
  t.same(await both.headers(), { authorization: 'Bearer one' })
  await both.authenticate(new Map([['authorization', 'Bearer two']]))
  writeFileSync(filename, 'three-')
  await clock.advance(1000)
  t.same(await both.headers(), { authorization: 'Bearer three-' })
  await t.rejects(both.authenticate(new Map([['authorization', 'Bearer two']])), { name: 'UnauthenticatedError' })
})

t.test('what is wrong is told at load, without the token', async (t) => {
  const faults = (config: Partial<BearerTokenAuthConfig>): readonly unknown[] =>
    factory.check!({ header: 'Authorization', scheme: 'Bearer', ...config })
  t.same(faults({ token: 'one' }), [])
  t.match(faults({}), [{ path: [], message: /there is no token/ }])
  t.match(faults({ token: 'a', filename: 'b' }), [{ message: /token and filename are set/ }])
  t.match(faults({ tokens: [] }), [{ path: ['tokens'] }])
  const wrong = faults({ tokens: ['hunter2\n', 'fine', 'hunter 2'] })
  t.match(wrong, [{ path: ['tokens', 0] }, { path: ['tokens', 2] }])
  t.notMatch(JSON.stringify(wrong), /hunter/)
  t.match(faults({ token: 'a b' }), [{ path: ['token'] }])
  t.match(faults({ token: 'a', scheme: 'two words' }), [{ path: ['scheme'] }])
})
