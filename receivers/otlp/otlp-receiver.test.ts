// Receiver `otlp` from outside: what a sender is answered for what the pipelines make of its traces.

import { gzipSync } from 'node:zlib'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { type Batch, type Consumer, PartialError, PermanentError, RetryableError, type Settings, systemClock } from '../../core/index.ts'
import { parseDuration, serverTlsSchema } from '../../core/factory.ts'
import { CollectingConsumer, lifecycleSuite, TestSettings } from '../../core/testing/index.ts'
import { factory, type OtlpConfig } from './factory.ts'
import { defaultsOf } from './fixtures/defaults.ts'
import { type GrpcConfig, grpcSchema } from './grpc-options.ts'
import { type HttpConfig, httpSchema } from './http-options.ts'
import type { OtlpReceiver } from './otlp-receiver.ts'

interface Codec {
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): any
}
/** The oracle's types are missing what it holds. */
const oracle = root as unknown as { opentelemetry: { proto: { collector: { trace: { v1: Record<string, Codec> } } } } }
const ExportTraceServiceRequest = oracle.opentelemetry.proto.collector.trace.v1['ExportTraceServiceRequest']!
const ExportTraceServiceResponse = oracle.opentelemetry.proto.collector.trace.v1['ExportTraceServiceResponse']!

interface SpanLike {
  readonly traceId?: Uint8Array
  readonly spanId?: Uint8Array
  readonly name?: string
}

/** A request of the oracle's making. */
function requestOf(...spans: SpanLike[]): Buffer {
  const whole = spans.map((span) => ({ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: 'work', ...span }))
  return Buffer.from(ExportTraceServiceRequest.encode({ resourceSpans: [{ scopeSpans: [{ spans: whole }] }] }).finish())
}

interface Started {
  readonly url: string
  readonly batches: Batch[]
  readonly deadlines: number[]
  readonly drops: [number, string][]
  readonly receiver: OtlpReceiver
}

async function start(
  t: Test,
  http: Record<string, unknown> = {},
  consume: () => Promise<void> = async () => {},
  rest: Partial<OtlpConfig> = {},
): Promise<Started> {
  const batches: Batch[] = []
  const deadlines: number[] = []
  const drops: [number, string][] = []
  const next: Consumer = {
    consume(batch, deadlineMs) {
      batches.push(batch)
      deadlines.push(deadlineMs)
      return consume()
    },
  }
  const silent = (): void => {}
  const settings: Settings = {
    id: 'otlp',
    clock: { ...systemClock, monotonicMs: () => 1000 },
    log: { debug: silent, info: silent, warn: silent, error: silent },
    meter: { counter: () => silent, gauge: silent, histogram: () => silent },
    drop: (count, reason) => void drops.push([count, reason]),
    extension: () => {
      throw new Error('there are no extensions')
    },
  }
  const config = configOf({ endpoint: '127.0.0.1:0', ...http }, rest)
  const receiver = (await factory.create(config, { traces: next }, settings)) as OtlpReceiver
  await receiver.start()
  t.teardown(() => receiver.stop(AbortSignal.abort()))
  return { url: `http://${receiver.addresses.http}/v1/traces`, batches, deadlines, drops, receiver }
}

/** As the loader fills it in. */
function configOf(http: Record<string, unknown>, rest: Partial<OtlpConfig> = {}): OtlpConfig {
  const { protocols, max_in_flight_bytes } = factory.schema.properties
  const given = { max_in_flight_bytes: max_in_flight_bytes.default, ...rest }
  return { protocols: { http: { ...defaultsOf(protocols.properties.http), ...http } as unknown as HttpConfig }, ...given }
}

interface Answer {
  readonly status: number
  readonly retryAfter: unknown
  readonly body: Buffer
}

async function post(url: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await request(url, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf', ...headers } })
  return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], body: Buffer.from(await answer.body.arrayBuffer()) }
}

function partialOf(body: Uint8Array): { rejectedSpans: number; errorMessage: string } {
  const { partialSuccess } = ExportTraceServiceResponse.decode(body)
  return { rejectedSpans: Number(partialSuccess.rejectedSpans), errorMessage: partialSuccess.errorMessage }
}

/** A protobuf status, read by hand: its message is field 2, and the texts here are short. */
const messageOf = (body: Buffer): string => body.subarray(4).toString()

