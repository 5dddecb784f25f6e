// Exporter `otlp_grpc` against a server of grpc-js and against servers of every temper: what they get, and what their answers mean.

import { once } from 'node:events'
import {
  createServer as createHttp2,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mkdtempSync } from 'node:fs'
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { Metadata, Server, ServerCredentials, status as Status } from '@grpc/grpc-js'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t, { type Test } from 'tap'
import {
  ANONYMOUS,
  type Batch,
  type ClientAuthenticator,
  PartialError,
  PermanentError,
  rememberCompressed,
  type Signal,
  systemClock,
} from '../../core/index.ts'
import { exporterSuite, TestSettings } from '../../core/testing/index.ts'
import { type GrpcExporter, grpcAddressOf } from '../../core/client/index.ts'
import type { GrpcClientConfig } from '../../core/factory.ts'
import { factory } from './factory.ts'

interface Codec {
  encode(message: object): { finish(): Uint8Array }
}
/** The oracle's types are missing what it holds. */
const oracle = root as unknown as { opentelemetry: { proto: { collector: { trace: { v1: Record<string, Codec> } } } } }
const { ExportTraceServiceRequest, ExportTraceServiceResponse } = oracle.opentelemetry.proto.collector.trace.v1

const batchOf = (...names: string[]): Batch => ({
  signal: 'traces',
  count: names.length,
  origin: ANONYMOUS,
  chunks: names.map((name) => {
    const spans = [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name }]
    return ExportTraceServiceRequest!.encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] }).finish()
  }),
})
const response = (rejectedSpans: number, errorMessage: string): Buffer =>
  Buffer.from(ExportTraceServiceResponse!.encode({ partialSuccess: { rejectedSpans, errorMessage } }).finish())

/** As the loader fills them in; pauses of a millisecond, so that tests of retrying take none. */
function configOf(config: Partial<GrpcClientConfig>): GrpcClientConfig {
  return {
    endpoint: '127.0.0.1:4317',
    headers: {},
    compression: 'none',
    compression_params: {},
    concatenated_members: false,
    tls: {
      insecure: true,
      insecure_skip_verify: false,
      include_system_ca_certs_pool: false,
      min_version: '1.2',
      max_version: '1.3',
      reload_interval: '0s',
    },
    keepalive: { time: '10s', timeout: '10s', permit_without_stream: false },
    balancer_name: 'pick_first',
    wait_for_ready: false,
    sending_queue: { enabled: false, num_consumers: 1, queue_size: 1, sizer: 'requests', max_bytes: 1, block_on_overflow: false },
    timeout: '5s',
    retry_on_failure: {
      enabled: true,
      initial_interval: '1ms',
      max_interval: '1ms',
      multiplier: 1,
      randomization_factor: 0,
      max_elapsed_time: '0s',
    },
    ...config,
  }
}

async function exporter(
  t: Test,
  config: Partial<GrpcClientConfig>,
  settings = new TestSettings('otlp_grpc', systemClock),
): Promise<GrpcExporter> {
  const made = (await factory.create(configOf(config), settings)) as GrpcExporter
  await made.start()
  t.teardown(() => made.stop(AbortSignal.abort()))
  return made
}
const soon = (ms = 60_000): number => systemClock.monotonicMs() + ms

// ---------------------------------------------------------------- a server of grpc-js

interface Call {
  readonly path: string
  readonly metadata: Record<string, unknown>
  readonly body: Buffer
}
type Verdict = Buffer | { readonly code: number; readonly details?: string; readonly metadata?: Metadata } | undefined

