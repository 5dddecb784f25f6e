// The HTTP door from outside: what it takes, what it refuses and how, and how it closes.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { systemClock } from '../clock.ts'
import { type Endpoint, endpointOf } from '../endpoint.ts'
import { statusMessage } from '../otlp/rpc-status.ts'
import { ByteBudget } from './byte-budget.ts'
import type { Exchange, Handle } from './exchange.ts'
import { HttpDoor, type HttpDoorOptions } from './http-door.ts'

const PROTOBUF = 'application/x-protobuf'
const KIB = 1024
const MIB = 1024 * KIB

interface Opened {
  readonly door: HttpDoor
  readonly url: string
  readonly port: number
  readonly bodies: Uint8Array[]
}

const succeed = (_body: Uint8Array, exchange: Exchange): void => exchange.succeed()

async function open(t: Test, options: Partial<HttpDoorOptions> = {}, handle: Handle = succeed): Promise<Opened> {
  const door = new HttpDoor({
    address: endpointOf('127.0.0.1:0')!,
    maxBodyBytes: MIB,
    clock: systemClock,
    bodyRate: { minBytesPerSecond: 0, graceMs: 0, maxMs: 0 },
    budget: new ByteBudget(16 * MIB),
    readHeaderTimeoutMs: 10_000,
    readTimeoutMs: 60_000,
    idleTimeoutMs: 90_000,
    writeTimeoutMs: 30_000,
    ...options,
  })
  const bodies: Uint8Array[] = []
  door.post('/take', (body, exchange) => {
    bodies.push(body)
    handle(body, exchange)
  })
  await door.start()
  t.teardown(() => door.stop(AbortSignal.abort()))
  const { port } = door.address as Endpoint
  return { door, port, url: `http://127.0.0.1:${port}/take`, bodies }
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

const agent = new Agent({ pipelining: 0 })
t.teardown(() => agent.close())

async function post(
  url: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<Answer> {
  const answer = await request(url, { method, body: body as Buffer, headers: { 'content-type': PROTOBUF, ...headers }, dispatcher: agent })
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) }
}

/** A bare connection; that the server may cut it is no fault of the test. */
function dial(port: number): Socket {
  return connect(port, '127.0.0.1').on('error', () => {})
}

/** Everything that a server says on a connection until it closes it. */
async function converse(port: number, ...pieces: (string | Uint8Array)[]): Promise<string> {
  const socket = dial(port)
  const said = listen(socket)
  for (const piece of pieces) socket.write(piece)
  return said
}

function listen(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let said = ''
  socket.on('data', (piece) => (said += piece.toString('latin1')))
  socket.on('close', () => resolve(said))
  return promise
}

const head = (...lines: string[]): string =>
  ['POST /take HTTP/1.1', 'Host: here', `Content-Type: ${PROTOBUF}`, ...lines, '', ''].join('\r\n')

const portOf = (url: string): number => Number(new URL(url).port)

async function* inPieces(body: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += size) {
    yield body.subarray(at, at + size)
    await new Promise(setImmediate)
  }
}

/** Small enough to be inflated at once; `long` below goes to the pool. */
const sample = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251))
const long = Buffer.concat([sample, sample, sample])
const CODINGS = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync } as const

