// The HTTP door and whom it serves: pages of other origins, senders that must be known, senders that trickle; and what it remembers of
// compressed bodies.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import type { Origin } from '../batch.ts'
import { wantCompressed } from '../compressed.ts'
import { UnauthenticatedError } from '../errors.ts'
import { TestClock } from '../testing/test-clock.ts'
import { ByteBudget } from './byte-budget.ts'
import type { Exchange } from './exchange.ts'
import { openHttp, post } from './fixtures/http.ts'
import { badRequest, signalNotTaken } from './refusal.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

t.test('a browser asks first, and is told what is allowed', async (t) => {
  const cors = {
    allowed_origins: ['https://app.example.org', 'https://*.dev.example.org'],
    allowed_headers: ['X-Tenant'],
    exposed_headers: ['X-Trace'],
    max_age: 600,
  }
  const { port } = await openHttp(t, { cors })
  const ask = (origin: string, headers = 'content-type,x-tenant', method = 'POST') =>
    post({
      port,
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
    })
  for (const origin of ['https://app.example.org', 'https://a.dev.example.org']) {
    const { status, headers } = await ask(origin)
    t.equal(status, 204)
    t.match(headers, {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type,x-tenant',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '600',
      vary: /Origin/,
    })
  }
  const strangers = [
    'https://evil.example',
    'https://app.example.org.evil.example',
    'https://appXexample.org',
    'https://evil/.dev.example.org',
    'null',
  ]
  for (const origin of strangers) {
    const { status, headers, message } = await ask(origin)
    t.match({ status, message }, { status: 403, message: /is not in allowed_origins/ }, origin)
    t.equal(headers['access-control-allow-origin'], undefined)
  }
  t.match(await ask('https://app.example.org', 'authorization'), { status: 403, message: /header authorization is not in allowed_headers/ })
  t.match(await ask('https://app.example.org', '', 'PUT'), { status: 403, message: /method PUT/ })

  const posted = await post({ port, headers: { ...JSON_TYPE, origin: 'https://app.example.org' } }, Buffer.from('{}'))
  t.match(posted, {
    status: 200,
    headers: { 'access-control-allow-origin': 'https://app.example.org', 'access-control-expose-headers': 'X-Trace', vary: 'Origin' },
  })
  const refused = await post({ port, headers: { 'content-type': 'text/plain', origin: 'https://app.example.org' } })
  t.match(refused, { status: 415, headers: { 'access-control-allow-origin': 'https://app.example.org' } }, 'a page may read why')
  t.equal((await post({ port, headers: { origin: 'https://evil.example' } })).headers['access-control-allow-origin'], undefined)
})

t.test('every origin is allowed without credentials; without cors nobody is', async (t) => {
  const any = await openHttp(t, { cors: { allowed_origins: ['*'], allowed_headers: ['*'], exposed_headers: [], max_age: 0 } })
  const { headers } = await post({ port: any.port, headers: { origin: 'https://a.example' } })
  t.equal(headers['access-control-allow-origin'], '*')
  t.equal(headers['access-control-allow-credentials'], undefined)
  const asked = { origin: 'https://a.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-anything' }
  t.equal((await post({ port: any.port, method: 'OPTIONS', headers: asked })).status, 204)
  t.equal((await post({ port: any.port, method: 'OPTIONS' })).status, 405, 'no question of a browser')
  const none = await openHttp(t)
  t.equal((await post({ port: none.port, method: 'OPTIONS', headers: asked })).status, 405)
  t.equal((await post({ port: none.port, headers: asked })).headers['access-control-allow-origin'], undefined)
})

