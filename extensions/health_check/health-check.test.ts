import { connect } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type Extension, type Service } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

type Status = ReturnType<Service['status']>
const never = new AbortController().signal

async function started(
  t: Test,
  status: () => Status,
  path: string = '/',
): Promise<{ readonly url: string; readonly clock: TestClock; readonly extension: Extension }> {
  const clock = new TestClock()
  const extension = await factory.create({ endpoint: '127.0.0.1:0', path }, { status }, new TestSettings('health_check', clock))
  await extension.start(never)
  t.teardown(() => extension.stop(never))
  return { url: `http://${extension.addresses!['http']!}`, clock, extension }
}

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => factory.create({ endpoint: '127.0.0.1:0', path: '/' }, { status: () => 'ready' }, new TestSettings('health_check')),
)

t.test('it is available while the service is ready, and only then', async (t) => {
  let status: Status = 'starting'
  const { url, clock } = await started(t, () => status)
  const ask = async (): Promise<unknown> => {
    const response = await fetch(url)
    return [response.status, response.headers.get('content-type'), await response.json()]
  }
  const unavailable = [503, 'application/json', { status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' }]
  t.same(await ask(), unavailable)
  status = 'ready'
  await clock.advance(1500)
  t.match(await ask(), [200, 'application/json', { status: 'Server available', upSince: /^\d{4}-\d\d-\d\dT.*Z$/, uptime: '1.500s' }])
  status = 'stopping'
  t.same(await ask(), unavailable)
})

t.test('a path is exact, unless it ends in a slash', async (t) => {
  const cases: readonly (readonly [path: string, answers: Readonly<Record<string, number>>])[] = [
    ['/', { '/': 200, '/anything': 200, '/?a=b': 200 }],
    ['/health', { '/health': 200, '/health?verbose': 200, '/health/x': 404, '/healthy': 404, '/': 404 }],
    ['/health/', { '/health/': 200, '/health/live': 200, '/health': 404 }],
  ]
  for (const [path, answers] of cases) {
    const { url } = await started(t, () => 'ready', path)
    for (const [asked, status] of Object.entries(answers)) t.equal((await fetch(`${url}${asked}`)).status, status, `${asked} at ${path}`)
  }
})

t.test('it is read, not written to', async (t) => {
  const { url } = await started(t, () => 'ready')
  const response = await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })
  t.same([response.status, response.headers.get('allow')], [405, 'GET, HEAD'])
  t.equal((await fetch(url, { method: 'HEAD' })).status, 200)
})

t.test('stopping waits for nobody', async (t) => {
  const { url, extension } = await started(t, () => 'ready')
  const { hostname, port } = new URL(url)
  const half = connect(Number(port), hostname)
  await once(half, 'connect')
  half.write('GET / HTTP/1.1\r\nHost: ')
  const closed = new Promise((resolve) => half.on('close', resolve)) // `once` would reject: the connection may be reset
  half.on('error', () => {})
  half.resume()
  await extension.stop(never)
  await closed
  await t.rejects(fetch(url), 'and nobody listens any more')
})

t.test('an address that is taken is an error of starting', async (t) => {
  const { extension } = await started(t, () => 'ready')
  const second = await factory.create(
    { endpoint: extension.addresses!['http']!, path: '/' },
    { status: () => 'ready' },
    new TestSettings('health_check/2'),
  )
  await t.rejects(second.start(never), { code: 'EADDRINUSE' })
  await second.stop(never)
})

t.test('what is no address is told when the file is loaded', async (t) => {
  t.same(factory.check?.({ endpoint: 'localhost', path: '/' }), [
    { path: ['endpoint'], message: 'found "localhost"; accepted: host:port such as 127.0.0.1:4318, [::1]:4318 or 0.0.0.0:4318' },
  ])
  t.same(factory.check?.({ endpoint: 'localhost:13133', path: '/' }), [])
})