async function grpcServer(
  t: Test,
  verdict: (nth: number) => Verdict,
  port = 0,
): Promise<{ readonly endpoint: string; readonly port: number; readonly calls: Call[]; readonly server: Server }> {
  const calls: Call[] = []
  const server = new Server()
  const raw = {
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  } as const
  for (const signal of ['trace', 'metrics', 'logs']) {
    const path = `/opentelemetry.proto.collector.${signal}.v1.${signal[0]!.toUpperCase()}${signal.slice(1)}Service/Export`
    server.addService(
      { Export: { path, ...raw } },
      {
        Export: (call: { request: Buffer; metadata: Metadata }, done: (error: object | null, value?: Buffer) => void) => {
          calls.push({ path, metadata: call.metadata.getMap(), body: call.request })
          const found = verdict(calls.length)
          if (found === undefined) return
          if (Buffer.isBuffer(found)) done(null, found)
          else done(found)
        },
      },
    )
  }
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, found) =>
      error === null ? resolve(found) : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return { endpoint: `127.0.0.1:${bound}`, port: bound, calls, server }
}
const same = (bytes: Buffer): Buffer => bytes
const OK = Buffer.alloc(0)

t.test('the suite of every exporter', async (t) => {
  const { endpoint } = await grpcServer(t, () => OK)
  exporterSuite(t.test.bind(t), { create: (settings) => factory.create(configOf({ endpoint, compression: 'gzip' }), settings) })
})

t.test('grpc-js reads every signal, each from its own service, with its metadata, compressed or not', async (t) => {
  const { endpoint, calls } = await grpcServer(t, () => OK)
  const batch = batchOf('one', 'a'.repeat(100_000))
  const headers = { 'X-Key': 'value', 'trace-bin': 'bytes' }
  for (const compression of ['none', 'gzip'] as const) {
    const sending = await exporter(t, { endpoint, compression, headers })
    for (const signal of ['traces', 'metrics', 'logs'] as Signal[]) await sending.consume({ ...batch, signal }, soon())
  }
  t.equal(calls.length, 6)
  for (const { body } of calls) t.ok(body.equals(Buffer.concat(batch.chunks)))
  t.same(
    calls.slice(3).map(({ path }) => path.split('.')[3]),
    ['trace', 'metrics', 'logs'],
  )
  t.match(calls[0]!.metadata, { 'x-key': 'value', 'trace-bin': Buffer.from('bytes'), 'user-agent': 'millrace' })
})

/** google.rpc.Status with a RetryInfo behind another detail; `seconds` of delay. */
function retryInfo(seconds: number): Metadata {
  const len = (tag: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.of(tag, bytes.length), bytes])
  const any = (type: string, value: Buffer): Buffer =>
    len(0x1a, Buffer.concat([len(0x0a, Buffer.from(`type.googleapis.com/google.rpc.${type}`)), len(0x12, value)]))
  const delay = len(0x0a, Buffer.of(0x08, seconds))
  const metadata = new Metadata()
  metadata.set(
    'grpc-status-details-bin',
    Buffer.concat([Buffer.of(0x08, 14), any('ErrorInfo', OK), any('RetryInfo', delay), any('Help', OK)]),
  )
  return metadata
}

t.test('what may pass is tried again until it is over', async (t) => {
  const codes = [Status.CANCELLED, Status.DEADLINE_EXCEEDED, Status.ABORTED, Status.OUT_OF_RANGE, Status.UNAVAILABLE, Status.DATA_LOSS]
  const { endpoint, calls } = await grpcServer(t, (nth) => (nth <= codes.length ? { code: codes[nth - 1]! } : OK))
  await (await exporter(t, { endpoint })).consume(batchOf('one'), soon())
  t.equal(calls.length, codes.length + 1)
})

t.test('any other status is for good, with the words of the server', async (t) => {
  const others = [2, 3, 5, 6, 7, 8, 9, 12, 13, 16]
  const { endpoint, calls } = await grpcServer(t, (nth) => ({ code: others[nth - 1]!, details: 'größer\nthan: allowed' }))
  const sending = await exporter(t, { endpoint, headers: { authorization: 'hunter2' } })
  for (const code of others) {
    const error: unknown = await sending.consume(batchOf('one'), soon()).catch((error: unknown) => error)
    t.type(error, PermanentError, Status[code]!)
    t.equal((error as Error).message, `${endpoint}: ${Status[code]} größer\\nthan: allowed`)
  }
  t.equal(calls.length, others.length, 'none was tried again')
})

