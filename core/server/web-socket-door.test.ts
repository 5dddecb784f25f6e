// The WebSocket door against clients that mean it harm, or just do not keep up: what each may take, and that the others are served meanwhile.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { type Clock, systemClock } from '../clock.ts'
import { TestClock } from '../testing/index.ts'
import { tokens } from './fixtures/tokens.ts'
import { ByteBudget, createWebSocketDoor, formatListenAddress, type Talk, type WebSocketDoor, type WebSocketDoorOptions } from './index.ts'

interface Opened {
  readonly url: string
  readonly door: WebSocketDoor
  readonly budget: ByteBudget
  /** Frames that were taken, by length. */
  readonly taken: number[]
  /** From now on nothing is answered before `release`. */
  readonly hold: () => void
  readonly release: () => void
}

const LIMITS = {
  address: { host: '127.0.0.1', port: 0 },
  maxConnections: 50,
  maxMessageBytes: 100_000,
  maxUnanswered: 8,
  maxWaitingBytes: 64 * 1024,
  readHeaderTimeoutMs: 10_000,
  readTimeoutMs: 60_000,
  writeTimeoutMs: 30_000,
  pingIntervalMs: 20_000,
  pongTimeoutMs: 5000,
  idleTimeoutMs: 0,
  allowedOrigins: [],
  compression: false,
} as const

/** Every frame is answered with `answer` or its own length; at `/listens` the talk has something to say unasked. */
async function open(t: Test, options: Partial<WebSocketDoorOptions> = {}, answer?: string): Promise<Opened> {
  const budget = options.budget ?? new ByteBudget(10_000_000)
  const clock: Clock = options.clock ?? systemClock
  const door = await createWebSocketDoor({ ...LIMITS, ...options, budget, clock })
  const taken: number[] = []
  let held: Promise<void> | undefined
  let letGo = (): void => {}
  const talk = (isListening: boolean) => (): Talk => ({
    binary: false,
    isListening,
    take: (frame) => {
      taken.push(frame.length)
      const text = answer ?? String(frame.length)
      return held === undefined ? text : held.then(() => text)
    },
  })
  door.speak('/', new Map([['', talk(false)]]))
  door.speak('/listens', new Map([['', talk(true)]]))
  await door.start()
  t.teardown(() => door.stop(AbortSignal.abort()))
  return {
    url: `ws://${formatListenAddress(door.address)}`,
    door,
    budget,
    taken,
    hold: () => ({ promise: held, resolve: letGo } = Promise.withResolvers<void>()),
    release: () => {
      held = undefined
      letGo()
    },
  }
}

async function client(t: Test, url: string, options: WebSocket.ClientOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options })
  socket.on('error', () => {})
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

const textOf = ([bytes]: readonly unknown[]): string => (bytes as Buffer).toString()

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = await once(socket, 'close')
  return code as number
}