t.test('a body arrives as it was sent', async (t) => {
  const { url, bodies, door } = await open(t)
  const ways: [string, () => Promise<Answer>][] = [
    ['in one piece', () => post(url, sample.subarray(0, 40_000))],
    ['empty', () => post(url, Buffer.alloc(0))],
    ['in many pieces', () => post(url, sample)],
    ['of unknown length', () => post(url, inPieces(sample, 7000))],
    ['declared longer than any first buffer', () => post(url, Buffer.concat([sample, sample, sample, sample]))],
    ['identity', () => post(url, sample, { 'content-encoding': 'identity' })],
    ['x-gzip', () => post(url, gzipSync(sample), { 'content-encoding': 'x-gzip' })],
    ['an empty body under a coding', () => post(url, Buffer.alloc(0), { 'content-encoding': 'gzip' })],
    ['two gzip members', () => post(url, Buffer.concat([gzipSync(sample), gzipSync(sample)]), { 'content-encoding': 'gzip' })],
    [
      'two zstd frames',
      () => post(url, Buffer.concat([zstdCompressSync(sample), zstdCompressSync(sample)]), { 'content-encoding': 'zstd' }),
    ],
    ...Object.entries(CODINGS).map(([coding, compress]): [string, () => Promise<Answer>] => [
      coding,
      () => post(url, compress(sample), { 'content-encoding': coding }),
    ]),
    ...Object.entries(CODINGS).map(([coding, compress]): [string, () => Promise<Answer>] => [
      `${coding}, large`,
      () => post(url, compress(long), { 'content-encoding': coding }),
    ]),
    ['a small body, well packed', () => post(url, deflateSync(Buffer.alloc(MIB)), { 'content-encoding': 'deflate' })],
  ]
  const four = Buffer.concat([sample, sample, sample, sample])
  const expected = [sample.subarray(0, 40_000), Buffer.alloc(0), sample, sample, four, sample, sample, Buffer.alloc(0)]
  expected.push(four.subarray(0, 400_000), four.subarray(0, 400_000), sample, sample, sample, long, long, long, Buffer.alloc(MIB))
  for (const [index, [name, send]] of ways.entries()) {
    const { status, headers, body } = await send()
    t.equal(status, 200, name)
    t.equal(headers['content-type'], PROTOBUF)
    t.equal(body.length, 0)
    t.ok(Buffer.from(bodies[index]!).equals(expected[index]!), `${name}: the same bytes`)
  }
  t.equal(door.budget.usedBytes, 0, 'nothing is in flight any more')
})

t.test('content types: parameters and case are tolerated, and the answer has the type of the request', async (t) => {
  const { url } = await open(t)
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset=UTF-8']) {
    const { status, headers, body } = await post(url, Buffer.from('{}'), { 'content-type': type })
    t.equal(status, 200, type)
    t.equal(headers['content-type'], 'application/json')
    t.equal(body.toString(), '{}')
  }
  t.equal((await post(url, sample, { 'content-type': `${PROTOBUF}; charset=utf-8` })).headers['content-type'], PROTOBUF)
})

t.test('what is refused, and with which status in which type', async (t) => {
  const { url, bodies } = await open(t)
  const other = url.replace('/take', '/elsewhere')
  const refusals: [string, number, RegExp, () => Promise<Answer>][] = [
    [
      'another type',
      415,
      /Content-Type is text\/plain; accepted: application\/x-protobuf or/,
      () => post(url, sample, { 'content-type': 'text/plain' }),
    ],
    ['a type that is none', 415, /accepted/, () => post(url, sample, { 'content-type': ';;' })],
    ['another path', 404, /nothing is served at \/elsewhere; known paths: \/take/, () => post(other, sample)],
    ['another path in JSON', 404, /known paths/, () => post(other, sample, { 'content-type': 'application/json' })],
    ['another method', 405, /GET is not supported here; use POST/, () => post(url, Buffer.alloc(0), {}, 'GET')],
    ['another method in JSON', 405, /PUT/, () => post(url, sample, { 'content-type': 'application/json' }, 'PUT')],
    ['a path that is none', 400, /not a valid url/, () => post(`${url}/%zz`, sample)],
    [
      'an unknown coding',
      415,
      /Content-Encoding is br; accepted: one of gzip, deflate, zstd/,
      () => post(url, sample, { 'content-encoding': 'br' }),
    ],
    ['two codings', 400, /at most one/, () => post(url, gzipSync(gzipSync(sample)), { 'content-encoding': 'gzip, gzip' })],
    ['identity and a coding', 400, /at most one/, () => post(url, gzipSync(sample), { 'content-encoding': 'identity,gzip' })],
  ]
  for (const [name, status, message, send] of refusals) {
    const answer = await send()
    t.equal(answer.status, status, name)
    const encoding = answer.headers['content-type'] === PROTOBUF ? 'protobuf' : 'json'
    t.match(statusMessage(encoding, answer.body), message, `${name}: says why`)
    if (name.includes('JSON') || name.includes('type')) t.equal(encoding, 'json', name)
    else t.equal(encoding, 'protobuf', name)
  }
  t.equal((await post(url, Buffer.alloc(0), {}, 'DELETE')).headers['allow'], 'POST')
  t.equal((await post(url, sample, { 'content-encoding': 'br' })).headers['accept-encoding'], 'gzip, deflate, zstd')
  t.match(
    await converse(portOf(url), head('Content-Encoding: gzip', 'Content-Encoding: gzip', 'Connection: close', 'Content-Length: 0')),
    /^HTTP\/1.1 400/,
  )
  t.equal((await post(url, Buffer.alloc(0), {}, 'HEAD')).status, 405)
  t.equal(bodies.length, 0, 'none of them was handed on')
})

