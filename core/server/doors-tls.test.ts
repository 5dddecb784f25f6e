// Both doors behind TLS, with and without client certificates, while certificates are renewed; and on unix sockets.

import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { connect } from 'node:tls'
import { join } from 'node:path'
import { Client, credentials, type ChannelCredentials } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { ANONYMOUS } from '../batch.ts'
import type { ServerAuthenticator } from '../component.ts'
import { TestSettings } from '../testing/settings.ts'
import { TestClock } from '../testing/test-clock.ts'
import { Authority, type Pair } from '../tls/fixtures/certificates.ts'
import type { ServerTlsConfig } from '../tls/schema.ts'
import { call, grpcClient, openGrpc } from './fixtures/grpc.ts'
import { openHttp, post } from './fixtures/http.ts'
import { listenAddressOf } from './listen-address.ts'
import { ServerTls } from './server-tls.ts'

const DEFAULTS = { min_version: '1.2', max_version: '1.3', reload_interval: '10s', client_ca_file_reload: true } as const
const authority = new Authority()
const clients = new Authority('clients')

function tlsOf(clock: TestClock, config: Partial<ServerTlsConfig>): ServerTls {
  return new ServerTls({ ...DEFAULTS, ...config }, clock, new TestSettings('otlp').log)
}

interface Secured {
  readonly clock: TestClock
  /** Whether a sender with this certificate is served, by each door. */
  readonly served: (pair?: Pair) => Promise<{ grpc: boolean; http: boolean }>
}

async function secured(t: Test, config: Partial<ServerTlsConfig>): Promise<Secured> {
  const clock = new TestClock()
  clock.wallStartMs = Date.now()
  const { port: grpcPort } = await openGrpc(t, { tls: tlsOf(clock, config), clock })
  const { port: httpPort } = await openHttp(t, { tls: tlsOf(clock, config), clock })
  const overGrpc = async (channel: ChannelCredentials): Promise<boolean> => {
    const client = new Client(`127.0.0.1:${grpcPort}`, channel, { 'grpc.ssl_target_name_override': 'localhost' })
    const { code } = await call(client, Buffer.from('hello'))
    client.close()
    return code === 0
  }
  const served = async (pair?: Pair): Promise<{ grpc: boolean; http: boolean }> => {
    const ca = Buffer.from(authority.cert)
    const channel = pair ? credentials.createSsl(ca, Buffer.from(pair.key), Buffer.from(pair.cert)) : credentials.createSsl(ca)
    const http = await post({ port: httpPort, ca: authority.cert, ...pair }).then(
      ({ status }) => status === 200,
      () => false,
    )
    return { grpc: await overGrpc(channel), http }
  }
  return { clock, served }
}

const YES = { grpc: true, http: true }
const NO = { grpc: false, http: false }

t.test('senders are served over TLS, and plain ones are not', async (t) => {
  const { cert, key } = authority.sign()
  const { served } = await secured(t, { cert_pem: cert, key_pem: key })
  t.same(await served(), YES)
  const { port } = await openGrpc(t, { tls: tlsOf(new TestClock(), { cert_pem: cert, key_pem: key }) })
  t.not((await call(grpcClient(t, port), Buffer.alloc(1), undefined, { deadline: Date.now() + 200 })).code, 0)
})

t.test('client certificates: only those that the authority signed for clients, and that are valid now', async (t) => {
  const { cert, key } = authority.sign()
  const { served } = await secured(t, { cert_pem: cert, key_pem: key, client_ca_pem: clients.cert })
  t.same(await served(clients.sign({ usage: 'client' })), YES)
  t.same(await served(), NO, 'none')
  t.same(await served(authority.sign({ usage: 'client' })), NO, 'another authority')
  t.same(await served(clients.sign({ usage: 'client', notAfter: new Date(Date.now() - 1000) })), NO, 'expired')
  t.same(await served(clients.sign({ usage: 'client', notBefore: new Date(Date.now() + 3_600_000) })), NO, 'not valid yet')
  t.same(await served(clients.sign({ usage: 'server' })), NO, 'for servers')
})

t.test('a renewal of certificate and authority loses no request', async (t) => {
  const folder = t.testdir()
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const first = authority.sign()
  const files = {
    reload_interval: '1s',
    cert_file: write('crt', first.cert),
    key_file: write('key', first.key),
    client_ca_file: write('ca', clients.cert),
  }
  const { clock, served } = await secured(t, files)
  const old = clients.sign({ usage: 'client' })
  const ended = new AbortController()
  const sending = (async (): Promise<number> => {
    let requests = 0
    for (; !ended.signal.aborted; requests++) t.same(await served(old), YES)
    return requests
  })()
  const successor = new Authority('their successor')
  const second = authority.sign()
  write('crt', second.cert)
  write('ca', clients.cert + successor.cert)
  await clock.advance(1000) // half a renewal: the key is not there yet
  write('key', second.key)
  await clock.advance(1000)
  t.same(await served(successor.sign({ usage: 'client' })), YES)
  ended.abort()
  t.ok((await sending) > 0)
  write('ca', successor.cert)
  await clock.advance(1000)
  t.same(await served(old), NO, 'who is not trusted any more')
})