t.test('a sender that is not known is answered 401 before its body is read; one that is gives the origin', async (t) => {
  const tenant: Origin = { tenant: 'acme', headers: new Map() }
  const origins: Origin[] = []
  const authenticator = {
    start: async () => {},
    stop: async () => {},
    async authenticate(headers: ReadonlyMap<string, string>) {
      if (headers.get('authorization') === 'broken') throw new Error('the key store is away')
      if (headers.get('authorization') !== 'good') throw new UnauthenticatedError('credentials are missing')
      return tenant
    },
  }
  const budget = new ByteBudget(10)
  const { port, bodies } = await openHttp(t, { authenticator, budget }, (_body, exchange) => {
    origins.push(exchange.origin)
    exchange.succeed()
  })
  const large = Buffer.alloc(100_000)
  t.match(await post({ port, headers: { authorization: 'bad' } }, large), { status: 401, message: 'credentials are missing' })
  t.match(await post({ port }, large), { status: 401 })
  t.match(await post({ port, headers: { authorization: 'broken' } }), { status: 503, message: 'the key store is away' })
  t.match(await post({ port, headers: { authorization: 'good' } }, large), { status: 503 }, 'now the body counts')
  t.equal((await post({ port, headers: { authorization: 'good' } })).status, 200)
  const twice = connect(port, '127.0.0.1').setEncoding('latin1')
  const lines = ['POST /take HTTP/1.1', 'Host: here', 'Content-Type: application/json', 'Content-Length: 2', 'Connection: close']
  twice.write([...lines, 'X-Key: a', 'Authorization: good', 'authorization: good', '', '{}'].join('\r\n'))
  const [answer] = (await once(twice, 'data')) as [string]
  t.match(answer, /^HTTP\/1.1 401/, 'a header that came twice says nothing')
  t.same(origins, [tenant])
  t.equal(bodies.length, 1)
  const throws = (): never => {
    throw new Error('a bug')
  }
  const broken = await openHttp(t, { authenticator: { ...authenticator, authenticate: throws } })
  t.match(await post({ port: broken.port }), { status: 503, message: 'a bug' })
})

t.test('a body that trickles is answered 408 once its grace is over', async (t) => {
  const clock = new TestClock()
  const { port, bodies } = await openHttp(t, { clock, bodyRate: { minBytesPerSecond: 100, graceMs: 5000, maxMs: 0 } })
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  let said = ''
  socket.on('data', (piece: string) => (said += piece))
  socket.write('POST /take HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"')
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  await clock.advance(5000)
  t.equal(said, '')
  await clock.advance(2000)
  await once(socket, 'close')
  t.match(said, /^HTTP\/1.1 408 [^]*did not arrive in time/)
  t.equal(bodies.length, 0)
})

t.test('a sender that does not read its answers is cut off, one that reads them is kept', async (t) => {
  const clock = new TestClock()
  const long = badRequest('x'.repeat(1000))
  const { port } = await openHttp(t, { clock, writeTimeoutMs: 30_000 }, (_body, exchange) => exchange.refuse(long))
  const idleTimers = clock.pending
  const one = 'POST /take HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
  const deaf = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => deaf.destroy())
  const cut = new Promise<void>((resolve) => deaf.once('close', () => resolve()))
  while (clock.pending === idleTimers) {
    deaf.write(one.repeat(100))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const reader = connect(port, '127.0.0.1').resume()
  t.teardown(() => reader.destroy())
  reader.write(one)
  await once(reader, 'data')
  await clock.advance(29_000)
  await clock.advance(2000)
  deaf.resume()
  await cut
  t.equal(reader.destroyed, false)
  reader.write(one)
  await once(reader, 'data')
})

t.test('codings can be limited, and a signal that nobody takes is said so', async (t) => {
  const { door, port } = await openHttp(t, { codings: new Set(['gzip']) })
  t.equal((await post({ port, headers: { 'content-encoding': 'gzip' } }, gzipSync('a'))).status, 200)
  const zstd = await post({ port, headers: { 'content-encoding': 'zstd' } }, zstdCompressSync('a'))
  t.match(zstd, { status: 415, message: 'Content-Encoding is zstd; accepted: one of gzip', headers: { 'accept-encoding': 'gzip' } })
  t.match(await post({ port }, Buffer.from('a')), { status: 415, message: /is missing; accepted: one of gzip/ })
  await door.stop(AbortSignal.abort())
  const { door: other } = await openHttp(t)
  await other.stop(AbortSignal.abort())
  const unopened = await openHttp(t, {}, undefined)
  t.equal((await post({ port: unopened.port, path: '/v1/logs' })).status, 404)
  t.match(signalNotTaken('logs'), { httpStatus: 404, message: 'no pipeline takes logs from this receiver' })
})

