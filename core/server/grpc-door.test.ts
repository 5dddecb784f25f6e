// The gRPC door from its clients' side: what it takes, what it refuses and with which status, and how it closes.

import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { compressionAlgorithms, status } from '@grpc/grpc-js'
import t from 'tap'
import { ANONYMOUS, type Origin } from '../batch.ts'
import type { ServerAuthenticator } from '../component.ts'
import { UnauthenticatedError } from '../errors.ts'
import { TestClock } from '../testing/test-clock.ts'
import { ByteBudget, bytesInFlight, limitBytesInFlight } from './byte-budget.ts'
import type { Exchange } from './exchange.ts'
import { answerOf, bareClient, call, frame, grpcClient, METHOD, MIB, open, openGrpc, send } from './fixtures/grpc.ts'
import { grpcTimeoutMs } from './grpc-timeout.ts'
import { badRequest, signalNotTaken, unavailable } from './refusal.ts'

const sample = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251))

t.test('a message arrives as it was sent, and the answer is an empty message', async (t) => {
  const { port, bodies } = await openGrpc(t)
  const client = grpcClient(t, port)
  const gzip = grpcClient(t, port, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
  const deflate = grpcClient(t, port, { 'grpc.default_compression_algorithm': compressionAlgorithms.deflate })
  for (const message of [Buffer.from('small'), sample, Buffer.alloc(0)]) {
    for (const sender of [client, gzip, deflate]) {
      t.match(await call(sender, message), { code: status.OK, message: Buffer.alloc(0) })
      t.ok(message.equals(bodies.pop()!))
    }
  }
  const bare = bareClient(t, port)
  const codings = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync } as const
  for (const [coding, compress] of Object.entries(codings)) {
    t.match(await send(bare, frame(compress(sample), 1), { 'grpc-encoding': coding }), { code: '0', body: Buffer.alloc(5) }, coding)
    t.ok(sample.equals(bodies.pop()!), coding)
    t.equal((await send(bare, frame(sample), { 'grpc-encoding': coding })).code, '0', `${coding} allowed, and not used`)
    t.ok(sample.equals(bodies.pop()!))
  }
  t.equal((await send(bare, frame(sample), { 'content-type': 'application/grpc+proto' })).code, '0')
  t.equal((await send(bare, frame(sample), { 'grpc-encoding': 'identity' })).code, '0')
})

t.test('a message arrives however it is cut into frames', async (t) => {
  const { port, bodies } = await openGrpc(t)
  const bytes = frame(sample.subarray(0, 40))
  for (const size of [1, 2, 4, 5, 6, 44]) {
    const stream = open(bareClient(t, port))
    const answer = answerOf(stream)
    for (let at = 0; at < bytes.length; at += size) {
      stream.write(bytes.subarray(at, at + size))
      await new Promise(setImmediate)
    }
    stream.end()
    t.equal((await answer).code, '0', `${size} bytes a frame`)
    t.ok(sample.subarray(0, 40).equals(bodies.pop()!))
  }
})

t.test('what the work answers is told: a partial success, and refusals with their codes', async (t) => {
  const answers: [(exchange: Exchange) => void, number, RegExp][] = [
    [(exchange) => exchange.refuse(badRequest('never — niemals %\n')), status.INVALID_ARGUMENT, /^never — niemals %\n$/],
    [(exchange) => exchange.refuse(unavailable('later', 2500)), status.UNAVAILABLE, /^later$/],
    [(exchange) => exchange.refuse(badRequest('x'.repeat(10_000))), status.INVALID_ARGUMENT, /^x{1024}$/],
    [
      () => {
        throw new Error('a bug')
      },
      status.UNAVAILABLE,
      /^a bug$/,
    ],
  ]
  for (const [answer, code, details] of answers) {
    const { port } = await openGrpc(t, {}, (_body, exchange) => answer(exchange))
    t.match(await call(grpcClient(t, port), sample), { code, details })
  }
  const { port } = await openGrpc(t, {}, (_body, exchange) => exchange.succeed(Buffer.from('some')))
  t.same(await call(grpcClient(t, port), sample).then(({ message }) => message), Buffer.from('some'))
})

