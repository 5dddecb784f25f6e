// Exporter `otlp_http` against servers of every temper: what they get, and what their answers mean for the batch.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
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
import { factory, type OtlpHttpConfig } from './factory.ts'
import { OtlpHttpExporter } from './otlp-http-exporter.ts'

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

const partialSuccess = (rejectedSpans: number, errorMessage: string): Buffer =>
  Buffer.from(ExportTraceServiceResponse!.encode({ partialSuccess: { rejectedSpans, errorMessage } }).finish())

/** google.rpc.Status with a code and a short message. */
const statusOf = (message: string): Buffer => Buffer.concat([Buffer.from([0x08, 3, 0x12, message.length]), Buffer.from(message)])

interface Received {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}
type Reply = (response: ServerResponse, nth: number, request: IncomingMessage) => void

async function backend(t: Test, reply: Reply): Promise<{ readonly endpoint: string; readonly received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      received.push({ url: request.url!, headers: request.headers, body: Buffer.concat(pieces) })
      reply(response, received.length, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const fine: Reply = (response) => void response.writeHead(200, PROTOBUF).end()

/** As the loader fills them in; pauses of a millisecond, so that tests of retrying take none. */
function configOf(config: Partial<OtlpHttpConfig>): OtlpHttpConfig {
  return {
    headers: {},
    encoding: 'proto',
    compression: 'none',
    compression_params: {},
    concatenated_members: false,
    tls: {
      insecure: false,
      insecure_skip_verify: false,
      include_system_ca_certs_pool: false,
      min_version: '1.2',
      max_version: '1.3',
      reload_interval: '0s',
    },
    max_idle_conns: 100,
    max_idle_conns_per_host: 0,
    disable_keep_alives: false,
    sending_queue: {
      enabled: false,
      num_consumers: 1,
      queue_size: 1,
      sizer: 'requests',
      max_bytes: 1,
      block_on_overflow: false,
    },
    timeout: '5s',
    max_conns_per_host: 16,
    idle_conn_timeout: '90s',
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
  config: Partial<OtlpHttpConfig>,
  settings = new TestSettings('otlp_http', systemClock),
): Promise<OtlpHttpExporter> {
  const made = (await factory.create(configOf(config), settings)) as OtlpHttpExporter
  t.teardown(() => made.stop(AbortSignal.abort()))
  return made
}

t.test('the suite of every exporter', async (t) => {
  const { endpoint } = await backend(t, fine)
  exporterSuite(t.test.bind(t), { create: (settings) => factory.create(configOf({ endpoint, compression: 'gzip' }), settings) })
})

const soon = (ms = 60_000): number => systemClock.monotonicMs() + ms

t.test('a batch is one request: its chunks end to end, unchanged', async (t) => {
  const { endpoint, received } = await backend(t, fine)
  const batch = batchOf('one', 'two', 'three')
  const before = Buffer.concat(batch.chunks)
  await (await exporter(t, { endpoint })).consume(batch, soon())
  t.equal(received.length, 1)
  const [{ url, headers, body }] = received as [Received]
  t.ok(body.equals(before))
  t.ok(Buffer.concat(batch.chunks).equals(before), 'nobody wrote into the batch')
  t.match(
    { url, headers },
    { url: '/v1/traces', headers: { ...PROTOBUF, 'content-length': String(before.length), 'user-agent': 'millrace' } },
  )
  t.equal(headers['content-encoding'], undefined)
})

t.test('compression, headers and addresses are as configured', async (t) => {
  const { endpoint, received } = await backend(t, fine)
  const batch = batchOf('a'.repeat(1000), 'b')
  const configs: Partial<OtlpHttpConfig>[] = [
    { endpoint, compression: 'gzip', compression_params: { level: 9 } },
    { endpoint: `${endpoint}/prefix/`, compression: 'zstd', headers: { 'X-Key': 'secret', 'User-Agent': 'mine' } },
    { traces_endpoint: `${endpoint}/elsewhere?tenant=a`, endpoint: 'http://127.0.0.1:1' },
  ]
  for (const config of configs) await (await exporter(t, config)).consume(batch, soon())
  const whole = Buffer.concat(batch.chunks)
  t.same(
    received.map(({ url }) => url),
    ['/v1/traces', '/prefix/v1/traces', '/elsewhere?tenant=a'],
  )
  t.same(
    received.map(({ headers }) => headers['content-encoding']),
    ['gzip', 'zstd', undefined],
  )
  t.ok(gunzipSync(received[0]!.body).equals(whole))
  t.ok(zstdDecompressSync(received[1]!.body).equals(whole))
  t.match(received[1]!.headers, { 'x-key': 'secret', 'user-agent': 'mine' })
})

t.test('in JSON the chunks are one request too', async (t) => {
  const { endpoint, received } = await backend(t, fine)
  await (await exporter(t, { endpoint, encoding: 'json' })).consume(batchOf('one', 'two'), soon())
  const [{ headers, body }] = received as [Received]
  t.equal(headers['content-type'], 'application/json')
  const { resourceSpans } = JSON.parse(body.toString()) as { resourceSpans: { scopeSpans: { spans: { name: string }[] }[] }[] }
  t.same(
    resourceSpans.map(({ scopeSpans }) => scopeSpans[0]!.spans[0]!.name),
    ['one', 'two'],
  )
})

t.test('an empty batch bothers nobody', async (t) => {
  const { endpoint, received } = await backend(t, fine)
  await (await exporter(t, { endpoint })).consume(batchOf(), soon())
  t.equal(received.length, 0)
})

t.test('429, 502, 503, 504 are tried again until they are over', async (t) => {
  const statuses = [429, 502, 503, 504, 200]
  const { endpoint, received } = await backend(t, (response, nth) => void response.writeHead(statuses[nth - 1]!, PROTOBUF).end())
  await (await exporter(t, { endpoint, compression: 'gzip' })).consume(batchOf('one'), soon())
  t.equal(received.length, 5)
  for (const { body } of received) t.ok(body.equals(received[0]!.body), 'the same bytes each time')
})

t.test('any other status is for good, with the words of the server', async (t) => {
  const cases: [number, Record<string, string>, Buffer | string, string][] = [
    [400, PROTOBUF, statusOf('no such field'), '400 no such field'],
    [401, { 'content-type': 'application/json; charset=utf-8' }, '{"code":16,"message":"who are you?"}', '401 who are you?'],
    [403, { 'content-type': 'text/html' }, '<html>', '403'],
    [404, {}, '', '404'],
    [413, PROTOBUF, Buffer.from([0xff, 0xff]), '413'],
    [500, PROTOBUF, statusOf('broken\nInjected: line'), '500 broken\\nInjected: line'],
    [307, { location: 'http://127.0.0.1:1/other' }, '', '307 to http://127.0.0.1:1/other; redirects are not followed'],
    [501, { 'content-type': 'application/json' }, `{"message":"${'x'.repeat(5000)}"}`, `501 ${'x'.repeat(300)}…`],
  ]
  for (const [status, headers, body, message] of cases) {
    const { endpoint, received } = await backend(t, (response) => void response.writeHead(status, headers).end(body))
    const consumed = (await exporter(t, { endpoint, headers: { authorization: 'secret' } })).consume(batchOf('one'), soon())
    await t.rejects(consumed, new PermanentError(`POST ${endpoint}/v1/traces: ${message}`))
    t.equal(received.length, 1, `${status} is not tried again`)
  }
})

t.test('Retry-After is honoured, and handed on where nobody can wait that long', async (t) => {
  const { endpoint, received } = await backend(t, (response) => void response.writeHead(429, { 'retry-after': '30' }).end())
  const consumed = (await exporter(t, { endpoint })).consume(batchOf('one'), soon(8000))
  const error = await consumed.catch((error: unknown) => error)
  t.match(error, { name: 'RetryableError', message: `POST ${endpoint}/v1/traces: 429`, retryAfterMs: 30_000 })
  t.equal(received.length, 1)
})

t.test('a partial success is told, counted, and never tried again', async (t) => {
  const json = { 'content-type': 'application/json' }
  const cases: [Record<string, string>, Buffer | string, PartialError | undefined][] = [
    [PROTOBUF, partialSuccess(2, 'too old'), new PartialError(2, 'too old')],
    [PROTOBUF, partialSuccess(0, 'a warning'), new PartialError(0, 'a warning')],
    [PROTOBUF, partialSuccess(99, 'more than there were'), new PartialError(3, 'more than there were')],
    [PROTOBUF, partialSuccess(0, ''), undefined],
    [PROTOBUF, Buffer.from('not protobuf at all'), undefined],
    [json, '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"one"}}', new PartialError(1, 'one')],
    [json, '{"partialSuccess":{"rejectedSpans":2}}', new PartialError(2, '')],
    [json, '{"partialSuccess":{}}', undefined],
    [json, '{"partialSuccess":null}', undefined],
    [json, '{}', undefined],
    [json, 'nonsense', undefined],
  ]
  for (const [headers, body, expected] of cases) {
    const { endpoint, received } = await backend(t, (response) => void response.writeHead(200, headers).end(body))
    const outcome = await (await exporter(t, { endpoint })).consume(batchOf('a', 'b', 'c'), soon()).catch((error: unknown) => error)
    t.match(outcome, expected, String(body))
    if (expected !== undefined) t.equal((outcome as PartialError).refused, expected.refused)
    t.equal(received.length, 1)
  }
})

t.test('a server that accepts and never answers is a failure that may pass', async (t) => {
  const { endpoint, received } = await backend(t, () => {})
  const consumed = (await exporter(t, { endpoint, timeout: '40ms' })).consume(batchOf('one'), soon(100))
  await t.rejects(consumed, { name: 'RetryableError', message: /no whole answer within|no time is left/ })
  t.ok(received.length >= 1)
})

t.test('an attempt never outlasts the deadline', async (t) => {
  const { endpoint } = await backend(t, () => {})
  const deadlineMs = soon(60)
  const consumed = (await exporter(t, { endpoint, timeout: '1h' })).consume(batchOf('one'), deadlineMs)
  await t.rejects(consumed, { name: 'RetryableError' })
  await t.rejects((await exporter(t, { endpoint })).consume(batchOf('one'), soon(-1)), {
    name: 'RetryableError',
    message: /no time is left/,
  })
})

t.test('a connection that breaks half-way is tried again', async (t) => {
  const { endpoint, received } = await backend(t, (response, nth, request) => {
    if (nth === 1) request.socket.resetAndDestroy()
    else if (nth === 2) {
      response.writeHead(200, { ...PROTOBUF, 'content-length': '100' }).write('half')
      setImmediate(() => request.socket.destroy())
    } else fine(response, nth, request)
  })
  await (await exporter(t, { endpoint })).consume(batchOf('one'), soon())
  t.equal(received.length, 3)
})

t.test('an endless answer after 200 is a success; the rest of it is left', async (t) => {
  const { endpoint } = await backend(t, (response) => {
    response.writeHead(200, PROTOBUF)
    let open = true
    response.on('close', () => (open = false))
    const pour = (): void => {
      if (open) response.write(Buffer.alloc(65_536), () => setImmediate(pour))
    }
    pour()
  })
  await (await exporter(t, { endpoint })).consume(batchOf('one'), soon())
})

t.test('nobody listens: retried, then the sender keeps the data', async (t) => {
  const { endpoint } = await backend(t, fine)
  const port = Number(new URL(endpoint).port)
  const dead = createServer().listen(0, '127.0.0.1')
  await once(dead, 'listening')
  const { port: deadPort } = dead.address() as AddressInfo
  dead.close()
  t.not(port, deadPort)
  const consumed = (await exporter(t, { endpoint: `http://127.0.0.1:${deadPort}` })).consume(batchOf('one'), soon(50))
  await t.rejects(consumed, { name: 'RetryableError', message: new RegExp(`ECONNREFUSED 127.0.0.1:${deadPort}|no time is left`) })
})

t.test('stopping waits for the answer, then takes nothing more', async (t) => {
  const held: ServerResponse[] = []
  const { endpoint } = await backend(t, (response) => void held.push(response))
  const sending = await exporter(t, { endpoint })
  const consumed = sending.consume(batchOf('one'), soon())
  while (held.length === 0) await new Promise(setImmediate)
  let stopped = false
  const stop = sending.stop(new AbortController().signal).then(() => (stopped = true))
  await t.rejects(sending.consume(batchOf('two'), soon()), { name: 'RetryableError', message: /stopping/ })
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  t.equal(stopped, false)
  held[0]!.writeHead(200).end()
  await consumed
  await stop
  await sending.stop(new AbortController().signal)
})

t.test('the abort signal cuts what is in flight and what pauses', async (t) => {
  const { endpoint, received } = await backend(t, (response, nth) => void (nth === 1 && response.writeHead(503).end()))
  const sending = await exporter(t, { endpoint, max_conns_per_host: 1 })
  const pausing = await exporter(t, {
    endpoint,
    retry_on_failure: { ...configOf({}).retry_on_failure, initial_interval: '1h', max_interval: '1h' },
  })
  const paused = t.rejects(pausing.consume(batchOf('one'), soon(1e7)), { name: 'RetryableError', message: /503/ })
  while (received.length < 1) await new Promise(setImmediate)
  const cut = t.rejects(sending.consume(batchOf('two'), Infinity), { name: 'RetryableError' })
  while (received.length < 2) await new Promise(setImmediate)
  const abort = new AbortController()
  const stops = [sending.stop(abort.signal), pausing.stop(abort.signal)]
  abort.abort()
  await Promise.all([...stops, paused, cut])
})

t.test('what a schema cannot say is checked before anything starts', async (t) => {
  const faults = (config: Partial<OtlpHttpConfig>): readonly unknown[] =>
    factory.check!(configOf({ endpoint: 'http://127.0.0.1:4318', ...config }))
  t.same(faults({ headers: { 'X-Key': 'fine', 'x-other': 'ümlaut\tand tab' } }), [])
  t.same(faults({ endpoint: 'https://example.com/prefix', compression: 'zstd', compression_params: { level: 19 } }), [])
  t.match(factory.check!(configOf({})), [{ path: [], message: /there is no endpoint/ }])
  t.match(faults({ endpoint: 'localhost:4318' }), [
    { path: ['endpoint'], message: /found "localhost:4318"; accepted: an address such as http/ },
  ])
  t.match(faults({ traces_endpoint: '/v1/traces' }), [{ path: ['traces_endpoint'] }])
  const secret = faults({ endpoint: 'http://user:hunter2@host' })
  t.match(secret, [{ path: ['endpoint'], message: /holds a password/ }])
  t.notMatch(JSON.stringify(secret), /hunter2/)
  t.match(faults({ endpoint: 'http://host/#part' }), [{ message: /"#part"/ }])
  t.match(faults({ endpoint: 'http://host/?a=b' }), [{ message: /traces_endpoint/ }])
  t.match(faults({ headers: { 'Content-Length': '1' } }), [{ path: ['headers', 'Content-Length'], message: /itself/ }])
  t.match(faults({ headers: { 'no name': '1' } }), [{ path: ['headers', 'no name'] }])
  const injected = faults({ headers: { 'X-Key': 'hunter2\r\nX-Other: 1' } })
  t.match(injected, [{ path: ['headers', 'X-Key'], message: /line breaks/ }])
  t.notMatch(JSON.stringify(injected), /hunter2/, 'values are never shown')
  t.match(faults({ compression: 'gzip', compression_params: { level: 10 } }), [
    { path: ['compression_params', 'level'], message: /1 to 9/ },
  ])
  t.match(faults({ compression: 'none', compression_params: { level: 1 } }), [
    { path: ['compression_params', 'level'], message: /leave it out/ },
  ])
})

t.test('an operator reads in the log what senders are told, once, and when it is over', async (t) => {
  const { endpoint } = await backend(t, (response, nth) => response.writeHead([503, 503, 200, 400, 400][nth - 1]!).end())
  const settings = new TestSettings('otlp_http', systemClock)
  const exporter = await factory.create(configOf({ endpoint }), settings)
  await exporter.consume(batchOf('a'), soon(1e7))
  await t.rejects(exporter.consume(batchOf('b'), Infinity), PermanentError)
  await t.rejects(exporter.consume(batchOf('c'), Infinity), PermanentError)
  t.match(settings.lines, [
    { level: 'warn', fields: { attempts: 1, reason: /503/ }, message: /does not take data now/ },
    { level: 'info', fields: { failed_attempts: 2 } },
    { level: 'warn', fields: { attempts: 1, reason: /400/ }, message: /refuses data for good/ },
  ])
  t.equal(settings.lines.length, 3)
  await exporter.stop?.(AbortSignal.abort())
})

t.test('each signal goes to its own address', async (t) => {
  const { endpoint, received } = await backend(t, fine)
  const other = await backend(t, fine)
  const sending = await exporter(t, { endpoint, metrics_endpoint: `${other.endpoint}/m?tenant=a` })
  for (const signal of ['traces', 'metrics', 'logs'] as Signal[]) await sending.consume({ ...batchOf('one'), signal }, soon())
  t.same(
    [...received, ...other.received].map(({ url }) => url),
    ['/v1/traces', '/v1/logs', '/m?tenant=a'],
  )
  const alone = await exporter(t, { logs_endpoint: `${endpoint}/l` })
  await t.rejects(alone.consume(batchOf('one'), soon()), { message: /no endpoint for traces; set endpoint or traces_endpoint/ })
})

t.test('what came in compressed leaves as it came; merged, only where the destination reads all members', async (t) => {
  const { endpoint, received } = await backend(t, fine)
  const batch = batchOf('one', 'two')
  const first = { ...batch, chunks: batch.chunks.slice(0, 1), count: 1 }
  const gzip = await exporter(t, { endpoint, compression: 'gzip' })
  const joined = await exporter(t, { endpoint, compression: 'gzip', concatenated_members: true })
  await gzip.consume(first, soon())
  const forms = batch.chunks.map((chunk) => gzipSync(chunk, { level: 9 }))
  for (const [i, chunk] of batch.chunks.entries()) rememberCompressed(chunk, { coding: 'gzip', bytes: forms[i]! })
  await gzip.consume(first, soon())
  await gzip.consume(batch, soon())
  await joined.consume(batch, soon())
  const bodies = received.map(({ body }) => body)
  t.notOk(bodies[0]!.equals(forms[0]!), 'nobody had its compressed bytes')
  t.ok(bodies[1]!.equals(forms[0]!))
  t.notOk(bodies[2]!.equals(Buffer.concat(forms)), 'one member')
  t.ok(bodies[3]!.equals(Buffer.concat(forms)))
  for (const [i, body] of bodies.entries()) t.ok(gunzipSync(body).equals(Buffer.concat(i < 2 ? first.chunks : batch.chunks)))

  const [chunk] = batchOf('three').chunks
  rememberCompressed(chunk!, { coding: 'zstd', bytes: zstdCompressSync(chunk!) })
  await (await exporter(t, { endpoint, compression: 'gzip' })).consume({ ...first, chunks: [chunk!] }, soon())
  t.ok(gunzipSync(received.at(-1)!.body).equals(chunk!), 'another coding is made anew')
})

/** Answers, and closes what is idle when it is told to, as a process that ends does. */
async function restartable(t: Test, port = 0): Promise<{ readonly port: number; readonly taken: number[]; end(): Promise<void> }> {
  const taken: number[] = []
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      taken.push(taken.length)
      response.writeHead(200).end()
    })
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const end = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, taken, end }
}