t.test('a thousand connections are served alike', async (t) => {
  const { port } = await openHttp(t)
  const one = 'POST /take HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
  const sockets = Array.from({ length: 1000 }, () => connect(port, '127.0.0.1'))
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const ask = async (socket: Socket): Promise<void> => {
    socket.write(one)
    await once(socket, 'data')
  }
  await Promise.all(sockets.map(ask)) // now each has been let in
  const served = sockets.map(() => 0)
  let total = 0
  const loop = async (socket: Socket, n: number): Promise<void> => {
    while (total < 10 * sockets.length) {
      await ask(socket)
      served[n]!++
      total++
    }
  }
  await Promise.all(sockets.map(loop))
  t.ok(Math.min(...served) >= 5, `the one that got least: ${Math.min(...served)}`)
  t.ok(Math.max(...served) <= 20, `the one that got most: ${Math.max(...served)}`)
})

/** A gzip member with every field that its header can have. */
function decorated(content: Buffer): Buffer {
  const plain = gzipSync(content)
  const head = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 255, 3, 0]),
    Buffer.from('abcname\0comment\0'),
    Buffer.alloc(2),
  ])
  return Buffer.concat([head, deflateRawSync(content), plain.subarray(-8)])
}

t.test('compressed bytes are remembered where they are one member or frame, and somebody wants them', async (t) => {
  const held: Exchange[] = []
  const budget = new ByteBudget(16 * 1024 * 1024)
  const { port, bodies } = await openHttp(t, { budget, maxBodyBytes: 2 * 1024 * 1024 }, (_body, exchange) => void held.push(exchange))
  const small = Buffer.from(Array.from({ length: 5000 }, (_, n) => (n * n) % 251))
  const large = Buffer.concat(Array.from({ length: 150 }, () => small))
  const empty = gzipSync(Buffer.alloc(0))
  const compress = { gzip: gzipSync, zstd: zstdCompressSync } as const
  const come = async (coding: string, body: Buffer, expected: Buffer): Promise<Exchange['compressed']> => {
    const answer = post({ port, headers: { 'content-encoding': coding } }, body)
    const exchange = await taken(held)
    t.ok(expected.equals(bodies.pop()!))
    const { compressed } = exchange
    if (compressed !== undefined) t.ok(budget.usedBytes >= expected.length + body.length, 'both are paid for')
    exchange.succeed()
    t.equal((await answer).status, 200)
    t.equal(budget.usedBytes, 0)
    return compressed
  }
  t.equal(await come('gzip', gzipSync(small), small), undefined, 'nobody wants it')
  const release = [wantCompressed('gzip'), wantCompressed('zstd')]
  t.teardown(() => release.forEach((end) => end()))
  for (const coding of ['gzip', 'zstd'] as const) {
    for (const content of [small, large]) {
      const body = compress[coding](content)
      const compressed = await come(coding, body, content)
      t.equal(compressed?.coding, coding)
      t.ok(body.equals(compressed!.bytes))
      const two = Buffer.concat([body, body])
      t.equal(await come(coding, two, Buffer.concat([content, content])), undefined, `two of ${coding}`)
    }
  }
  t.equal((await come('gzip', decorated(small), small))?.coding, 'gzip')
  t.equal(await come('gzip', Buffer.concat([empty, gzipSync(small)]), small), undefined, 'an empty member before it')
  t.equal(await come('gzip', Buffer.concat([gzipSync(small), empty]), small), undefined, 'an empty member behind it')
  t.equal(await come('zstd', Buffer.concat([zstdCompressSync(small), zstdCompressSync('')]), small), undefined)
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7])
  t.equal(await come('zstd', Buffer.concat([zstdCompressSync(small), skippable]), small), undefined, 'a frame to be skipped behind it')
  const checked = zstdCompressSync(large, { params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 } })
  t.equal((await come('zstd', checked, large))?.coding, 'zstd')
  const cut = await post({ port, headers: { 'content-encoding': 'gzip' } }, gzipSync(small).subarray(0, -1))
  t.equal(cut.status, 400)
  const lying = gzipSync(small)
  lying.writeUInt32LE(small.length + 1, lying.length - 4)
  t.equal((await post({ port, headers: { 'content-encoding': 'gzip' } }, lying)).status, 400, 'a trailer that lies')
  const behind = await post({ port, headers: { 'content-encoding': 'gzip' } }, Buffer.concat([gzipSync(small), Buffer.from('more')]))
  t.equal(behind.status, 400)
  t.equal((await post({ port, headers: { 'content-encoding': 'gzip' } }, gzipSync(Buffer.alloc(64 << 20)))).status, 413)
  t.equal(budget.usedBytes, 0)
})

async function taken(held: Exchange[]): Promise<Exchange> {
  while (held.length === 0) await new Promise(setImmediate)
  return held.pop()!
}
