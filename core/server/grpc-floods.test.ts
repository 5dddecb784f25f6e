// The gRPC door against peers that flood, trickle, sleep or stay for ever: each is closed, and others are served.

import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { TestClock } from '../testing/test-clock.ts'
import type { Exchange } from './exchange.ts'
import { answerOf, bareClient, call, FOR_EVER, frame, grpcClient, MIB, open, openGrpc, send } from './fixtures/grpc.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const CONTINUATION = 9
const END_HEADERS = 4

/** RFC 9113, 4.1: length(24) type(8) flags(8) stream(32). */
function h2frame(type: number, flags: number, stream: number, content: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(content.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, content])
}

/** :method POST, :scheme http, :path /, :authority here: RFC 7541 with literals, never indexed. */
const POST = Buffer.concat([Buffer.from([0x83, 0x86, 0x84, 0x01, 4]), Buffer.from('here')])

interface Raw {
  readonly socket: Socket
  readonly closed: Promise<void>
}
function dial(t: Test, port: number): Raw {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.resume()
  // With the acknowledgement of the server's settings, so that nothing but the flood is a reason to close.
  socket.write(Buffer.concat([PREFACE, h2frame(SETTINGS, 0, 0), h2frame(SETTINGS, 1, 0)]))
  return { socket, closed: happens(socket, 'close') }
}

/** Unlike `once`, whatever errors come before it. */
function happens(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()))
}

/** Writes until the peer has had enough; fails where it never has. */
async function flood(t: Test, { socket, closed }: Raw, next: (n: number) => Buffer, most: number): Promise<void> {
  for (let n = 0; n < most && !socket.destroyed; n++) {
    if (!socket.write(next(n))) await Promise.race([happens(socket, 'drain'), closed])
    if (n % 50 === 0) await new Promise(setImmediate)
  }
  await closed
  t.pass('closed')
}

const floods: Readonly<Record<string, { next: (n: number) => Buffer; most: number }>> = {
  'rapid reset': {
    next: (n) =>
      Buffer.concat([h2frame(HEADERS, END_HEADERS, 2 * n + 1, POST), h2frame(RST_STREAM, 0, 2 * n + 1, Buffer.from([0, 0, 0, 8]))]),
    most: 100_000,
  },
  pings: { next: () => h2frame(PING, 0, 0, Buffer.alloc(8)), most: 100_000 },
  'settings that must be acknowledged': { next: () => h2frame(SETTINGS, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])), most: 1_000_000 },
  'headers without end': {
    next: (n) =>
      n === 0 ? h2frame(HEADERS, 0, 1, POST) : h2frame(CONTINUATION, 0, 1, Buffer.concat([Buffer.from([0, 1, 0x61, 1, 0x62])])),
    most: 100_000,
  },
  'empty frames': {
    next: (n) => (n === 0 ? h2frame(HEADERS, END_HEADERS, 1, POST) : h2frame(DATA, 0, 1)),
    most: 1_000_000,
  },
  'frames larger than agreed': { next: () => h2frame(DATA, 0, 1, Buffer.alloc(100_000)), most: 10 },
  'nothing that is HTTP/2': { next: () => Buffer.from('GET / HTTP/1.1\r\n\r\n'), most: 100 },
}

for (const [name, { next, most }] of Object.entries(floods)) {
  t.test(`${name}: the connection is closed, and others are served`, async (t) => {
    const { port } = await openGrpc(t)
    const raw = dial(t, port)
    await flood(t, raw, next, most)
    t.equal((await call(grpcClient(t, port), Buffer.from('good'))).code, 0)
  })
}

t.test('headers are bounded', async (t) => {
  const { port } = await openGrpc(t)
  const large = await send(bareClient(t, port), frame(Buffer.alloc(1)), { 'x-large': 'x'.repeat(70_000) })
  t.not(large.code, '0')
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`x-${n}`, 'x']))
  t.not((await send(bareClient(t, port), frame(Buffer.alloc(1)), many)).code, '0')
  t.equal((await send(bareClient(t, port), frame(Buffer.alloc(1)), { __proto__x: 'x', constructor: 'x' })).code, '0')
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