t.test('a compressed body is exact to its last byte', async (t) => {
  const { url, bodies, door } = await open(t)
  for (const [coding, compress] of Object.entries(CODINGS)) {
    const whole = coding === 'zstd' ? zstdCompressSync(sample, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }) : compress(sample)
    const wrongSum = Buffer.from(whole)
    wrongSum[whole.length - (coding === 'gzip' ? 6 : 2)]! ^= 1
    const broken: [string, Uint8Array][] = [
      ['cut', whole.subarray(0, -5)],
      ['a wrong checksum', wrongSum],
      ['followed by text', Buffer.concat([whole, Buffer.from('more')])],
      ['followed by zeros', Buffer.concat([whole, Buffer.alloc(3)])],
      ['followed by a cut member', Buffer.concat([whole, whole.subarray(0, 40)])],
      ['not compressed at all', sample],
      ['large, followed by text', Buffer.concat([compress(long), Buffer.from('more')])],
      ['large and cut', compress(long).subarray(0, -5)],
      ['one that says it is small, but is not', lying(compress(long))],
    ]
    // Only gzip says its size at its end.
    if (coding !== 'gzip') broken.pop()
    for (const [name, body] of broken) {
      const answer = await post(url, body, { 'content-encoding': coding })
      t.equal(answer.status, 400, `${coding}: ${name}`)
      t.match(statusMessage('protobuf', answer.body), new RegExp(coding))
    }
  }
  t.equal(bodies.length, 0, 'none of them was handed on')
  t.equal(door.budget.usedBytes, 0)
})

/** A gzip body whose last four bytes claim a hundred bytes. */
function lying(body: Buffer): Buffer {
  const copy = Buffer.from(body)
  copy.writeUInt32LE(100, copy.length - 4)
  return copy
}

t.test('a bomb is refused at the limit, in little memory', async (t) => {
  const { url, bodies, door } = await open(t, { maxBodyBytes: 4 * MIB })
  const zeros = Buffer.alloc(128 * MIB)
  for (const [coding, compress] of Object.entries(CODINGS)) {
    const small = await post(url, compress(zeros.subarray(0, 8 * MIB)), { 'content-encoding': coding })
    t.equal(small.status, 413, `${coding}, small`)
    const bomb = compress(zeros)
    const before = process.memoryUsage().arrayBuffers
    let peak = 0
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)), 1)
    const answer = await post(url, bomb, { 'content-encoding': coding })
    clearInterval(watch)
    t.equal(answer.status, 413, coding)
    t.match(statusMessage('protobuf', answer.body), /larger than 4194304 bytes after decompression/)
    t.ok(peak < 32 * MIB, `${coding}: ${(peak / MIB).toFixed(1)} MiB`)
  }
  t.equal(bodies.length, 0)
  t.equal(door.budget.usedBytes, 0)
})

t.test('a body over the limit is refused before it is read', async (t) => {
  const { port, url, bodies } = await open(t)
  const [declared, huge, tooHuge, negative, asking] = await Promise.all([
    converse(port, head('Content-Length: 1048577'), 'x'),
    converse(port, head(`Content-Length: ${2 ** 53}`), 'x'),
    converse(port, head('Content-Length: 9223372036854775808'), 'x'),
    converse(port, head('Content-Length: -1'), 'x'),
    converse(port, head('Content-Length: 1048577', 'Expect: 100-continue')),
  ])
  t.match(declared, /^HTTP\/1.1 413 [^]*Connection: close/, 'no byte more is waited for')
  t.match(huge, /^HTTP\/1.1 413 /)
  t.match(tooHuge, /^HTTP\/1.1 4/)
  t.match(negative, /^HTTP\/1.1 400 /)
  t.match(asking, /^HTTP\/1.1 413 /, 'the sender is not told to go on')
  t.equal((await post(url, inPieces(Buffer.alloc(MIB + 1), 100_000))).status, 413, 'a body of unknown length')
  t.equal((await post(url, Buffer.alloc(MIB))).status, 200, 'the limit itself is taken')
  t.equal(bodies.length, 1)
})

