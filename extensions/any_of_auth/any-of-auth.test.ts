import t from 'tap'
import { type Origin, type Peer, type ServerAuthenticator, type Service, UnauthenticatedError } from '../../core/index.ts'
import { lifecycleSuite, TestSettings } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

const service: Service = { status: () => 'ready' }

/** Knows whoever says its name, and is away where there is an error. */
function knows(name: string, asked: (readonly [string, Peer | undefined])[] = [], fault?: Error): ServerAuthenticator {
  const origin: Origin = { tenant: name, headers: new Map() }
  return {
    start: async () => {},
    stop: async () => {},
    async authenticate(headers, peer) {
      asked.push([name, peer])
      if (fault !== undefined) throw fault
      if (headers.get('authorization') !== name) throw new UnauthenticatedError(`not ${name}`)
      return origin
    },
  }
}
async function anyOf(...asked: readonly ServerAuthenticator[]): Promise<ServerAuthenticator> {
  const settings = new TestSettings('any_of_auth')
  for (const [i, one] of asked.entries()) settings.extensions.set(String(i), one)
  return (await factory.create({ authenticators: asked.map((_, i) => String(i)) }, service, settings)) as ServerAuthenticator
}
const named = (name: string): ReadonlyMap<string, string> => new Map([['authorization', name]])

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => anyOf(knows('a')),
)

t.test('the first that knows the sender says who it is, and nobody is asked after', async (t) => {
  const asked: (readonly [string, Peer | undefined])[] = []
  const all = await anyOf(knows('a', asked), knows('b', asked), knows('c', asked))
  const peer: Peer = {}
  t.match(await all.authenticate(named('b'), peer), { tenant: 'b' })
  t.same(
    asked.map(([name]) => name),
    ['a', 'b'],
  )
  t.ok(
    asked.every(([, given]) => given === peer),
    'each sees the connection',
  )
  t.equal(await all.authenticate(named('b')), await all.authenticate(named('b')))
  await t.rejects(all.authenticate(named('d')), { name: 'UnauthenticatedError', message: 'not a; not b; not c' })
})

t.test('one that cannot be asked hides none that knows the sender, and refuses none', async (t) => {
  const away = knows('a', [], new Error('away'))
  t.match(await (await anyOf(away, knows('b'))).authenticate(named('b')), { tenant: 'b' })
  await t.rejects((await anyOf(away, knows('b'))).authenticate(named('c')), { name: 'Error', message: 'away' })
})

t.test('what is wrong is told at load', (t) => {
  t.same(factory.check!({ authenticators: ['a', 'b'] }), [])
  t.match(factory.check!({ authenticators: ['a', 'b', 'a'] }), [{ path: ['authenticators', 2] }])
  t.end()
})