t.test('a client holds to the streams that it may have', async (t) => {
  const held: Exchange[] = []
  const { port } = await openGrpc(t, { maxConcurrentStreams: 2 }, (_body, exchange) => void held.push(exchange))
  const client = grpcClient(t, port)
  await Promise.race([call(client, Buffer.alloc(1)), new Promise<void>((resolve) => setTimeout(resolve, 0))])
  while (held.length === 0) await new Promise(setImmediate) // the settings have arrived
  const calls = [1, 2, 3].map(() => call(client, Buffer.alloc(1)))
  while (held.length < 2) await new Promise(setImmediate)
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  t.equal(held.length, 2)
  for (let n = 0; n < 4; n++) {
    while (held.length <= n) await new Promise(setImmediate)
    held[n]!.succeed()
  }
  t.same(
    (await Promise.all(calls)).map(({ code }) => code),
    [0, 0, 0],
  )
})

t.test('a body that trickles, or never comes, is refused once its grace is over', async (t) => {
  const clock = new TestClock()
  const { port, bodies } = await openGrpc(t, { clock, bodyRate: { minBytesPerSecond: 100, graceMs: 10_000, maxMs: 60_000 } })
  const bare = bareClient(t, port)
  const silent = open(bare)
  const trickling = open(bare)
  const steady = open(bare)
  const bytes = frame(Buffer.alloc(MIB / 2))
  trickling.write(bytes.subarray(0, 900))
  steady.write(bytes.subarray(0, 50_000))
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  const answers = [answerOf(silent), answerOf(trickling)]
  await clock.advance(9000)
  t.same([silent.closed, trickling.closed], [false, false])
  await clock.advance(3000)
  for (const answer of await Promise.all(answers)) t.match(answer, { code: '4', message: /did not arrive in time/ })
  t.equal(steady.closed, false)
  const late = answerOf(steady)
  await clock.advance(50_000)
  t.equal((await late).code, '4', 'longer than a request may take at any rate')
  t.equal(bodies.length, 0)
  t.equal((await send(bare, frame(Buffer.alloc(10)))).code, '0', 'the connection is kept')
})

const closes = (session: ClientHttp2Session): Promise<unknown> => once(session, 'close')

async function connected(t: Test, port: number): Promise<ClientHttp2Session> {
  const session = bareClient(t, port)
  await once(session, 'remoteSettings')
  // The server has to have seen our part, too.
  await new Promise((resolve) => session.settings({}, resolve))
  return session
}

t.test('a large answer that nobody lets come is given up, and a small one is not watched', async (t) => {
  const clock = new TestClock()
  const answer = (bytes: number) => (_: Uint8Array, exchange: Exchange) => exchange.succeed(Buffer.alloc(bytes))
  for (const [bytes, code] of [
    [100_000, constants.NGHTTP2_CANCEL],
    [1000, constants.NGHTTP2_NO_ERROR],
  ] as const) {
    const { port } = await openGrpc(t, { clock }, answer(bytes))
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 10 } }).on('error', () => {})
    t.teardown(() => session.destroy())
    const stream = open(session)
    const closed = once(stream, 'close')
    const answered = once(stream, 'response')
    stream.end(frame(Buffer.alloc(10)))
    await answered
    await clock.advance(29_000)
    t.equal(stream.closed, false)
    await clock.advance(2000)
    if (code === constants.NGHTTP2_NO_ERROR) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      t.equal(stream.closed, false)
      continue
    }
    await closed
    t.equal(stream.rstCode, code)
  }
})

t.test('an idle connection is closed after its time, one with a call is not', async (t) => {
  const clock = new TestClock()
  const held: Exchange[] = []
  const keepalive = { ...FOR_EVER, maxConnectionIdleMs: 60_000 }
  const { port } = await openGrpc(t, { clock, keepalive }, (_body, exchange) => void held.push(exchange))
  const [idle, busy] = [await connected(t, port), await connected(t, port)]
  const answer = send(busy, frame(Buffer.alloc(1)))
  while (held.length === 0) await new Promise(setImmediate)
  const closing = closes(idle)
  await clock.advance(59_000)
  t.equal(idle.closed, false)
  await clock.advance(3000)
  await closing
  t.equal(busy.closed, false)
  held[0]!.succeed()
  t.equal((await answer).code, '0')
})