t.test('RESOURCE_EXHAUSTED passes only with RetryInfo, which is honoured', async (t) => {
  const { endpoint, calls } = await grpcServer(t, (nth) =>
    nth === 1 ? { code: 8, metadata: retryInfo(0) } : nth === 2 ? OK : { code: nth === 3 ? 8 : 14, metadata: retryInfo(30) },
  )
  const sending = await exporter(t, { endpoint })
  await sending.consume(batchOf('one'), soon())
  t.equal(calls.length, 2)
  for (const name of ['RESOURCE_EXHAUSTED', 'UNAVAILABLE']) {
    const error: unknown = await sending.consume(batchOf('one'), soon(8000)).catch((error: unknown) => error)
    t.match(error, { name: 'RetryableError', message: `${endpoint}: ${name}`, retryAfterMs: 30_000 })
  }
  t.equal(calls.length, 4, 'nobody waits that long')
})

t.test('a partial success is told, counted, and never tried again', async (t) => {
  const cases: [Buffer, PartialError | undefined][] = [
    [response(2, 'too old'), new PartialError(2, 'too old')],
    [response(0, 'a warning'), new PartialError(0, 'a warning')],
    [response(99, 'more than there were'), new PartialError(3, 'more than there were')],
    [response(0, ''), undefined],
    [Buffer.from('not protobuf at all'), undefined],
  ]
  const { endpoint, calls } = await grpcServer(t, (nth) => cases[nth - 1]![0])
  const sending = await exporter(t, { endpoint })
  for (const [, expected] of cases) {
    const outcome: unknown = await sending.consume(batchOf('a', 'b', 'c'), soon()).catch((error: unknown) => error)
    t.match(outcome, expected)
    if (expected !== undefined) t.equal((outcome as PartialError).refused, expected.refused)
  }
  t.equal(calls.length, cases.length)
})

t.test('a server that restarts, gracefully or not, loses nothing and is found again', async (t) => {
  const first = await grpcServer(t, () => OK)
  const sending = await exporter(t, { endpoint: first.endpoint })
  await sending.consume(batchOf('before'), soon())
  await new Promise((resolve) => first.server.tryShutdown(resolve))
  const waiting = sending.consume(batchOf('while it is down'), soon())
  const second = await grpcServer(t, () => OK, first.port)
  await waiting
  second.server.forceShutdown()
  const third = await grpcServer(t, () => OK, first.port)
  await sending.consume(batchOf('after'), soon())
  t.same([first.calls.length, second.calls.length, third.calls.length], [1, 1, 1])
})

// ---------------------------------------------------------------- servers of every temper

type Script = (stream: ServerHttp2Stream, body: Buffer, nth: number, headers: IncomingHttpHeaders) => void
interface Raw {
  readonly endpoint: string
  readonly headers: IncomingHttpHeaders[]
  readonly bodies: Buffer[]
  readonly sessions: ServerHttp2Session[]
  readonly server: Http2Server
}

async function http2Server(t: Test, script: Script, listen: string | number = 0): Promise<Raw> {
  const raw: Raw = { endpoint: '', headers: [], bodies: [], sessions: [], server: createHttp2() }
  raw.server.on('session', (session) => void raw.sessions.push(session))
  raw.server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const pieces: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('end', () => {
      raw.headers.push(headers)
      raw.bodies.push(Buffer.concat(pieces))
      script(stream, raw.bodies.at(-1)!, raw.bodies.length, headers)
    })
  })
  raw.server.on('sessionError', () => {})
  if (typeof listen === 'string') raw.server.listen(listen)
  else raw.server.listen(listen, '127.0.0.1')
  await once(raw.server, 'listening')
  t.teardown(() => {
    raw.server.close()
    for (const session of raw.sessions) session.destroy()
  })
  const port = typeof listen === 'string' ? 0 : (raw.server.address() as AddressInfo).port
  return { ...raw, endpoint: `127.0.0.1:${port}` }
}