t.test('a backend that is restarted again and again, under load, loses nothing', async (t) => {
  let server = await restartable(t)
  const { port } = server
  const sending = await exporter(t, { endpoint: `http://127.0.0.1:${port}`, max_conns_per_host: 4 })
  const over = new AbortController()
  let delivered = 0
  const senders = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      await sending.consume(batchOf('one'), soon())
      delivered++
    }
  })
  let taken = 0
  for (let restart = 0; restart < 5; restart++) {
    while (server.taken.length < 20) await new Promise(setImmediate)
    await server.end()
    taken += server.taken.length
    server = await restartable(t, port)
  }
  while (server.taken.length < 20) await new Promise(setImmediate)
  over.abort()
  await Promise.all(senders)
  t.ok(taken + server.taken.length >= delivered, `${taken + server.taken.length} taken, ${delivered} delivered`)
})

t.test('connections that were closed while nobody used them cost no pause', async (t) => {
  const first = await restartable(t)
  const retry_on_failure = { ...configOf({}).retry_on_failure, initial_interval: '1h', max_interval: '1h' }
  const sending = await exporter(t, { endpoint: `http://127.0.0.1:${first.port}`, retry_on_failure })
  await Promise.all([sending.consume(batchOf('a'), soon()), sending.consume(batchOf('b'), soon())])
  await first.end()
  const second = await restartable(t, first.port)
  await Promise.all([sending.consume(batchOf('c'), soon()), sending.consume(batchOf('d'), soon())])
  t.equal(second.taken.length, 2)
})