/** google.rpc.Status in the trailers, as text: the parts that matter are readable in it. */
const detailsOf = (header: unknown): Buffer => Buffer.from(String(header), 'base64')

t.test('only who may come again is told when: UNAVAILABLE has RetryInfo, RESOURCE_EXHAUSTED has none', async (t) => {
  const { port } = await openGrpc(t, {}, (_body, exchange) => exchange.refuse(unavailable('later', 2500)))
  const bare = bareClient(t, port)
  const later = await send(bare, frame(sample))
  t.equal(later.code, '14')
  const details = detailsOf(later.status['grpc-status-details-bin'])
  t.match(details.toString(), /type\.googleapis\.com\/google\.rpc\.RetryInfo/)
  t.equal(details.subarray(-8).toString('hex'), '08021080cab5ee01', 'two seconds and 500,000,000 nanoseconds')
  const alone = detailsOf(later.status['google.rpc.retryinfo-bin'])
  t.equal(alone.toString('hex'), '0a0808021080cab5ee01', 'the same alone, for who looks there')
  const large = await send(bare, frame(Buffer.alloc(2 * MIB)))
  t.match(large, { code: '8', message: /larger than 1048576 bytes/ })
  t.notOk('grpc-status-details-bin' in large.status)
  t.notOk('google.rpc.retryinfo-bin' in large.status)
})

t.test('limits hold before and after decompression', async (t) => {
  const budget = new ByteBudget(16 * MIB)
  const { port, bodies } = await openGrpc(t, { budget })
  const client = grpcClient(t, port)
  t.equal((await call(client, Buffer.alloc(MIB))).code, status.OK)
  t.match(await call(client, Buffer.alloc(MIB + 1)), { code: status.RESOURCE_EXHAUSTED, details: /larger than 1048576 bytes/ })
  t.equal((await call(client, Buffer.alloc(8 * MIB))).code, status.RESOURCE_EXHAUSTED)
  const bare = bareClient(t, port)
  for (const [coding, compress] of Object.entries({ gzip: gzipSync, zstd: zstdCompressSync })) {
    const bomb = compress(Buffer.alloc(64 * MIB))
    t.equal((await send(bare, frame(bomb, 1), { 'grpc-encoding': coding })).code, '8', coding)
  }
  const claims = Buffer.from([0, 0xff, 0xff, 0xff, 0xff])
  t.equal((await send(bare, claims)).code, '8', 'a length of 4 GiB is not believed')
  t.equal(bodies.length, 1)
  t.equal(budget.usedBytes, 0)
})

t.test('too many bytes in flight are UNAVAILABLE, also where the process holds them', async (t) => {
  const held: Exchange[] = []
  const { port } = await openGrpc(t, { budget: new ByteBudget(MIB) }, (_body, exchange) => void held.push(exchange))
  const client = grpcClient(t, port)
  const first = call(client, Buffer.alloc(MIB / 2))
  while (held.length === 0) await new Promise(setImmediate)
  t.match(await call(client, Buffer.alloc(MIB / 2 + 1)), { code: status.UNAVAILABLE, details: /too many bytes are in flight/ })
  const lift = limitBytesInFlight(bytesInFlight() + 10_000)
  t.equal((await call(client, Buffer.alloc(20_000))).code, status.UNAVAILABLE)
  lift()
  const second = call(client, Buffer.alloc(20_000))
  while (held.length < 2) await new Promise(setImmediate)
  for (const exchange of held) exchange.succeed()
  t.same([(await first).code, (await second).code, bytesInFlight()], [0, 0, 0])
})