/** `status` as the last word, `message` before it. */
function answer(stream: ServerHttp2Stream, status: number, message: Buffer = Buffer.alloc(5), headers: Record<string, string> = {}): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...headers }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status) }))
  stream.end(message)
}
const frame = (message: Buffer, isCompressed = 0): Buffer => {
  const prefix = Buffer.alloc(5, isCompressed)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

t.test('on the wire: one frame, its length, its compression, the time that is left', async (t) => {
  const { endpoint, headers, bodies } = await http2Server(t, (stream) => answer(stream, 0))
  const batch = batchOf('a'.repeat(100), 'b')
  const whole = Buffer.concat(batch.chunks)
  for (const compression of ['none', 'gzip', 'zstd'] as const)
    await (await exporter(t, { endpoint, compression })).consume(batch, soon(2000))
  t.same(
    headers.map((each) => each['grpc-encoding']),
    [undefined, 'gzip', 'zstd'],
  )
  t.match(headers[0], { ':authority': endpoint, te: 'trailers', 'content-type': 'application/grpc' })
  for (const each of headers) {
    const [, ms] = /^(\d{1,8})m$/.exec(String(each['grpc-timeout']))!
    t.ok(Number(ms) > 0 && Number(ms) <= 2000, `${ms} ms`)
  }
  for (const body of bodies) t.equal(body.readUInt32BE(1), body.length - 5)
  t.same(
    bodies.map((body) => body[0]),
    [0, 1, 1],
  )
  t.ok(bodies[0]!.subarray(5).equals(whole))
  t.ok(gunzipSync(bodies[1]!.subarray(5)).equals(whole))
  t.ok(zstdDecompressSync(bodies[2]!.subarray(5)).equals(whole))
})

t.test('what came in compressed leaves as it came; merged, only where the destination reads all members', async (t) => {
  const { endpoint, bodies } = await http2Server(t, (stream) => answer(stream, 0))
  const batch = batchOf('one', 'two')
  const forms = batch.chunks.map((chunk) => gzipSync(chunk, { level: 9 }))
  for (const [i, chunk] of batch.chunks.entries()) rememberCompressed(chunk, { coding: 'gzip', bytes: forms[i]! })
  const plain = await exporter(t, { endpoint, compression: 'gzip' })
  await plain.consume({ ...batch, chunks: [batch.chunks[0]!], count: 1 }, soon())
  t.ok(bodies[0]!.subarray(5).equals(forms[0]!))
  await plain.consume(batch, soon())
  t.notOk(bodies[1]!.subarray(5).equals(Buffer.concat(forms)), 'one member')
  await (await exporter(t, { endpoint, compression: 'gzip', concatenated_members: true })).consume(batch, soon())
  t.ok(bodies[2]!.subarray(5).equals(Buffer.concat(forms)))
  t.ok(gunzipSync(bodies[2]!.subarray(5)).equals(Buffer.concat(batch.chunks)))
  await (await exporter(t, { endpoint, compression: 'zstd' })).consume({ ...batch, chunks: [batch.chunks[0]!], count: 1 }, soon())
  t.ok(zstdDecompressSync(bodies[3]!.subarray(5)).equals(batch.chunks[0]!), 'another coding is made anew')
})

t.test('answers that are odd, compressed, or no gRPC at all', async (t) => {
  const cases: [Script, unknown][] = [
    [
      (stream) => stream.respond({ ':status': 200, 'grpc-status': '3', 'grpc-message': 'one%20%C3%BC%' }, { endStream: true }),
      { name: 'PermanentError', message: /INVALID_ARGUMENT one%20%C3%BC%$/ },
    ],
    [
      (stream) => answer(stream, 0, frame(gzipSync(response(1, 'late')), 1), { 'grpc-encoding': 'gzip' }),
      { name: 'PartialError', refused: 1 },
    ],
    [(stream) => answer(stream, 0, frame(Buffer.from('?'), 1), { 'grpc-encoding': 'gzip' }), undefined],
    [(stream) => answer(stream, 0, Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1])), undefined],
    [
      (stream) => stream.respond({ ':status': 404, 'content-type': 'text/html' }, { endStream: true }),
      { name: 'PermanentError', message: /UNIMPLEMENTED HTTP status 404/ },
    ],
    [(stream) => answer(stream, 77), { name: 'PermanentError', message: /status 77/ }],
    [(stream) => answer(stream, 0, Buffer.alloc(5 * 1024 * 1024)), { name: 'PermanentError', message: /longer than 4194304/ }],
  ]
  const { endpoint } = await http2Server(t, (stream, body, nth, headers) => cases[nth - 1]![0](stream, body, nth, headers))
  const sending = await exporter(t, { endpoint })
  for (const [, expected] of cases) {
    const outcome: unknown = await sending.consume(batchOf('a', 'b', 'c'), soon()).catch((error: unknown) => error)
    t.match(outcome, expected)
  }
})