/** An upgraded connection on which frames are written by hand. */
async function raw(t: Test, url: string, more = ''): Promise<Socket> {
  const { hostname, port, host, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${more}\r\n`,
  )
  const [head] = await once(socket, 'data')
  if (!String(head).startsWith('HTTP/1.1 101')) throw new Error(String(head))
  return socket
}

/** With a mask of zeros, which changes nothing. */
function frame(first: number, payload: Buffer, length: number = payload.length): Buffer {
  const extended = length < 126 ? Buffer.from([0x80 | length]) : Buffer.from([0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0])
  if (length >= 126) extended.writeUInt32BE(length, 5)
  return Buffer.concat([Buffer.from([first]), extended, Buffer.alloc(4), payload])
}
const TEXT = 0x81

/** The code of the close frame that comes, or what ended the connection without one. */
async function rawCloseCode(socket: Socket): Promise<number | 'ended'> {
  let heard = Buffer.alloc(0)
  for await (const piece of socket) heard = Buffer.concat([heard, piece as Buffer])
  const at = heard.indexOf(0x88)
  return at < 0 ? 'ended' : heard.readUInt16BE(at + 2)
}

async function serves(t: Test, url: string): Promise<void> {
  const socket = await client(t, url)
  socket.send('hello')
  t.equal(textOf(await once(socket, 'message')), '5', 'others are served')
  socket.terminate()
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2))
}

t.test('what is no WebSocket, or more of it than is allowed, ends its connection and no other', async (t) => {
  const { url, budget, door } = await open(t)
  const cases: readonly [name: string, code: number, bytes: Buffer][] = [
    ['a message that is too large', 1009, frame(TEXT, Buffer.alloc(0), 100_001)],
    ['a message of 4 GiB', 1009, frame(TEXT, Buffer.alloc(0), 0xffff_ffff)],
    ['fragments that are too large together', 1009, Buffer.concat([frame(0x01, Buffer.alloc(60_000)), frame(0x00, Buffer.alloc(60_000))])],
    [
      'fragments without end',
      1008,
      Buffer.concat([frame(0x01, Buffer.alloc(0)), ...Array.from({ length: 20_000 }, () => frame(0x00, Buffer.alloc(1)))]),
    ],
    ['a frame without a mask', 1002, Buffer.from([TEXT, 1, 0x61])],
    ['a control frame that is too long', 1002, frame(0x89, Buffer.alloc(126))],
    ['a ping in pieces', 1002, frame(0x09, Buffer.alloc(0))],
    ['a continuation of nothing', 1002, frame(0x80, Buffer.alloc(0))],
    ['an opcode that there is none of', 1002, frame(0x83, Buffer.alloc(0))],
    ['a compressed frame that nobody agreed on', 1002, frame(0xc1, Buffer.alloc(1))],
    ['a binary frame', 1003, frame(0x82, Buffer.alloc(1))],
  ]
  for (const [name, code, bytes] of cases) {
    const socket = await raw(t, url)
    socket.write(bytes)
    t.equal(await rawCloseCode(socket), code, name)
  }
  await serves(t, url)
  await until(() => door.connections === 0)
  t.equal(budget.usedBytes, 0, 'and nothing is held for any of them')
})

t.test('a bomb is not inflated past the limit, and without being asked nothing is compressed', async (t) => {
  const { url, taken } = await open(t, { compression: true })
  const bomb = await client(t, url, { perMessageDeflate: { threshold: 0 } })
  t.match(bomb.extensions, 'permessage-deflate')
  bomb.send('x'.repeat(90_000))
  t.equal(textOf(await once(bomb, 'message')), '90000')
  bomb.send('x'.repeat(50_000_000))
  t.equal(await closeCode(bomb), 1009)
  t.same(taken, [90_000])
  await serves(t, url)
  const plain = await open(t)
  t.equal((await client(t, plain.url, { perMessageDeflate: true })).extensions, '')
})

t.test('pings and pongs without end are answered or ignored within bounds, and others are served', async (t) => {
  const { url, budget } = await open(t)
  const socket = await raw(t, url)
  const flood = Buffer.concat(Array.from({ length: 5000 }, () => frame(0x89, Buffer.alloc(125))))
  for (let i = 0; i < 10; i++) socket.write(flood)
  await serves(t, url)
  t.ok(budget.usedBytes < 1_000_000)
})

t.test('a client with too much on its way is not read from, and goes on when it is answered', async (t) => {
  const { url, taken, hold, release, budget } = await open(t)
  hold()
  const flood = await client(t, url)
  const answers: string[] = []
  flood.on('message', (text) => answers.push(textOf([text])))
  const count = 200
  for (let i = 0; i < count; i++) flood.send('x'.repeat(50_000))
  await until(() => taken.length >= LIMITS.maxUnanswered)
  await new Promise((resolve) => setTimeout(resolve, 50))
  // What had been read when it was full, a read's worth of frames, is taken.
  t.ok(taken.length <= LIMITS.maxUnanswered + 2, `${taken.length} taken`)
  t.ok(budget.usedBytes < (LIMITS.maxUnanswered + 4) * 60_000, `${budget.usedBytes} bytes are held`)
  release()
  await until(() => answers.length === count)
  t.equal(taken.length, count)
  await until(() => budget.usedBytes === 0)
})

t.test('a client that does not read its answers is not read from, and is cut off when it takes too long', async (t) => {
  const clock = new TestClock()
  const { url, taken, door } = await open(t, { clock }, 'y'.repeat(50_000))
  const deaf = await client(t, url)
  deaf.pause()
  const count = 2000
  for (let i = 0; i < count; i++) deaf.send('x'.repeat(1000))
  await until(() => door.connections === 1 && taken.length > 2)
  let before = -1
  // Until the buffers between are full.
  while (taken.length !== before) {
    before = taken.length
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.ok(before < count, `${before} of ${count} were taken`)
  await clock.advance(29_000)
  t.equal(door.connections, 1)
  const other = await client(t, url)
  other.send('x')
  t.equal(textOf(await once(other, 'message')).length, 50_000, 'others are served')
  other.terminate()
  await until(() => door.connections === 1)
  await clock.advance(5000)
  await until(() => door.connections === 0)
})

t.test('who does not answer a ping is cut off, who does stays, and who is silent for too long is sent away', async (t) => {
  const clock = new TestClock()
  const { url, door } = await open(t, { clock, idleTimeoutMs: 120_000 })
  const dead = await raw(t, url)
  dead.on('data', () => {})
  const alive = await client(t, url)
  const listens = await client(t, `${url}/listens`)
  t.equal(door.connections, 3)
  await clock.advance(22_000)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await clock.advance(7000)
  await until(() => door.connections === 2)
  const left = closeCode(alive)
  for (let i = 0; i < 5; i++) {
    await clock.advance(20_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  t.equal(await left, 1001)
  t.equal(listens.readyState, WebSocket.OPEN, 'whoever listens may be silent')
})

t.test('who is known no longer is answered, and then sent away', async (t) => {
  const clock = new TestClock()
  const { authenticator, forget } = tokens()
  const { url, door, hold, release, taken } = await open(t, { clock, authenticator, pingIntervalMs: 600_000 })
  const socket = await client(t, url)
  const answered = once(socket, 'message')
  const closed = once(socket, 'close')
  await clock.advance(61_000)
  t.equal(door.connections, 1)
  hold()
  socket.send('hello')
  while (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  forget()
  await clock.advance(61_000)
  release()
  t.equal(textOf(await answered), '5')
  const [code, reason] = await closed
  t.equal(code, 1008)
  t.match(String(reason), /known no longer/)
})

t.test('a message counts as it comes, and one that never ends is given up', async (t) => {
  const clock = new TestClock()
  const budget = new ByteBudget(150_000)
  const { url, door } = await open(t, { clock, budget })
  const slow = await raw(t, url)
  slow.write(frame(TEXT, Buffer.alloc(40_000), 90_000))
  await until(() => budget.usedBytes >= 40_000)
  t.ok(budget.usedBytes < 60_000, 'what was only announced does not')
  const pieces = await raw(t, url)
  pieces.write(frame(0x01, Buffer.alloc(30_000)))
  await until(() => budget.usedBytes >= 70_000)
  const third = await raw(t, url)
  const code = rawCloseCode(third)
  third.write(frame(TEXT, Buffer.alloc(90_000), 95_000))
  t.equal(await code, 1013, 'too many bytes are in flight')
  await until(() => door.connections === 2)
  slow.on('data', () => {})
  pieces.on('data', () => {})
  for (let i = 0; i < 7; i++) {
    await clock.advance(10_000)
    // A byte now and then keeps it from being silent.
    if (!slow.destroyed) slow.write(Buffer.alloc(1))
    if (!pieces.destroyed) pieces.write(frame(0x89, Buffer.alloc(0)))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await clock.advance(2000)
  await until(() => door.connections === 0)
  t.equal(budget.usedBytes, 0)
})

t.test('a page comes in from an origin that is listed, from any where that is said, and none by default', async (t) => {
  const code = async (allowedOrigins: readonly string[], origin: string): Promise<number> => {
    const { url } = await open(t, { allowedOrigins })
    const socket = new WebSocket(url, { origin })
    t.teardown(() => socket.terminate())
    socket.on('error', () => {})
    const refused = once(socket, 'unexpected-response').then(([, response]) => (response as { readonly statusCode: number }).statusCode)
    return Promise.race([refused, once(socket, 'open').then(() => 101)])
  }
  t.equal(await code([], 'https://app.example.org'), 403)
  t.equal(await code(['*'], 'https://app.example.org:8443'), 101)
  t.equal(await code(['*'], 'null'), 101)
  t.equal(await code(['https://*.example.org'], 'https://app.example.org'), 101)
  for (const origin of ['https://app.example.org.evil.example', 'http://app.example.org', 'https://evil.example/.example.org', 'null'])
    t.equal(await code(['https://*.example.org'], origin), 403, origin)
})

t.test('more connections than allowed are told to come again', async (t) => {
  const { url } = await open(t, { maxConnections: 2 })
  const first = await client(t, url)
  await client(t, url)
  const refused = new WebSocket(url)
  refused.on('error', () => {})
  const [, response] = await once(refused, 'unexpected-response')
  t.match({ status: response.statusCode, again: response.headers['retry-after'] }, { status: 503, again: '1' })
  first.close()
  await closeCode(first)
  await serves(t, url)
})

t.test('stopping waits for what is on its way, also of a client that has gone, and ends at the abort signal', async (t) => {
  const one = await open(t)
  one.hold()
  const gone = await client(t, one.url)
  gone.send('x')
  await until(() => one.taken.length === 1)
  gone.terminate()
  let stopped = false
  const stopping = one.door.stop(new AbortController().signal).then(() => (stopped = true))
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(stopped, false)
  one.release()
  await stopping
  const other = await open(t)
  other.hold()
  const waiting = await client(t, other.url)
  waiting.send('x')
  await until(() => other.taken.length === 1)
  const abort = new AbortController()
  const closed = closeCode(waiting)
  const ends = other.door.stop(abort.signal)
  abort.abort()
  await ends
  t.equal(await closed, 1006)
})