t.test('what is no call of ours is refused in words, and the connection is kept', async (t) => {
  const { door, port, bodies } = await openGrpc(t)
  door.method('/test.Service/Other', signalNotTaken('logs'))
  const client = grpcClient(t, port)
  t.match(await call(client, sample, '/test.Service/Nothing'), {
    code: status.UNIMPLEMENTED,
    details: /nothing is served at \/test.Service\/Nothing; known methods: \/test.Service\/Export/,
  })
  t.match(await call(client, sample, '/test.Service/Other'), { code: status.UNIMPLEMENTED, details: /no pipeline takes logs/ })
  const bare = bareClient(t, port)
  const encoding = await send(bare, frame(sample, 1), { 'grpc-encoding': 'snappy' })
  t.match(encoding, { code: '12', message: /grpc-encoding is snappy; accepted: one of identity,gzip,deflate,zstd/ })
  t.equal(encoding.status['grpc-accept-encoding'], 'identity,gzip,deflate,zstd')
  t.match(await send(bare, frame(sample), { 'content-type': 'application/json' }), { headers: { ':status': 415 } })
  t.match(await send(bare, frame(sample), { 'content-type': 'application/grpc-web' }), { headers: { ':status': 415 } })
  t.match(await answerOf(bare.request({ ':method': 'GET', ':path': METHOD })), { headers: { ':status': 405 } })
  t.match(await send(bare, frame(sample), { 'grpc-timeout': 'soon' }), {
    code: '3',
    message: /grpc-timeout is soon; accepted: up to eight/,
  })
  t.equal(bodies.length, 0)
  t.equal((await send(bare, frame(sample))).code, '0')
})

t.test('broken frames and broken compression', async (t) => {
  const { port, bodies } = await openGrpc(t)
  const bare = bareClient(t, port)
  const gzip = gzipSync(sample)
  const cases: [string, Buffer, string, RegExp, object?][] = [
    ['an unknown flag', frame(sample, 2), '13', /begins with 2; accepted: 0 or 1/],
    ['no message', Buffer.alloc(0), '13', /ends before its message does/],
    ['half a prefix', Buffer.alloc(3), '13', /ends before/],
    ['a cut message', frame(sample).subarray(0, -1), '13', /ends before/],
    ['two messages', Buffer.concat([frame(sample), frame(sample)]), '13', /more than one message/],
    ['compressed, and not said how', frame(gzip, 1), '13', /does not say how/],
    ['cut gzip', frame(gzip.subarray(0, -9), 1), '3', /not valid gzip/, { 'grpc-encoding': 'gzip' }],
    [
      'a wrong checksum',
      frame(Buffer.concat([gzip.subarray(0, -8), Buffer.alloc(8)]), 1),
      '3',
      /not valid gzip/,
      { 'grpc-encoding': 'gzip' },
    ],
    [
      'bytes after the end',
      frame(Buffer.concat([gzip, Buffer.from('more')]), 1),
      '3',
      /4 bytes follow|not valid/,
      { 'grpc-encoding': 'gzip' },
    ],
  ]
  for (const [name, bytes, code, message, headers] of cases) t.match(await send(bare, bytes, { ...headers }), { code, message }, name)
  t.equal(bodies.length, 0)
  t.equal((await send(bare, frame(sample))).code, '0', 'the connection is kept')
})

t.test('grpc-timeout is how long the sender waits', async (t) => {
  t.same(['1H', '2M', '3S', '4m', '5u', '6n'].map(grpcTimeoutMs), [3_600_000, 120_000, 3000, 4, 0.005, 0.000006])
  t.same(['', '1', 'S', '123456789S', '1s', '-1S', '1.5S', '__proto__'].map(grpcTimeoutMs), Array(8).fill(NaN))
  t.equal(grpcTimeoutMs(undefined), Infinity)
  const clock = new TestClock()
  const held: Exchange[] = []
  const { port, bodies } = await openGrpc(t, { clock }, (_body, exchange) => void held.push(exchange))
  const bare = bareClient(t, port)
  t.equal((await send(bare, frame(sample), { 'grpc-timeout': '0n' })).code, '4')
  t.equal(bodies.length, 0, 'what nobody waits for is not handed on')
  const late = send(bare, frame(sample), { 'grpc-timeout': '3S' })
  while (held.length === 0) await new Promise(setImmediate)
  t.equal(held[0]!.timeoutMs, 3000)
  await clock.advance(3000)
  held[0]!.refuse(unavailable('not now'))
  t.match(await late, { code: '4', message: /the time that grpc-timeout gives is over/ })
})