t.test('resets, broken connections and a proxy without a backend are tried again', async (t) => {
  const { endpoint, bodies, sessions } = await http2Server(t, (stream, _, nth) => {
    if (nth === 1) stream.close(7)
    else if (nth === 2) stream.close(2)
    else if (nth === 3) sessions.at(-1)!.destroy()
    else if (nth === 4) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.write('half', () => sessions.at(-1)!.destroy())
    } else if (nth === 5) stream.respond({ ':status': 503 }, { endStream: true })
    else answer(stream, 0)
  })
  await (await exporter(t, { endpoint })).consume(batchOf('one'), soon())
  t.equal(bodies.length, 6)
  t.equal(sessions.length, 3)
})

t.test('a request that a closing connection did not take is sent at once over a new one, without a pause', async (t) => {
  const { endpoint, bodies, sessions } = await http2Server(t, (stream, _, nth) => {
    if (nth === 2) sessions[0]!.destroy()
    else answer(stream, 0)
  })
  const slow = { ...configOf({}).retry_on_failure, initial_interval: '1h', max_interval: '1h' }
  const sending = await exporter(t, { endpoint, retry_on_failure: slow })
  await sending.consume(batchOf('one'), soon())
  await sending.consume(batchOf('two'), soon())
  t.same([bodies.length, sessions.length], [3, 2])
})

t.test('many large requests at once share the connection, and none is reset for it', async (t) => {
  let bytes = 0
  const { endpoint, sessions } = await http2Server(t, (stream, body) => {
    bytes += body.length
    answer(stream, 0)
  })
  const retry_on_failure = { ...configOf({}).retry_on_failure, enabled: false }
  const sending = await exporter(t, { endpoint, timeout: '1m', retry_on_failure })
  const batch = { ...batchOf('one'), chunks: [Buffer.alloc(5_000_000)] }
  await Promise.all(Array.from({ length: 20 }, () => sending.consume(batch, soon())))
  t.same([bytes, sessions.length], [20 * 5_000_005, 1])
})

t.test('a server that is going away finishes what it has, and gets nothing new', async (t) => {
  const held: ServerHttp2Stream[] = []
  const { endpoint, bodies, sessions } = await http2Server(t, (stream, _, nth) => (nth === 1 ? held.push(stream) : answer(stream, 0)))
  const slow = { ...configOf({}).retry_on_failure, initial_interval: '1h', max_interval: '1h' }
  const sending = await exporter(t, { endpoint, retry_on_failure: slow, timeout: '1m' })
  const first = sending.consume(batchOf('one'), soon())
  while (held.length === 0) await new Promise(setImmediate)
  sessions[0]!.goaway()
  while (sessions.length < 2) await sending.consume(batchOf('two'), soon())
  await sending.consume(batchOf('three'), soon())
  answer(held[0]!, 0)
  await first
  t.same([sessions.length, bodies.length >= 3], [2, true])
})

