import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { guardedGet, type GuardedGetOptions, isLoopbackHost } from './guarded-get.ts'

const options: GuardedGetOptions = { timeoutMs: 5000, maxBytes: 100, isLoopbackAllowed: true, isPrivateAllowed: false }

t.test('this machine answers where that is allowed, under no other name', async (t) => {
  const server = createServer((_, response) => response.end('found')).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const host of ['127.0.0.1', 'localhost'])
    t.equal((await guardedGet(new URL(`http://${host}:${port}/`), options)).toString(), 'found')
  const strict = { ...options, isLoopbackAllowed: false }
  await t.rejects(guardedGet(new URL(`http://127.0.0.1:${port}/`), strict), { message: /without TLS/ })
  await t.rejects(guardedGet(new URL(`https://127.0.0.1:${port}/`), strict), { message: /this machine/ })
  // A name that is not ours, and resolves to us: what rebinding comes down to.
  await t.rejects(guardedGet(new URL(`https://localhost.:${port}/`), options), { message: /address is this machine|ENOTFOUND|EAI_AGAIN/ })
})

t.test('addresses inside of networks are not asked, however they are written', async (t) => {
  const inner = ['10.1.2.3', '172.31.0.1', '192.168.1.1', '100.64.0.1', '[fd00::1]', '[::ffff:192.168.1.1]', '0xa010203', '167838211']
  for (const host of inner) await t.rejects(guardedGet(new URL(`https://${host}/`), options), { message: /private network/ }, host)
  const never = [
    '169.254.169.254',
    '[fe80::1]',
    '0.0.0.0',
    '[::]',
    '224.0.0.1',
    '255.255.255.255',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a00:1]',
  ]
  for (const host of never)
    await t.rejects(guardedGet(new URL(`https://${host}/`), { ...options, isPrivateAllowed: true }), { message: /nobody publishes/ }, host)
  for (const url of ['http://example.org/', 'http://10.0.0.1/', 'file:///etc/passwd', 'ftp://127.0.0.1/'])
    await t.rejects(guardedGet(new URL(url), options), { message: /without TLS/ }, url)
})

t.test('what this machine is called', (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.8.9.10', '[::1]', '::1', '[::ffff:127.0.0.1]']) t.ok(isLoopbackHost(host), host)
  for (const host of ['localhost.example.org', '128.0.0.1', '0.0.0.0', '[::2]', 'example.org']) t.notOk(isLoopbackHost(host), host)
  t.end()
})
