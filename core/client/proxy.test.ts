// Proxies: which one, and what goes through it, over HTTP and over gRPC.

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { systemClock } from '../clock.ts'
import { TestSettings } from '../testing/index.ts'
import { Authority } from '../tls/fixtures/certificates.ts'
import { ClientTls } from './client-tls.ts'
import { GrpcSender } from './grpc-sender.ts'
import { HttpSender } from './http-sender.ts'
import { proxyOf } from './proxy.ts'

t.test('the environment names the proxy, in either case, but for what it excepts', async (t) => {
  const of = (target: string, environment: NodeJS.ProcessEnv, configured?: string): string | undefined =>
    proxyOf(new URL(target), configured, environment)?.href
  const both = { HTTP_PROXY: 'http://a:1', https_proxy: 'b:2' }
  t.equal(of('http://example.com', both), 'http://a:1/')
  t.equal(of('https://example.com', both), 'http://b:2/')
  t.equal(of('https://example.com', { HTTP_PROXY: 'http://a:1' }), undefined)
  t.equal(of('https://example.com', both, 'http://c:3'), 'http://c:3/')
  t.equal(of('http://localhost:4318', both, 'http://c:3'), 'http://c:3/', 'what is configured is meant')
  for (const local of ['http://localhost:4318', 'http://127.0.0.1', 'http://127.1.2.3', 'http://[::1]:4318'])
    t.equal(of(local, both), undefined, local)

  const excepted: [noProxy: string, target: string, isExcepted: boolean][] = [
    ['*', 'http://example.com', true],
    ['example.com', 'http://example.com', true],
    ['example.com', 'http://EXAMPLE.com.', true],
    ['example.com', 'http://a.example.com', true],
    ['example.com', 'http://badexample.com', false],
    ['.example.com', 'http://a.example.com', true],
    ['.example.com', 'http://example.com', false],
    ['*.example.com', 'http://a.b.example.com', true],
    ['example.com:4318', 'http://example.com:4318', true],
    ['example.com:4318', 'http://example.com', false],
    ['example.com:80', 'http://example.com', true],
    ['a.org, example.com', 'http://example.com', true],
    ['10.0.0.0/8', 'http://10.1.2.3', true],
    ['10.0.0.0/8', 'http://11.1.2.3', false],
    ['10.0.0.0/99', 'http://10.1.2.3', false],
    ['10.1.2.3', 'http://10.1.2.3:4318', true],
    ['[2001:db8::1]:4318', 'http://[2001:db8::1]:4318', true],
    ['2001:db8::/32', 'http://[2001:db8::1]', true],
    ['10.0.0.0/8', 'http://[2001:db8::1]', false],
    ['', 'http://example.com', false],
  ]
  for (const [no_proxy, target, isExcepted] of excepted) {
    t.equal(of(target, { ...both, no_proxy }) === undefined, isExcepted, `${target} with NO_PROXY=${no_proxy}`)
  }
  const wrong = (): unknown => of('http://example.com', { HTTP_PROXY: 'socks5://me:hunter2@a:1' })
  t.throws(wrong, { message: /^the environment variable HTTP_PROXY holds no address of a proxy \(not shown\)/ })
})

interface Proxy {
  readonly url: URL
  readonly asked: { readonly line: string; readonly headers: IncomingMessage['headers'] }[]
}