t.test('spans arrive as one batch of the very bytes, and the answer is empty', async (t) => {
  const { url, batches, deadlines } = await start(t)
  const body = requestOf({}, { name: 'more' })
  const plain = await post(url, body)
  t.same([plain.status, plain.body.length], [200, 0])
  t.equal((await post(url, gzipSync(body), { 'content-encoding': 'gzip' })).status, 200)
  t.equal(batches.length, 2)
  for (const batch of batches) {
    t.same([batch.signal, batch.count, batch.chunks.length, batch.origin.tenant], ['traces', 2, 1, ''])
    t.ok(body.equals(batch.chunks[0]!))
  }
  t.same(deadlines, [9000, 9000], 'eight seconds from now')
})

t.test('the answer waits for the pipelines', async (t) => {
  const taken = Promise.withResolvers<void>()
  const { url, batches } = await start(t, { timeout: '250ms' }, () => taken.promise)
  let answered = false
  const answer = post(url, requestOf({})).finally(() => (answered = true))
  while (batches.length === 0) await new Promise(setImmediate)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  t.equal(answered, false)
  taken.resolve()
  t.equal((await answer).status, 200)
})

t.test('an empty request succeeds and bothers nobody', async (t) => {
  const { url, batches } = await start(t)
  t.equal((await post(url, Buffer.alloc(0))).status, 200)
  t.equal((await post(url, Buffer.from(ExportTraceServiceRequest.encode({ resourceSpans: [{ scopeSpans: [{}] }] }).finish()))).status, 200)
  t.equal(batches.length, 0)
})

t.test('bad spans are refused alone, and the sender is told how many and why', async (t) => {
  const { url, batches, drops } = await start(t)
  const bad = [{ traceId: Buffer.alloc(16) }, { traceId: Buffer.alloc(15, 1) }, { spanId: Buffer.alloc(0) }]
  const { status, body } = await post(url, requestOf({ name: 'first' }, ...bad, { name: 'last' }))
  t.equal(status, 200)
  t.equal(partialOf(body).rejectedSpans, 3)
  t.match(partialOf(body).errorMessage, /trace/i)
  const [batch] = batches
  t.equal(batch!.count, 2)
  const { resourceSpans } = ExportTraceServiceRequest.decode(batch!.chunks[0]!)
  t.same(
    resourceSpans[0].scopeSpans[0].spans.map(({ name }: SpanLike) => name),
    ['first', 'last'],
  )
  t.same(drops, [[3, 'malformed']])
  t.equal(partialOf((await post(url, requestOf(...bad))).body).rejectedSpans, 3)
  t.equal(batches.length, 1, 'nothing is handed on where no span is good')
})

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