t.test('a request on a connection that breaks before the answer is sent at once over another, twice at most', async (t) => {
  const retry_on_failure = { ...configOf({}).retry_on_failure, initial_interval: '1h', max_interval: '1h' }
  const twice = await backend(t, (response, nth, request) => (nth <= 2 ? request.socket.destroy() : fine(response, nth, request)))
  await (await exporter(t, { endpoint: twice.endpoint, retry_on_failure })).consume(batchOf('one'), soon())
  t.equal(twice.received.length, 3)
  const always = await backend(t, (_response, _nth, request) => void request.socket.resetAndDestroy())
  const consumed = (await exporter(t, { endpoint: always.endpoint, retry_on_failure })).consume(batchOf('one'), soon())
  await t.rejects(consumed, { name: 'RetryableError' })
  t.equal(always.received.length, 3)
})

t.test('credentials are asked for before every attempt, and made anew once where they are refused', async (t) => {
  let version = 1
  const auth: ClientAuthenticator = {
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    headers: () => Promise.resolve({ authorization: `Bearer hunter2-${version}` }),
    refused: () => void version++,
  }
  const { endpoint, received } = await backend(t, (response, nth) => void response.writeHead(nth === 2 ? 200 : 401).end())
  const settings = new TestSettings('otlp_http', systemClock)
  settings.extensions.set('them', auth)
  const config = { endpoint, auth: { authenticator: 'them' }, headers: { Authorization: 'overridden', 'x-key': 'hunter2' } }
  const sending = await exporter(t, config, settings)
  await sending.consume(batchOf('one'), soon())
  t.same(
    received.map(({ headers }) => headers.authorization),
    ['Bearer hunter2-1', 'Bearer hunter2-2'],
  )
  const error: unknown = await sending.consume(batchOf('two'), soon()).catch((error: unknown) => error)
  t.match(error, { name: 'PermanentError', message: /401/ })
  t.equal(received.length, 4, 'once, not for ever')
  const told = JSON.stringify(settings.lines) + String(error)
  for (const secret of ['hunter2', Buffer.from('hunter2').toString('base64').slice(0, 8)]) t.notOk(told.includes(secret))
})

