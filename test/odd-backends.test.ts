// Backends of every temper behind the whole program, over HTTP and gRPC: what their answers mean to senders, how often they are asked,
// and what the ledger says of it.

import type { ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import t, { type Test } from 'tap'
import { decodePartialSuccess, encodePartialSuccess } from '../core/otlp/export-response.ts'
import { type Signal } from '../core/index.ts'
import { numberedItems } from '../core/testing/index.ts'
import { account, PAGE, settled } from './accounts.ts'
import { grpcBackend, httpBackend } from './backend.ts'
import { running } from './program.ts'
import { sendHttp } from './senders.ts'

const ITEMS = 10
const TEN_GIB = 10 * 1024 ** 3
const MIB = 1024 * 1024

interface Case<R> {
  readonly what: string
  /** Whether it has answered this request itself; otherwise the request is taken. */
  readonly reply: (to: R, nth: number) => boolean
  /** What the sender is told. */
  readonly status: number
  readonly retryAfter?: string
  readonly rejected?: number
  /** How often the backend is asked. */
  readonly attempts: number
  readonly delivered: number
}

const withStatus =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse): boolean => {
    response.writeHead(status, headers).end('no')
    return true
  }
/** Only the first time. */
const once =
  <R>(reply: (to: R) => boolean) =>
  (to: R, nth: number): boolean =>
    nth === 1 && reply(to)

/** Writes for as long as somebody reads; resolves with how much left. */
let written: Promise<number> = Promise.resolve(0)
function writeForEver(to: ServerResponse | ServerHttp2Stream): void {
  const { promise, resolve } = Promise.withResolvers<number>()
  written = promise
  const piece = Buffer.alloc(64 * 1024, 0x20)
  let bytes = 0
  const write = (): void => {
    while (!to.destroyed) {
      bytes += piece.length
      if (!(to as NodeJS.WritableStream).write(piece)) break
    }
  }
  to.on('drain', write)
  to.on('close', () => resolve(bytes))
  write()
}
const endless =
  (status: number) =>
  (response: ServerResponse): boolean => {
    response.writeHead(status, { 'Content-Type': 'application/x-protobuf', 'Content-Length': TEN_GIB })
    writeForEver(response)
    return true
  }

const HTTP: readonly Case<ServerResponse>[] = [
  { what: '400', reply: withStatus(400), status: 400, attempts: 1, delivered: 0 },
  { what: '401', reply: withStatus(401), status: 400, attempts: 1, delivered: 0 },
  {
    what: '429 for longer than anybody waits',
    reply: withStatus(429, { 'Retry-After': '60' }),
    status: 503,
    retryAfter: '60',
    attempts: 1,
    delivered: 0,
  },
  { what: '503, then 200', reply: once(withStatus(503)), status: 200, attempts: 2, delivered: ITEMS },
  {
    what: 'a partial success',
    reply: (response) => {
      response.setHeader('Content-Type', 'application/x-protobuf')
      response.end(encodePartialSuccess('traces', 'protobuf', { rejected: 3, message: 'three are too old' }))
      return true
    },
    status: 200,
    rejected: 3,
    attempts: 1,
    delivered: ITEMS - 3,
  },
  {
    what: 'a reset half-way through the answer, then 200',
    reply: once((response) => {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('half', () => response.destroy())
      return true
    }),
    status: 200,
    attempts: 2,
    delivered: ITEMS,
  },
  { what: '200 and 10 GiB', reply: endless(200), status: 200, attempts: 1, delivered: ITEMS },
  { what: '400 and 10 GiB', reply: endless(400), status: 400, attempts: 1, delivered: 0 },
]

const withCode =
  (code: number, message = 'no') =>
  (stream: ServerHttp2Stream): boolean => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(code), 'grpc-message': message },
      { endStream: true },
    )
    return true
  }