t.test('what is wrong with certificates fails before anything listens', async (t) => {
  const { cert } = authority.sign()
  const tls = tlsOf(new TestClock(), { cert_pem: cert, key_pem: authority.sign().key })
  const message = 'key_pem is not the key of the certificate in cert_pem'
  await t.rejects(openGrpc(t, { tls }), { message })
  await t.rejects(openHttp(t, { tls }), { message })
})

t.test('unix sockets: served, replaced where a dead process left one, refused where one lives', async (t) => {
  // The folder of a test would make the path too long for a socket.
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a.sock')
  const address = listenAddressOf(`unix://${path}`, 'tcp')!
  t.same(address, { path })
  t.same(listenAddressOf(path, 'unix'), { path })
  const grpc = await openGrpc(t, { address })
  t.equal((await call(grpcClient(t, `unix:${path}`), Buffer.from('hello'))).code, 0)
  await t.rejects(openHttp(t, { address }), {
    message: `cannot listen on unix://${path}: another process listens there; stop it or choose another path`,
  })
  await grpc.door.stop(AbortSignal.abort())
  t.notOk(existsSync(path))

  await leaveBehind(path)
  const { door } = await openHttp(t, { address })
  t.equal((await post({ socketPath: path })).status, 200)
  t.same(door.address, { path })
  await door.stop(AbortSignal.abort())

  writeFileSync(path, 'a file')
  await t.rejects(openGrpc(t, { address }), { message: /something that is no socket is there/ })
  await t.rejects(openGrpc(t, { address: { path: '/nowhere/a.sock' } }), { message: /its folder does not exist/ })
})

/** A socket file as a killed process leaves it: still there, and nobody behind it. */
async function leaveBehind(path: string): Promise<void> {
  const moved = `${path}.other`
  const server = createServer().listen(moved)
  await once(server, 'listening')
  renameSync(moved, path) // closing removes the name that it was bound to
  await new Promise((resolve) => server.close(resolve))
}

t.test('an authenticator sees the certificate that was verified, on both doors, and none where none was', async (t) => {
  const seen: (string | undefined)[] = []
  const authenticator: ServerAuthenticator = {
    start: async () => {},
    stop: async () => {},
    async authenticate(_headers, peer) {
      seen.push(peer?.certificate?.subject)
      t.equal(peer?.certificate, peer?.certificate, 'read once')
      return ANONYMOUS
    },
  }
  const clock = new TestClock()
  clock.wallStartMs = Date.now()
  const { cert, key } = authority.sign()
  for (const ca of [{ client_ca_pem: clients.cert }, {}]) {
    const tls = (): ServerTls => tlsOf(clock, { cert_pem: cert, key_pem: key, ...ca })
    const { port: grpcPort } = await openGrpc(t, { tls: tls(), clock, authenticator })
    const { port: httpPort } = await openHttp(t, { tls: tls(), clock, authenticator })
    const pair = clients.sign({ usage: 'client', name: 'planner' })
    const [root, own, chain] = [authority.cert, pair.key, pair.cert].map((text) => Buffer.from(text))
    const client = new Client(`127.0.0.1:${grpcPort}`, credentials.createSsl(root, own, chain), {
      'grpc.ssl_target_name_override': 'localhost',
    })
    t.teardown(() => client.close())
    for (let i = 0; i < 2; i++) t.equal((await call(client, Buffer.from('hello'))).code, 0)
    t.equal((await post({ port: httpPort, ca: authority.cert, ...pair })).status, 200)
  }
  t.same(seen, ['CN=planner', 'CN=planner', 'CN=planner', undefined, undefined, undefined])
  const { port } = await openHttp(t, { authenticator })
  t.equal((await post({ port })).status, 200)
  t.equal(seen.at(-1), undefined, 'without TLS')
})

t.test('a session that is taken up again shows the certificate that began it', async (t) => {
  const seen: (string | undefined)[] = []
  const authenticator: ServerAuthenticator = {
    start: async () => {},
    stop: async () => {},
    async authenticate(_headers, peer) {
      seen.push(peer?.certificate?.subject)
      return ANONYMOUS
    },
  }
  const clock = new TestClock()
  clock.wallStartMs = Date.now()
  const { cert, key } = authority.sign()
  const tls = tlsOf(clock, { cert_pem: cert, key_pem: key, client_ca_pem: clients.cert })
  const { port } = await openHttp(t, { tls, clock, authenticator })
  const pair = clients.sign({ usage: 'client', name: 'planner' })
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    let session: Buffer | undefined
    const reused: boolean[] = []
    for (let i = 0; i < 2; i++) {
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca: authority.cert,
        ...pair,
        maxVersion,
        ...(session === undefined ? {} : { session }),
      })
      socket.on('session', (found) => (session = found))
      await once(socket, 'secureConnect')
      reused.push(socket.isSessionReused())
      const type = 'Content-Type: application/x-protobuf'
      socket.write(`POST /take HTTP/1.1\r\nHost: a\r\n${type}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      await once(socket.resume(), 'close')
    }
    t.same(reused, [false, true], maxVersion)
  }
  t.same(seen, Array(4).fill('CN=planner'))
})