t.test('a unix socket', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'otlp.sock')
  const urls: string[] = []
  const server = createServer((request, response) => {
    urls.push(request.url!)
    request.resume().on('end', () => response.end())
  }).listen(path)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await (await exporter(t, { endpoint: `unix://${path}` })).consume(batchOf('one'), soon())
  t.same(urls, ['/v1/traces'])
})

t.test('keys of the Collector that are not here are refused with the reason', async (t) => {
  const faults = (config: Partial<OtlpHttpConfig>): readonly unknown[] =>
    factory.check!(configOf({ endpoint: 'http://127.0.0.1:4318', ...config }))
  t.match(faults({ http2_ping_timeout: '1s' }), [{ path: ['http2_ping_timeout'], message: /otlp_grpc/ }])
  t.match(faults({ cookies: {} }), [{ path: ['cookies'] }])
  t.match(faults({ endpoint: 'unix://' }), [{ path: ['endpoint'], message: /unix:/ }])
  const proxy = faults({ proxy_url: 'me:hunter2@host' })
  t.match(proxy, [{ path: ['proxy_url'] }])
  t.notMatch(JSON.stringify(proxy), /hunter2/)
  t.match(faults({ tls: { ...configOf({}).tls, cert_file: 'a' } }), [{ path: ['tls'], message: /without its key/ }])
  t.match(faults({ compression: 'none', concatenated_members: true }), [{ path: ['concatenated_members'] }])
})