/** Sends everything to `port` of this machine, whatever name was asked for. */
async function proxy(t: Test, port: number, refusal?: string): Promise<Proxy> {
  const asked: Proxy['asked'] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((incoming, answer) => {
    asked.push({ line: `${incoming.method} ${incoming.url}`, headers: incoming.headers })
    const { pathname } = new URL(incoming.url!)
    const onward = request({ host: '127.0.0.1', port, method: incoming.method, path: pathname, headers: incoming.headers }, (found) => {
      answer.writeHead(found.statusCode!)
      found.pipe(answer)
    })
    incoming.pipe(onward)
  })
  server.on('connect', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    asked.push({ line: `${incoming.method} ${incoming.url}`, headers: incoming.headers })
    sockets.add(socket.on('error', () => {}))
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\n\r\n`)
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    sockets.add(onward.on('error', () => {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
    for (const socket of sockets) socket.destroy()
  })
  return { url: new URL(`http://me:p%40ss@127.0.0.1:${(server.address() as AddressInfo).port}`), asked }
}

const CREDENTIALS = `Basic ${Buffer.from('me:p@ss').toString('base64')}`
const open = { maxConnections: 1, idleTimeoutMs: 10_000, connectTimeoutMs: 10_000, clock: systemClock }

t.test('http: the proxy reads the request', async (t) => {
  const seen: string[] = []
  const server = createServer((incoming, answer) => {
    seen.push(`${incoming.headers.host}${incoming.url}`)
    incoming.resume().on('end', () => answer.end('fine'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { url, asked } = await proxy(t, (server.address() as AddressInfo).port)
  const sender = new HttpSender({ origin: 'http://backend.example:4318', proxy: url, ...open })
  t.teardown(() => sender.destroy())
  const { body } = await sender.post('/v1/traces', {}, [Buffer.from('x')], 60_000)
  t.equal(body.toString(), 'fine')
  t.match(asked, [
    { line: 'POST http://backend.example:4318/v1/traces', headers: { host: 'backend.example:4318', 'proxy-authorization': CREDENTIALS } },
  ])
  t.same(seen, ['backend.example:4318/v1/traces'])
})

t.test('https: the proxy carries bytes, and does not see what is in them', async (t) => {
  const authority = new Authority()
  const headers: IncomingMessage['headers'][] = []
  const server = createHttps(authority.sign(), (incoming, answer) => {
    headers.push(incoming.headers)
    incoming.resume().on('end', () => answer.end('fine'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const config = {
    insecure: false,
    insecure_skip_verify: false,
    include_system_ca_certs_pool: false,
    min_version: '1.2',
    max_version: '1.3',
    reload_interval: '0s',
    ca_pem: authority.cert,
    server_name_override: 'localhost',
  } as const
  const tls = (): ClientTls => new ClientTls(config, systemClock, new TestSettings('tls').log)
  const { url, asked } = await proxy(t, port)
  const sender = new HttpSender({ origin: 'https://backend.example', proxy: url, tls: tls(), ...open })
  t.teardown(() => sender.destroy())
  for (let i = 0; i < 2; i++) t.equal((await sender.post('/', { authorization: 'secret' }, [Buffer.from('x')], 60_000)).status, 200)
  t.equal(asked.length, 1, 'one tunnel for all')
  t.match(asked, [{ line: 'CONNECT backend.example:443', headers: { 'proxy-authorization': CREDENTIALS } }])
  t.equal(headers[0]!['proxy-authorization'], undefined)

  const refusing = await proxy(t, port, '407 Proxy Authentication Required')
  const refused = new HttpSender({ origin: 'https://backend.example', proxy: refusing.url, tls: tls(), ...open })
  t.teardown(() => refused.destroy())
  const error: unknown = await refused.post('/', {}, [Buffer.from('x')], 60_000).catch((error: unknown) => error)
  t.match(error, { name: 'RetryableError', message: /answers 407 to CONNECT backend.example:443/ })
  t.notMatch(String(error), /p%40ss|p@ss/)
})

t.test('gRPC goes through a tunnel, encrypted or not', async (t) => {
  const server = createHttp2()
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {})
    stream.resume().on('end', () => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { url, asked } = await proxy(t, (server.address() as AddressInfo).port)
  const target = { host: 'backend.example', port: 4317, isTls: false }
  const keepalive = { timeMs: Infinity, timeoutMs: 10_000, withoutCalls: false }
  const sender = new GrpcSender({
    target,
    authority: 'backend.example:4317',
    proxy: url,
    keepalive,
    connectTimeoutMs: 10_000,
    clock: systemClock,
  })
  t.teardown(() => sender.destroy())
  t.match(await sender.unary('/a/b', {}, [Buffer.from('x')], undefined, 60_000), { status: 0 })
  t.match(asked, [{ line: 'CONNECT backend.example:4317', headers: { 'proxy-authorization': CREDENTIALS } }])
})