t.test('a sender that asks first is told to go on', async (t) => {
  const { port } = await open(t)
  const socket = dial(port)
  const said = listen(socket)
  socket.write(head('Content-Length: 3', 'Expect: 100-continue', 'Connection: close'))
  await once(socket, 'data')
  socket.write('abc')
  t.match(await said, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /)
})

t.test('of a refused request at most 256 KiB more are read', async (t) => {
  const { port } = await open(t)
  let server: Socket | undefined
  const seen = (message: unknown): void => void (server = (message as { request: IncomingMessage }).request.socket)
  subscribe('http.server.request.start', seen)
  t.teardown(() => unsubscribe('http.server.request.start', seen))
  const said = await converse(port, head(`Content-Length: ${8 * MIB}`), Buffer.alloc(8 * MIB))
  t.match(said, /^HTTP\/1.1 413 /)
  t.ok(server!.bytesRead <= 256 * KIB + 64 * KIB + KIB, `${server!.bytesRead} bytes were read`)
  t.equal(server!.destroyed, true, 'the connection is closed')
})

t.test('a small body is read to its end, and its sender reads the refusal', async (t) => {
  const { port } = await open(t)
  const said = await converse(port, head('Content-Encoding: br', 'Content-Length: 100000'), Buffer.alloc(100_000))
  t.match(said, /^HTTP\/1.1 415 [^]*Connection: close[^]*Content-Encoding is br/)
})

t.test('bytes in flight are bounded: past the budget the answer is 503, and later 200 again', async (t) => {
  const waiting: Exchange[] = []
  const { url, door } = await open(t, { budget: new ByteBudget(3 * MIB) }, (_body, exchange) => void waiting.push(exchange))
  const body = Buffer.alloc(MIB)
  const held = [post(url, body), post(url, body)]
  while (waiting.length < 2) await new Promise(setImmediate)
  t.ok(door.budget.usedBytes >= 2 * MIB)
  const over = await post(url, inPieces(body, 100_000))
  t.equal(over.status, 503)
  t.equal(over.headers['retry-after'], '1')
  t.match(statusMessage('protobuf', over.body), /too many bytes are in flight/)
  t.equal((await post(url, gzipSync(body), { 'content-encoding': 'gzip' })).status, 503, 'inflating counts too')
  for (const exchange of waiting) exchange.succeed()
  t.same(
    (await Promise.all(held)).map(({ status }) => status),
    [200, 200],
  )
  t.equal(door.budget.usedBytes, 0)
  const again = post(url, body)
  while (waiting.length < 3) await new Promise(setImmediate)
  waiting[2]!.succeed()
  t.equal((await again).status, 200)
})

t.test('memory follows what was sent, not what was declared', async (t) => {
  const { port, door } = await open(t, { maxBodyBytes: 64 * MIB, budget: new ByteBudget(128 * MIB) })
  const socket = dial(port)
  socket.write(head(`Content-Length: ${60 * MIB}`) + 'x'.repeat(1000))
  while (door.budget.usedBytes === 0) await new Promise(setImmediate)
  t.ok(door.budget.usedBytes <= 256 * KIB, `${door.budget.usedBytes} bytes for 1000`)
  socket.destroy()
  while (door.budget.usedBytes > 0) await new Promise(setImmediate)
  t.equal(door.budget.usedBytes, 0, 'and is free when the sender goes')
})

t.test('a head or a body that does not arrive in time is cut off', async (t) => {
  const { port, bodies, door } = await open(t, { readHeaderTimeoutMs: 100, readTimeoutMs: 300 })
  t.match(await converse(port, 'POST /take HTTP/1.1\r\nHost: he'), /^HTTP\/1.1 408 /)
  t.match(await converse(port, head('Content-Length: 10'), 'abc'), /^HTTP\/1.1 408 [^]*did not arrive in time/)
  t.equal(bodies.length, 0)
  t.equal(door.budget.usedBytes, 0)
})

t.test('what is not HTTP is answered 400, and the next connection is served', async (t) => {
  const { port, url } = await open(t)
  t.match(await converse(port, 'hello\r\n\r\n'), /^HTTP\/1.1 400 [^]*"code":3/)
  t.match(await converse(port, head(`X-Long: ${'x'.repeat(20_000)}`)), /^HTTP\/1.1 431 /)
  t.equal((await post(url, sample)).status, 200)
})

