// Streams of the gRPC door: what one may take, in what pieces its messages may come, and how it ends.

import { constants } from 'node:http2'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { TestClock } from '../testing/test-clock.ts'
import { ByteBudget } from './byte-budget.ts'
import { bareClient, frame, grpcClient, MIB, open, openGrpc } from './fixtures/grpc.ts'
import { tokens } from './fixtures/tokens.ts'
import type { GrpcDoorOptions } from './grpc-door.ts'

const METHOD = '/test.Service/Talk'
const LIMITS = { maxUnanswered: 8, maxWaitingBytes: 128 * 1024, writeTimeoutMs: 30_000 } as const

interface Opened {
  readonly port: number
  readonly budget: ByteBudget
  /** Messages that were taken, by length. */
  readonly taken: number[]
  readonly hold: () => void
  readonly release: () => void
}

/** Every message is answered with `answerBytes` bytes. */
async function openStream(t: Test, options: Partial<GrpcDoorOptions> = {}, answerBytes = 10): Promise<Opened> {
  const budget = options.budget ?? new ByteBudget(16 * MIB)
  const taken: number[] = []
  let held: Promise<void> | undefined
  let letGo = (): void => {}
  const { door, port } = await openGrpc(t, { ...options, budget })
  const take = async (message: Uint8Array): Promise<Uint8Array> => {
    taken.push(message.length)
    await held
    return Buffer.alloc(answerBytes)
  }
  door.stream(METHOD, () => ({ take }), LIMITS)
  const hold = (): void => void ({ promise: held, resolve: letGo } = Promise.withResolvers<void>())
  const release = (): void => {
    held = undefined
    letGo()
  }
  return { port, budget, taken, hold, release }
}

interface Heard {
  readonly stream: ClientDuplexStream<Buffer, Buffer>
  readonly answers: number[]
  readonly ended: Promise<{ readonly code: number; readonly details: string }>
}

function talk(t: Test, port: number): Heard {
  const client = grpcClient(t, port)
  const pass = (bytes: Buffer): Buffer => bytes
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(METHOD, pass, pass)
  const answers: number[] = []
  const ended = Promise.withResolvers<{ readonly code: number; readonly details: string }>()
  stream.on('data', (answer: Buffer) => answers.push(answer.length))
  stream.on('error', () => {})
  stream.on('status', ended.resolve)
  return { stream, answers, ended: ended.promise }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2))
}

t.test('a client with too much on its way is not read from, and goes on when it is answered', async (t) => {
  const { port, budget, taken, hold, release } = await openStream(t)
  hold()
  const { stream, answers, ended } = talk(t, port)
  const count = 100
  for (let i = 0; i < count; i++) stream.write(Buffer.alloc(100_000))
  stream.end()
  await until(() => taken.length >= LIMITS.maxUnanswered)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.ok(taken.length <= LIMITS.maxUnanswered + 2, `${taken.length} taken`)
  t.ok(budget.usedBytes < 2 * MIB, `${budget.usedBytes} bytes are held`)
  release()
  t.match(await ended, { code: status.OK })
  t.equal(answers.length, count)
  t.equal(budget.usedBytes, 0)
})

t.test('a client that does not read its answers is not read from', async (t) => {
  const { port, taken } = await openStream(t, {}, 60_000)
  const { stream, answers, ended } = talk(t, port)
  stream.pause()
  const count = 1000
  for (let i = 0; i < count; i++) stream.write(Buffer.alloc(1000))
  stream.end()
  let before = -1
  while (taken.length !== before) {
    before = taken.length
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.ok(before < count, `${before} of ${count} were taken`)
  stream.resume()
  t.match(await ended, { code: status.OK })
  t.equal(answers.length, count)
})

t.test(
  'a client that does not read is cut off, though its connection answers, and so is one that has only to read its answers',
  async (t) => {
    for (const count of [1000, 2]) {
      const clock = new TestClock()
      const { port, taken, budget } = await openStream(t, { clock }, 60_000)
      const session = bareClient(t, port)
      const call = open(session, { ':path': METHOD })
      const closed = new Promise((resolve) => call.on('close', resolve))
      // Without a listener for them nothing is read, and no room is given for more.
      for (let i = 0; i < count; i++) call.write(frame(Buffer.alloc(1000)))
      if (count === 2) call.end()
      for (let before = -1; taken.length !== before || before < 2;) {
        before = taken.length
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await clock.advance(29_000)
      const pings = Promise.withResolvers<void>()
      session.ping(() => pings.resolve())
      await pings.promise
      t.equal(call.closed, false, 'not before its time')
      await clock.advance(2000)
      await closed
      t.equal(call.rstCode, constants.NGHTTP2_CANCEL)
      t.equal(budget.usedBytes, 0)
      session.ping(() => {})
      t.equal(session.destroyed, false, 'other calls of the connection go on')
    }
  },
)

t.test('a stream whose sender is known no longer ends with UNAUTHENTICATED', async (t) => {
  const clock = new TestClock()
  const { authenticator, forget } = tokens()
  const { port } = await openStream(t, { clock, authenticator })
  const { stream, answers, ended } = talk(t, port)
  stream.write(Buffer.from('hello'))
  await until(() => answers.length === 1)
  await clock.advance(61_000)
  stream.write(Buffer.from('again'))
  await until(() => answers.length === 2)
  forget()
  await clock.advance(61_000)
  t.match(await ended, { code: status.UNAUTHENTICATED, details: /expired/ })
})

t.test('messages may come in any pieces, and be empty', async (t) => {
  const { port, taken } = await openStream(t)
  const session = bareClient(t, port)
  const call = open(session, { ':path': METHOD })
  const bytes = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.alloc(0)), frame(Buffer.from('three'))])
  for (const byte of bytes) {
    call.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => taken.length === 3)
  t.same(taken, [3, 0, 5])
  call.end()
})

t.test('a message that trickles ends its stream, silence between messages does not', async (t) => {
  const clock = new TestClock()
  const { port, taken, budget } = await openStream(t, { clock, bodyRate: { minBytesPerSecond: 100, graceMs: 5000, maxMs: 0 } })
  const { stream: silent, answers } = talk(t, port)
  silent.write(Buffer.from('hello'))
  await until(() => answers.length === 1)
  await clock.advance(20_000)
  silent.write(Buffer.from('again'))
  await until(() => answers.length === 2)
  const call = open(bareClient(t, port), { ':path': METHOD })
  const trailers = new Promise<any>((resolve) => call.on('trailers', resolve))
  call.resume()
  call.write(frame(Buffer.alloc(1000)).subarray(0, 50))
  await until(() => budget.usedBytes > 0)
  await clock.advance(10_000)
  t.match(await trailers, { 'grpc-status': String(status.DEADLINE_EXCEEDED) })
  t.equal(budget.usedBytes, 0)
  t.equal(taken.length, 2)
})

t.test('without room a stream ends with UNAVAILABLE, and a client that goes leaves nothing behind', async (t) => {
  const { port, budget, taken, hold, release } = await openStream(t, { budget: new ByteBudget(300_000) })
  hold()
  const first = talk(t, port)
  first.stream.write(Buffer.alloc(200_000))
  await until(() => taken.length === 1)
  const second = talk(t, port)
  second.stream.write(Buffer.alloc(200_000))
  t.match(await second.ended, { code: status.UNAVAILABLE })
  first.stream.cancel()
  await first.ended
  t.ok(budget.usedBytes >= 200_000, 'what is on its way is still held')
  release()
  await until(() => budget.usedBytes === 0)
})