t.test('an old connection takes no more calls, answers those it has, and ends after its grace', async (t) => {
  const clock = new TestClock()
  const held: Exchange[] = []
  const keepalive = { ...FOR_EVER, maxConnectionAgeMs: 100_000, maxConnectionAgeGraceMs: 20_000 }
  const { port } = await openGrpc(t, { clock, keepalive }, (_body, exchange) => void held.push(exchange))
  const passes = async (ms: number): Promise<void> => {
    await clock.advance(ms)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const session = await connected(t, port)
  const goaways: number[] = []
  session.on('goaway', (code) => goaways.push(code))
  const answers = [send(session, frame(Buffer.alloc(1))), send(session, frame(Buffer.alloc(1)))]
  while (held.length < 2) await new Promise(setImmediate)
  await passes(89_000)
  t.same(goaways, [], 'a tenth less than its age')
  let seconds = 0
  for (; goaways.length === 0; seconds++) await passes(1000)
  t.ok(seconds < 25, `closed a tenth more than its age later at most: after ${89 + seconds} seconds`)
  held[0]!.succeed()
  t.equal((await answers[0])!.code, '0')
  await passes(15_000)
  t.equal(session.destroyed, false)
  const cut = closes(session)
  await passes(7000)
  await cut
  t.equal((await answers[1])!.code, undefined)
})

t.test('a peer that does not answer pings is gone, one that does stays', async (t) => {
  const clock = new TestClock()
  const { port } = await openGrpc(t, { clock, keepalive: { ...FOR_EVER, timeMs: 60_000, timeoutMs: 10_000 } })
  const alive = await connected(t, port)
  const deaf = dial(t, port)
  await happens(deaf.socket, 'data')
  let pings = 0
  alive.on('ping', () => pings++)
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  for (let second = 0; second < 80; second++) {
    await clock.advance(1000)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await deaf.closed
  t.equal(alive.destroyed, false)
  t.ok(pings > 0)
})

t.test('a connection that never begins is closed', async (t) => {
  const clock = new TestClock()
  const { port } = await openGrpc(t, { clock })
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.resume()
  await happens(socket, 'data')
  const closed = happens(socket, 'close')
  await clock.advance(12_000)
  await closed
})

t.test('a client that pings more often than allowed is sent away', async (t) => {
  const clock = new TestClock()
  const { port } = await openGrpc(t, { clock })
  const eager = await connected(t, port)
  const goaway = once(eager, 'goaway')
  for (let n = 0; n < 4; n++) eager.ping(() => {})
  const [code, , reason] = await goaway
  t.same([code, String(reason)], [11, 'too_many_pings'])
  const modest = await openGrpc(t, { clock, keepalive: { ...FOR_EVER, minTimeMs: 1000, permitWithoutStream: true } })
  const session = await connected(t, modest.port)
  for (let n = 0; n < 10; n++) {
    await new Promise<void>((resolve) => session.ping(() => resolve()))
    await clock.advance(1000)
  }
  t.equal(session.closed, false)
})

t.test('more connections than allowed are closed', async (t) => {
  const { port } = await openGrpc(t, { maxConnections: 1 })
  const first = await connected(t, port)
  await closes(bareClient(t, port))
  t.equal((await send(first, frame(Buffer.alloc(1)))).code, '0')
})

t.test('a thousand connections are served alike', async (t) => {
  const { port } = await openGrpc(t)
  const sessions = await Promise.all(Array.from({ length: 1000 }, () => connected(t, port)))
  const served = sessions.map(() => 0)
  let total = 0
  const message = frame(Buffer.alloc(100))
  const loop = async (session: ClientHttp2Session, n: number): Promise<void> => {
    while (total < 6 * sessions.length) {
      const { code } = await send(session, message)
      if (code !== '0') throw new Error(`answered ${code}`)
      served[n]!++
      total++
    }
  }
  await Promise.all(sessions.map(loop))
  t.ok(Math.min(...served) >= 3, `the one that got least: ${Math.min(...served)}`)
  t.ok(Math.max(...served) <= 12, `the one that got most: ${Math.max(...served)}`)
})