t.test('connections are kept, for as long as configured', async (t) => {
  const { url } = await open(t)
  const keeping = new Agent({ connections: 1 })
  t.teardown(() => keeping.close())
  const answer = await request(url, { method: 'POST', body: sample, headers: { 'content-type': PROTOBUF }, dispatcher: keeping })
  await answer.body.dump()
  t.equal(answer.headers['keep-alive'], 'timeout=90')
})

t.test('work that throws is answered 503: the sender still has the data', async (t) => {
  const { url, door } = await open(t, {}, () => {
    throw new Error('broken inside')
  })
  const answer = await post(url, sample)
  t.equal(answer.status, 503)
  t.equal(statusMessage('protobuf', answer.body), 'broken inside')
  t.equal(door.budget.usedBytes, 0)
})

t.test('an exchange is answered once', async (t) => {
  const { url } = await open(t, {}, (_body, exchange) => {
    exchange.succeed()
    exchange.succeed()
    exchange.refuse({ httpStatus: 500, code: 13, message: 'late' })
  })
  t.equal((await post(url, sample)).status, 200)
})

t.test('more connections than allowed are closed', async (t) => {
  const { port, url } = await open(t, { maxConnections: 1 })
  const first = dial(port)
  await once(first, 'connect')
  await t.rejects(post(url, sample))
  first.destroy()
})

t.test('stopping answers what is in flight, closes the rest at once, and is safe to repeat', async (t) => {
  const waiting: Exchange[] = []
  const { door, port, url } = await open(t, {}, (_body, exchange) => void waiting.push(exchange))
  const idle = dial(port)
  await once(idle, 'connect')
  const idleClosed = once(idle.resume(), 'close')
  const answer = post(url, sample)
  while (waiting.length === 0) await new Promise(setImmediate)
  const stopped = door.stop(new AbortController().signal)
  await idleClosed
  await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  waiting[0]!.succeed()
  const { status, headers } = await answer
  t.equal(status, 200)
  t.equal(headers['connection'], 'close')
  await stopped
  await door.stop(new AbortController().signal)
})

t.test('stopping waits for the work of a sender that has gone', async (t) => {
  const waiting: Exchange[] = []
  const { door, port } = await open(t, {}, (_body, exchange) => void waiting.push(exchange))
  const socket = dial(port)
  socket.write(head('Content-Length: 3') + 'abc')
  while (waiting.length === 0) await new Promise(setImmediate)
  socket.destroy()
  let over = false
  const stopped = door.stop(new AbortController().signal).then(() => (over = true))
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  t.equal(over, false)
  waiting[0]!.succeed()
  await stopped
})

t.test('the abort signal ends the waiting', async (t) => {
  const waiting: Exchange[] = []
  const { door, url } = await open(t, {}, (_body, exchange) => void waiting.push(exchange))
  const cut = t.rejects(post(url, sample))
  while (waiting.length === 0) await new Promise(setImmediate)
  const abort = new AbortController()
  const stopped = door.stop(abort.signal)
  abort.abort()
  await Promise.all([stopped, cut])
})

t.test('a door that never opened closes', async () => {
  const door = new HttpDoor({
    address: { host: '127.0.0.1', port: 0 },
    maxBodyBytes: 1,
    budget: new ByteBudget(1),
    clock: systemClock,
    bodyRate: { minBytesPerSecond: 0, graceMs: 0, maxMs: 0 },
    readHeaderTimeoutMs: 1000,
    readTimeoutMs: 1000,
    idleTimeoutMs: 1000,
    writeTimeoutMs: 1000,
  })
  await door.stop(new AbortController().signal)
})

t.test('an address that is taken is named', async (t) => {
  const { port } = await open(t)
  await t.rejects(open(t, { address: { host: '127.0.0.1', port } }), {
    message: `cannot listen on 127.0.0.1:${port}: another process listens there; stop it or choose another endpoint`,
  })
})

t.test('endpoints', async (t) => {
  t.same(endpointOf('127.0.0.1:4318'), { host: '127.0.0.1', port: 4318 })
  t.same(endpointOf('[::1]:4318'), { host: '::1', port: 4318 })
  t.same(endpointOf(':4318'), { host: '::', port: 4318 })
  for (const wrong of ['', '4318', 'localhost', 'localhost:', 'localhost:65536', 'http://localhost:4318', '::1:4318']) {
    t.equal(endpointOf(wrong), undefined, wrong)
  }
})