t.test('concurrent calls share one connection', async (t) => {
  const { endpoint, sessions } = await http2Server(t, (stream) => answer(stream, 0))
  const sending = await exporter(t, { endpoint })
  await Promise.all(Array.from({ length: 20 }, () => sending.consume(batchOf('one'), soon())))
  t.equal(sessions.length, 1)
})

t.test('a server that never answers costs the timeout; one that is not even there, its connection', async (t) => {
  const { endpoint, sessions, bodies } = await http2Server(t, () => {})
  const sending = await exporter(t, { endpoint, timeout: '30ms' })
  await t.rejects(sending.consume(batchOf('one'), soon(100)), { name: 'RetryableError', message: /no whole answer within|no time is left/ })
  t.equal(sessions.length, 1, 'who answers a ping keeps its connection')
  t.ok(bodies.length >= 1)

  // It accepts and reads, and says nothing at all: as a stopped process does, whose kernel goes on.
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {}).resume())).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.close()
    for (const socket of sockets) socket.destroy()
  })
  const keepalive = { time: '0s', timeout: '20ms', permit_without_stream: false }
  const blind = await exporter(t, { endpoint: `127.0.0.1:${(silent.address() as AddressInfo).port}`, timeout: '50ms', keepalive })
  const consumed = t.rejects(blind.consume(batchOf('one'), soon(1e7)), { name: 'RetryableError' })
  while (sockets.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await blind.stop(AbortSignal.abort())
  await consumed
})

t.test('keepalive finds a dead peer while a call waits', async (t) => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {}).resume())).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.close()
    for (const socket of sockets) socket.destroy()
  })
  const endpoint = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const keepalive = { time: '20ms', timeout: '20ms', permit_without_stream: false }
  const once1 = { ...configOf({}).retry_on_failure, enabled: false }
  const sending = await exporter(t, { endpoint, keepalive, timeout: '1m', retry_on_failure: once1 })
  await t.rejects(sending.consume(batchOf('one'), Infinity), { name: 'RetryableError', message: /no answer to a ping within 20 ms/ })
})

t.test('who answers calls is not pinged; servers send those away who ping too much', async (t) => {
  const { endpoint, sessions } = await http2Server(t, (stream, _, nth) => nth <= 50 && answer(stream, 0))
  const pings: unknown[] = []
  const keepalive = { time: '1h', timeout: '10s', permit_without_stream: true }
  const retry_on_failure = { ...configOf({}).retry_on_failure, enabled: false }
  const sending = await exporter(t, { endpoint, keepalive, timeout: '1m', retry_on_failure })
  const consume = (ms: number): Promise<unknown> => sending.consume(batchOf('one'), soon(ms)).catch((error: unknown) => error)
  await consume(60_000)
  sessions[0]!.on('ping', (bytes) => pings.push(bytes))
  for (let i = 1; i < 50; i++) await consume(60_000)
  t.equal(pings.length, 0)
  for (let i = 0; i < 5; i++) await consume(30)
  while (pings.length === 0) await new Promise(setImmediate)
  t.same([pings.length, sessions.length], [1, 1], 'who did not answer, once, and not for every call')
})

t.test('nobody listens: the sender keeps the data', async (t) => {
  const dead = createServer().listen(0, '127.0.0.1')
  await once(dead, 'listening')
  const { port } = dead.address() as AddressInfo
  dead.close()
  const sending = await exporter(t, { endpoint: `127.0.0.1:${port}` })
  await t.rejects(sending.consume(batchOf('one'), soon(50)), { name: 'RetryableError', message: /ECONNREFUSED|no time is left/ })
})