t.test('a sender that is not known is refused before its body is read; one that is gives the origin', async (t) => {
  const tenant: Origin = { tenant: 'acme', headers: new Map() }
  const seen: ReadonlyMap<string, string>[] = []
  const authenticator: ServerAuthenticator = {
    start: async () => {},
    stop: async () => {},
    async authenticate(headers) {
      seen.push(headers)
      if (headers.get('authorization') === 'Bearer broken') throw new Error('the key store is away')
      if (headers.get('authorization') !== 'Bearer good') throw new UnauthenticatedError('a bearer token is missing')
      return tenant
    },
  }
  const origins: Origin[] = []
  const { port } = await openGrpc(t, { authenticator }, (_body, exchange) => {
    origins.push(exchange.origin)
    exchange.succeed()
  })
  const bare = bareClient(t, port)
  const stranger = open(bare, { authorization: 'Bearer bad' })
  t.match(await answerOf(stranger), { code: '16', message: 'a bearer token is missing' }, 'its body never came')
  t.equal((await send(bare, frame(sample), { authorization: 'Bearer broken' })).code, '14')
  t.equal((await send(bare, frame(sample), { authorization: 'Bearer good', 'x-twice': ['a', 'b'] })).code, '0')
  t.same(origins, [tenant])
  t.notOk(seen[2]!.has('x-twice'), 'a header that came twice is not shown')
  t.notOk([...seen[2]!.keys()].some((name) => name.startsWith(':')))
  const open1 = await openGrpc(t, {}, (_body, exchange) => {
    origins.push(exchange.origin)
    exchange.succeed()
  })
  await send(bareClient(t, open1.port), frame(sample))
  t.equal(origins[1], ANONYMOUS)
})

t.test('stopping answers what is in flight and takes nothing new', async (t) => {
  const held: Exchange[] = []
  const { port, door } = await openGrpc(t, {}, (_body, exchange) => void held.push(exchange))
  const busy = call(grpcClient(t, port), sample)
  const idle = bareClient(t, port)
  const isGone = new Promise<void>((resolve) => idle.once('close', resolve))
  while (held.length === 0) await new Promise(setImmediate)
  let stopped = false
  const stopping = door.stop(new AbortController().signal).then(() => (stopped = true))
  await isGone
  t.equal(stopped, false)
  t.equal((await call(grpcClient(t, port), sample)).code, status.UNAVAILABLE)
  held[0]!.succeed()
  t.equal((await busy).code, status.OK)
  await stopping
  await door.stop(new AbortController().signal)
})

t.test('stopping waits for the work of a sender that has gone, and ends at the abort signal', async (t) => {
  const held: Exchange[] = []
  const { port, door } = await openGrpc(t, {}, (_body, exchange) => void held.push(exchange))
  for (let n = 1; n <= 2; n++) {
    const stream = open(bareClient(t, port))
    stream.end(frame(sample))
    while (held.length < n) await new Promise(setImmediate)
    stream.session!.destroy()
  }
  const abort = new AbortController()
  const stopping = door.stop(abort.signal)
  held[0]!.succeed()
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  abort.abort()
  await stopping
  held[1]!.succeed()
})

t.test('a sender that goes while it sends leaves nothing behind', async (t) => {
  const budget = new ByteBudget(16 * MIB)
  const { port, bodies } = await openGrpc(t, { budget })
  const stream = open(bareClient(t, port))
  stream.write(frame(sample).subarray(0, 100_000))
  while (budget.usedBytes === 0) await new Promise(setImmediate)
  stream.close(8)
  while (budget.usedBytes > 0) await new Promise(setImmediate)
  t.equal(bodies.length, 0)
})