t.test('JSON is taken as protobuf is, and answered in JSON', async (t) => {
  const { url, batches, drops } = await start(t)
  const good =
    '{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"EEE19B7EC3C1B174","name":"good","startTimeUnixNano":1544712660123456789}'
  const requestOf = (...spans: string[]): Buffer => Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`)
  const fine = await post(url, requestOf(good, good), JSON_TYPE)
  t.same([fine.status, fine.body.toString()], [200, '{}'])
  t.equal(batches[0]!.count, 2)
  const { resourceSpans } = ExportTraceServiceRequest.decode(batches[0]!.chunks[0]!)
  t.equal(String(resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano), '1544712660123456789')
  const unsayable = good.replace('"good"', '"\\ud800"')
  const withoutIds = '{"name":"bad"}'
  const partial = await post(url, requestOf(good, unsayable, withoutIds), JSON_TYPE)
  t.equal(partial.status, 200)
  t.match(JSON.parse(partial.body.toString()), {
    partialSuccess: { rejectedSpans: '2', errorMessage: /^Span.name has half of a surrogate pair at byte \d+$/ },
  })
  t.same([batches[1]!.count, drops], [1, [[2, 'malformed']]])
  const noId = await post(url, requestOf(good, withoutIds), JSON_TYPE)
  t.match(JSON.parse(noId.body.toString()), { partialSuccess: { rejectedSpans: '1', errorMessage: /^trace_id is missing or zero$/ } })
  t.same((await post(url, Buffer.from('{}'), JSON_TYPE)).status, 200)
  t.equal((await post(url, gzipSync(requestOf(good)), { ...JSON_TYPE, 'content-encoding': 'gzip' })).status, 200)
  const broken = await post(url, Buffer.from('{"resourceSpans":['), JSON_TYPE)
  t.equal(broken.status, 400)
  t.match(JSON.parse(broken.body.toString()), { code: 3, message: /^not JSON: .* at byte \d+$/ })
  t.equal((await post(url, Buffer.alloc(0), JSON_TYPE)).status, 400, 'nothing is no JSON')
})

t.test('invalid UTF-8 refuses its span alone', async (t) => {
  const { url, batches } = await start(t)
  const body = requestOf({ name: 'good' }, { name: 'bad!' })
  body[body.indexOf('bad!')] = 0xff
  t.equal(partialOf((await post(url, body)).body).rejectedSpans, 1)
  t.equal(batches[0]!.count, 1)
})

t.test('bytes that are no request are answered 400, at once and whatever length they claim', async (t) => {
  const { url, batches } = await start(t)
  const claims = ['ffffffff0f', '8080808004', 'ffffffffffffffff7f', 'ffffffffffffffffff01']
  const bodies = [...claims.map((length) => Buffer.from(`0a${length}00`, 'hex')), requestOf({}).subarray(0, -1), Buffer.from('hello')]
  for (const body of bodies) {
    const { status, body: answer } = await post(url, body)
    t.equal(status, 400, body.toString('hex'))
    t.match(messageOf(answer), /at byte \d+/)
  }
  t.equal(batches.length, 0)
})

t.test('depth and counts are bounded', async (t) => {
  const { url } = await start(t)
  const nested = (levels: number): Buffer => {
    let value = Buffer.alloc(0)
    const length = (n: number): Buffer => {
      const out: number[] = []
      for (; n > 0x7f; n = Math.floor(n / 128)) out.push((n & 0x7f) | 0x80)
      return Buffer.from([...out, n])
    }
    for (let level = 0; level < levels; level++) {
      for (const tag of [0x0a, 0x2a]) value = Buffer.concat([Buffer.from([tag]), length(value.length), value])
    }
    const attribute = Buffer.concat([Buffer.from([0x12]), length(value.length), value])
    const spans = requestOf({}) // a request whose scope has an attribute that deep
    const scope = Buffer.concat([Buffer.from([0x1a]), length(attribute.length), attribute])
    const scopeSpans = Buffer.concat([Buffer.from([0x0a]), length(scope.length), scope])
    const resourceSpans = Buffer.concat([Buffer.from([0x12]), length(scopeSpans.length), scopeSpans])
    return Buffer.concat([spans, Buffer.from([0x0a]), length(resourceSpans.length), resourceSpans])
  }
  t.equal((await post(url, nested(10))).status, 200)
  t.equal((await post(url, nested(3000))).status, 400)
  const groups = Buffer.concat([Buffer.alloc(100_000, 0xfb), Buffer.alloc(100_000, 0xfc)])
  t.equal((await post(url, groups)).status, 400)
  const empties = Buffer.alloc(4_000_000).fill(Buffer.from([0x12, 0x00]))
  const lengths = [empties.length, empties.length + 5].map((n) => [
    (n & 0x7f) | 0x80,
    ((n >> 7) & 0x7f) | 0x80,
    ((n >> 14) & 0x7f) | 0x80,
    n >> 21,
  ])
  const flood = Buffer.concat([Buffer.from([0x0a, ...lengths[1]!, 0x12, ...lengths[0]!]), empties])
  t.equal((await post(url, flood)).status, 400, 'two million empty spans')
  t.equal((await post(url, requestOf({}))).status, 200, 'and the next one is served')
})

t.test('what becomes of a batch decides the answer', async (t) => {
  const outcomes: [Error, number, (answer: Answer) => void][] = [
    [new PermanentError('never'), 400, ({ body }) => t.equal(messageOf(body), 'never')],
    [new RetryableError('not now'), 503, ({ retryAfter }) => t.equal(retryAfter, '1')],
    [new RetryableError('later', { retryAfterMs: 2500 }), 503, ({ retryAfter }) => t.equal(retryAfter, '3', 'whole seconds')],
    [new TypeError('a bug'), 503, ({ body }) => t.equal(messageOf(body), 'a bug')],
    [new PartialError(1, 'one too old'), 200, ({ body }) => t.same(partialOf(body), { rejectedSpans: 1, errorMessage: 'one too old' })],
    [new PartialError(0, 'a warning'), 200, ({ body }) => t.same(partialOf(body), { rejectedSpans: 0, errorMessage: 'a warning' })],
  ]
  for (const [error, status, look] of outcomes) {
    const { url } = await start(t, {}, () => Promise.reject(error))
    const answer = await post(url, requestOf({}, {}))
    t.equal(answer.status, status, error.message)
    look(answer)
  }
})

t.test('what the walk refused and what downstream refused are added up', async (t) => {
  const { url } = await start(t, {}, () => Promise.reject(new PartialError(2, 'too old')))
  const { rejectedSpans, errorMessage } = partialOf((await post(url, requestOf({}, {}, {}, { traceId: Buffer.alloc(3) }))).body)
  t.equal(rejectedSpans, 3)
  t.match(errorMessage, /.; too old$/)
})

t.test('where nothing is configured, requests may have 64 MiB and connections are kept for 75 s at least', async (t) => {
  const http = defaultsOf(httpSchema) as HttpConfig
  t.equal(http.max_request_body_size, 64 * 1024 * 1024)
  t.ok(parseDuration(http.idle_timeout) >= 75_000)
  t.equal((defaultsOf(grpcSchema) as GrpcConfig).max_recv_msg_size_mib, 64)
})

t.test('limits and paths are as configured', async (t) => {
  const { url } = await start(t, { max_request_body_size: 1000, traces_url_path: '/custom/traces' })
  const custom = url.replace('/v1/', '/custom/')
  t.equal((await post(url, requestOf({}))).status, 404)
  t.equal((await post(custom, requestOf({}))).status, 200)
  t.equal((await post(custom, requestOf({ name: 'x'.repeat(1000) }))).status, 413)
  t.equal((await post(custom, gzipSync(requestOf({ name: 'x'.repeat(1000) })), { 'content-encoding': 'gzip' })).status, 413)
})

t.test('a port in use fails the start, by name', async (t) => {
  const { receiver } = await start(t)
  await t.rejects(start(t, { endpoint: receiver.addresses.http! }), {
    message: new RegExp(`cannot listen on ${receiver.addresses.http}: `),
  })
})

lifecycleSuite(t.test.bind(t), () => {
  const config = configOf({ endpoint: '127.0.0.1:0' })
  return factory.create(config, { traces: new CollectingConsumer() }, new TestSettings('otlp'))
})

t.test('what a schema cannot say is checked before anything starts', async (t) => {
  const faults = (http: Record<string, unknown>, rest: Partial<OtlpConfig> = {}): readonly unknown[] => factory.check!(configOf(http, rest))
  t.same(faults({}), [])
  t.match(faults({ endpoint: 'localhost' }), [
    { path: ['protocols', 'http', 'endpoint'], message: /found "localhost"; accepted: host:port/ },
  ])
  t.match(faults({ endpoint: '127.0.0.1:70000' }), [{ path: ['protocols', 'http', 'endpoint'] }])
  t.match(faults({ endpoint: 'unix://' }), [{ path: ['protocols', 'http', 'endpoint'], message: /accepted: .*unix:/ }])
  t.match(faults({ endpoint: `/${'long'.repeat(30)}`, transport: 'unix' }), [{ message: /accepted: the path of a socket, of at most 103/ }])
  t.same(faults({ endpoint: '/run/a.sock', transport: 'unix' }), [])
  t.match(faults({ traces_url_path: 'v1/*' }), [{ path: ['protocols', 'http', 'traces_url_path'], message: /accepted: a path/ }])
  t.match(faults({ logs_url_path: '/v1/traces' }), [{ path: ['protocols', 'http', 'logs_url_path'], message: /is traces_url_path too/ }])
  t.match(faults({ include_metadata: true }), [{ path: ['protocols', 'http', 'include_metadata'], message: /accepted: false/ }])
  t.match(faults({ tls: { ...defaultsOf(serverTlsSchema) } }), [
    { path: ['protocols', 'http', 'tls'], message: /set cert_file and key_file/ },
  ])
  t.match(faults({ cors: { allowed_origins: ['https://a.example', 'a.example'] } }), [
    { path: ['protocols', 'http', 'cors', 'allowed_origins', 1], message: /found "a.example"; accepted: an origin such as/ },
  ])
  t.match(faults({}, { max_in_flight_bytes: 5 }), [{ path: ['max_in_flight_bytes'], message: /5 is less than/ }])
  t.match(factory.check!({ ...configOf({}), protocols: {} }), [{ path: ['protocols'], message: /neither grpc nor http/ }])
})