const GRPC: readonly Case<ServerHttp2Stream>[] = [
  { what: 'INVALID_ARGUMENT', reply: withCode(3), status: 400, attempts: 1, delivered: 0 },
  { what: 'UNAUTHENTICATED', reply: withCode(16), status: 400, attempts: 1, delivered: 0 },
  { what: 'RESOURCE_EXHAUSTED without RetryInfo', reply: withCode(8), status: 400, attempts: 1, delivered: 0 },
  { what: 'UNAVAILABLE, then OK', reply: once(withCode(14)), status: 200, attempts: 2, delivered: ITEMS },
  {
    what: 'a partial success',
    reply: (stream) => {
      const message = encodePartialSuccess('logs', 'protobuf', { rejected: 4, message: 'four are too old' })
      const head = Buffer.alloc(5)
      head.writeUInt32BE(message.length, 1)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.concat([head, message]))
      return true
    },
    status: 200,
    rejected: 4,
    attempts: 1,
    delivered: ITEMS - 4,
  },
  {
    what: 'a connection that breaks half-way through the answer, then OK',
    reply: once((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.write(Buffer.alloc(3), () => stream.session?.destroy())
      return true
    }),
    status: 200,
    attempts: 2,
    delivered: ITEMS,
  },
  {
    what: 'an answer without end, which every client of gRPC takes for RESOURCE_EXHAUSTED',
    reply: (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))
      writeForEver(stream)
      return true
    },
    status: 400,
    attempts: 1,
    delivered: 0,
  },
]

/** One program for all cases of a protocol: each case is one request. */
async function story<R>(
  t: Test,
  signal: Signal,
  exporter: string,
  cases: readonly Case<R>[],
  asked: () => { nth: number; reply: Case<R>['reply'] },
): Promise<void> {
  const program = await running(
    t,
    `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0", timeout: 30s } } } }
exporters:
  ${exporter}
service:
  telemetry: ${PAGE}
  pipelines: { ${signal}: { receivers: [otlp], exporters: [${exporter.split(':')[0]}] } }
`,
  )
  const way = `${signal} → ${exporter.split(':')[0]}`
  let delivered = 0
  for (const [i, one] of cases.entries()) {
    const now = asked()
    now.nth = 0
    now.reply = one.reply
    const answer = await sendHttp(program.url('receivers.otlp'), signal, numberedItems(signal, ITEMS, ITEMS * i).chunks[0]!)
    t.equal(answer.status, one.status, one.what)
    t.equal(answer.retryAfter, one.retryAfter ?? null)
    const rejected = one.status === 200 ? decodePartialSuccess(signal, 'protobuf', answer.body)?.rejected : undefined
    t.equal(rejected, one.rejected, 'what its sender is told was rejected')
    t.equal(now.nth, one.attempts, 'attempts')
    t.ok((await written) < 64 * MIB, 'what nobody needs is not read')
    delivered += one.delivered
    const received = ITEMS * (i + 1)
    t.same(await settled(program), { [way]: account({ received, delivered, refused: received - delivered }) }, 'the ledger')
  }
}

t.test('over HTTP', async (t) => {
  const now = { nth: 0, reply: (_to: ServerResponse, _nth: number): boolean => false }
  const backend = await httpBackend(t, (response) => now.reply(response, ++now.nth))
  const exporter = `otlp_http: { endpoint: "http://${backend.address}", timeout: 20s, retry_on_failure: { initial_interval: 1ms } }`
  await story(t, 'traces', exporter, HTTP, () => now)
})

t.test('over gRPC', async (t) => {
  const now = { nth: 0, reply: (_to: ServerHttp2Stream, _nth: number): boolean => false }
  const backend = await grpcBackend(t, (stream) => (now.reply(stream, ++now.nth) ? NaN : 0))
  const exporter = `otlp_grpc: { endpoint: "${backend.address}", tls: { insecure: true }, timeout: 20s, retry_on_failure: { initial_interval: 1ms } }`
  await story(t, 'logs', exporter, GRPC, () => now)
})