t.test('a unix socket', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'otlp.sock')
  const { bodies, headers } = await http2Server(t, (stream) => answer(stream, 0), path)
  await (await exporter(t, { endpoint: `unix://${path}` })).consume(batchOf('one'), soon())
  t.equal(bodies.length, 1)
  t.equal(headers[0]![':authority'], 'localhost')
})

t.test('credentials are asked for before every attempt, and made anew once where they are refused', async (t) => {
  let version = 1
  const auth: ClientAuthenticator = {
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    headers: () => Promise.resolve({ authorization: `Bearer ${version}` }),
    refused: () => void version++,
  }
  const { endpoint, headers } = await http2Server(t, (stream, _, nth) => answer(stream, nth === 2 ? 0 : 16))
  const settings = new TestSettings('otlp_grpc', systemClock)
  settings.extensions.set('them', auth)
  const sending = await exporter(t, { endpoint, auth: { authenticator: 'them' } }, settings)
  await sending.consume(batchOf('one'), soon())
  t.same(
    headers.map((each) => each['authorization']),
    ['Bearer 1', 'Bearer 2'],
  )
  await t.rejects(sending.consume(batchOf('two'), soon()), { name: 'PermanentError', message: /UNAUTHENTICATED/ })
  t.equal(headers.length, 4, 'once, not for ever')
})

t.test('addresses in every form', async (t) => {
  const at = (endpoint: string, insecure = true): unknown => grpcAddressOf(endpoint, insecure)
  const local = { target: { host: '127.0.0.1', port: 4317, isTls: false }, authority: '127.0.0.1:4317' }
  for (const endpoint of [
    '127.0.0.1:4317',
    'dns:///127.0.0.1:4317',
    'dns:127.0.0.1:4317',
    'http://127.0.0.1:4317',
    'http://127.0.0.1:4317/',
  ])
    t.same(at(endpoint), local, endpoint)
  t.same(at('[::1]:4317'), { target: { host: '::1', port: 4317, isTls: false }, authority: '[::1]:4317' })
  t.match(at('https://example.com'), { target: { host: 'example.com', port: 443, isTls: true }, authority: 'example.com' })
  t.match(at('example.com:4317', false), { target: { isTls: true } })
  t.match(at('unix:///run/otlp.sock'), { target: { socketPath: '/run/otlp.sock' } })
  for (const wrong of ['', ':4317', 'ftp://example.com', 'example.com:port', 'example.com:4317/v1/traces', 'unix://'])
    t.type(at(wrong), 'string', wrong)
  t.notMatch(at('http://user:hunter2@example.com'), /hunter2/)
})

t.test('what a schema cannot say is checked before anything starts', async (t) => {
  const faults = (config: Partial<GrpcClientConfig>): readonly unknown[] => factory.check!(configOf(config))
  t.same(faults({}), [])
  t.match(faults({ endpoint: 'http://host:4317', tls: { ...configOf({}).tls, insecure: false } }), [
    { path: ['endpoint'], message: /insecure: true/ },
  ])
  t.match(faults({ balancer_name: 'round_robin' }), [{ path: ['balancer_name'] }])
  t.match(faults({ headers: { 'grpc-timeout': '1S' } }), [{ path: ['headers', 'grpc-timeout'], message: /itself/ }])
  t.match(faults({ keepalive: { time: '1s', timeout: '0s', permit_without_stream: false } }), [{ path: ['keepalive', 'timeout'] }])
  t.match(faults({ compression: 'zstd', concatenated_members: true }), [{ path: ['concatenated_members'] }])
  const proxy = faults({ proxy_url: 'socks5://user:hunter2@host' })
  t.match(proxy, [{ path: ['proxy_url'] }])
  t.notMatch(JSON.stringify(proxy), /hunter2/)
  t.match(faults({ tls: { ...configOf({}).tls, cert_file: 'a', ca_file: 'b', ca_pem: 'c' } }), [
    { path: ['tls'] },
    { path: ['tls', 'ca_pem'] },
  ])
})
