// Receiver `otlp` over gRPC, and over both protocols at once: what is the same for all signals and both doors.

import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { gzipSync } from 'node:zlib'
import {
  type Batch,
  compressedOf,
  type Consumer,
  PartialError,
  PermanentError,
  RetryableError,
  type Signal,
  systemClock,
  UnauthenticatedError,
  wantCompressed,
} from '../../core/index.ts'
import { TestSettings } from '../../core/testing/index.ts'
import { factory, type OtlpConfig } from './factory.ts'
import { defaultsOf } from './fixtures/defaults.ts'
import type { OtlpReceiver } from './otlp-receiver.ts'

interface Codec {
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): any
}
/** The oracle's types are missing what it holds. */
const collector = (root as unknown as { opentelemetry: { proto: { collector: Record<string, { v1: Record<string, Codec> }> } } })
  .opentelemetry.proto.collector

const SIGNALS = ['traces', 'metrics', 'logs'] as const
const SERVICES = {
  traces: ['trace', 'ExportTraceServiceRequest', 'ExportTraceServiceResponse', 'TraceService', 'rejectedSpans'],
  metrics: ['metrics', 'ExportMetricsServiceRequest', 'ExportMetricsServiceResponse', 'MetricsService', 'rejectedDataPoints'],
  logs: ['logs', 'ExportLogsServiceRequest', 'ExportLogsServiceResponse', 'LogsService', 'rejectedLogRecords'],
} as const

const IDS = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) }
/** Two items each. */
const CONTENT: Readonly<Record<Signal, object>> = {
  traces: {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              { ...IDS, name: 'a' },
              { ...IDS, name: 'b' },
            ],
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asDouble: 1 }, { asDouble: 2 }] } }] }] }],
  },
  logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'a' } }, { body: { stringValue: 'b' } }] }] }] },
}
const bodyOf = (signal: Signal, content: object = CONTENT[signal]): Buffer => {
  const [service, type] = SERVICES[signal]
  return Buffer.from(collector[service]!.v1[type]!.encode(content).finish())
}
const pathOf = (signal: Signal): string => `/opentelemetry.proto.collector.${SERVICES[signal][0]}.v1.${SERVICES[signal][3]}/Export`

interface Started {
  readonly receiver: OtlpReceiver
  readonly settings: TestSettings
  readonly batches: Batch[]
  readonly deadlines: number[]
  readonly url: string
  readonly call: (signal: Signal, body?: Uint8Array, options?: object, headers?: Record<string, string>) => Promise<Called>
}
interface Called {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
  readonly body: Buffer
}

async function start(t: Test, { consume = async () => {}, signals = SIGNALS, grpc = {}, ...rest }: Options = {}): Promise<Started> {
  const batches: Batch[] = []
  const deadlines: number[] = []
  const consumer: Consumer = {
    consume(batch, deadlineMs) {
      batches.push(batch)
      deadlines.push(deadlineMs)
      return consume()
    },
  }
  const { protocols, max_in_flight_bytes } = factory.schema.properties
  const config = {
    max_in_flight_bytes: max_in_flight_bytes.default,
    protocols: {
      grpc: { ...defaultsOf(protocols.properties.grpc), endpoint: '127.0.0.1:0', ...grpc },
      http: { ...defaultsOf(protocols.properties.http), endpoint: '127.0.0.1:0' },
    },
    ...rest,
  } as unknown as OtlpConfig
  const settings = new TestSettings('otlp', systemClock)
  settings.extensions.set('token', TOKEN)
  const next = Object.fromEntries(signals.map((signal) => [signal, consumer]))
  const receiver = (await factory.create(config, next, settings)) as OtlpReceiver
  await receiver.start()
  t.teardown(() => receiver.stop(AbortSignal.abort()))
  const client = new Client(receiver.addresses.grpc!, credentials.createInsecure())
  t.teardown(() => client.close())
  const call: Started['call'] = (signal, body = bodyOf(signal), options = {}, headers = {}) => {
    const { promise, resolve } = Promise.withResolvers<Called>()
    const pass = (bytes: Buffer): Buffer => bytes
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
    client.makeUnaryRequest(pathOf(signal), pass, pass, body as Buffer, metadata, options, (error: ServiceError | null, answer) => {
      if (error === null) resolve({ code: 0, details: '', metadata: new Metadata(), body: answer! })
      else resolve({ code: error.code, details: error.details, metadata: error.metadata, body: Buffer.alloc(0) })
    })
    return promise
  }
  return { receiver, settings, batches, deadlines, url: `http://${receiver.addresses.http}`, call }
}
interface Options {
  readonly consume?: () => Promise<void>
  readonly signals?: readonly Signal[]
  readonly grpc?: object
  readonly max_in_flight_bytes?: number
}

const TOKEN = {
  start: async () => {},
  stop: async () => {},
  async authenticate(headers: ReadonlyMap<string, string>) {
    if (headers.get('authorization') !== 'Bearer good') throw new UnauthenticatedError('a bearer token is missing')
    return { tenant: 'acme', headers: new Map() }
  },
}

const post = async (url: string, signal: Signal, headers: Record<string, string> = {}, body: Uint8Array = bodyOf(signal)) => {
  const type = { 'content-type': 'application/x-protobuf' }
  const answer = await request(`${url}/v1/${signal}`, { method: 'POST', body, headers: { ...type, ...headers } })
  return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) }
}

for (const signal of SIGNALS) {
  t.test(`${signal} arrive over both protocols as the very bytes`, async (t) => {
    const { call, url, batches } = await start(t)
    t.match(await call(signal), { code: status.OK, body: Buffer.alloc(0) })
    t.equal((await post(url, signal)).status, 200)
    t.equal(batches.length, 2)
    for (const batch of batches) {
      t.match(batch, { signal, count: 2, origin: { tenant: '' } })
      t.ok(bodyOf(signal).equals(batch.chunks[0]!))
    }
    t.equal((await call(signal, Buffer.alloc(0))).code, status.OK, 'an empty request succeeds')
    t.equal((await call(signal, Buffer.from('hello'))).code, status.INVALID_ARGUMENT)
    t.equal(batches.length, 2)
  })

  t.test(`${signal}: a partial success is told in the signal's own words`, async (t) => {
    const { call } = await start(t, { consume: () => Promise.reject(new PartialError(1, 'one too old')) })
    const [service, , type, , rejected] = SERVICES[signal]
    const { partialSuccess } = collector[service]!.v1[type]!.decode((await call(signal)).body)
    t.match({ ...partialSuccess, [rejected]: Number(partialSuccess[rejected]) }, { [rejected]: 1, errorMessage: 'one too old' })
  })

  t.test(`${signal} that no pipeline takes are refused in words`, async (t) => {
    const { call, url } = await start(t, { signals: SIGNALS.filter((other) => other !== signal) })
    const message = new RegExp(`^no pipeline takes ${signal} from this receiver$`)
    t.match(await call(signal), { code: status.UNIMPLEMENTED, details: message })
    const answer = await post(url, signal, { 'content-type': 'application/json' })
    t.match({ status: answer.status, ...JSON.parse(answer.body.toString()) }, { status: 404, message })
  })
}

t.test('a bad item is refused alone', async (t) => {
  const { call, batches, settings } = await start(t)
  const spans = [
    { ...IDS, name: 'good' },
    { ...IDS, traceId: Buffer.alloc(16) },
  ]
  const { body } = await call('traces', bodyOf('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }))
  const { partialSuccess } = collector['trace']!.v1['ExportTraceServiceResponse']!.decode(body)
  t.equal(Number(partialSuccess.rejectedSpans), 1)
  t.equal(batches[0]!.count, 1)
  t.same(settings.drops['malformed'], 1)
})

t.test('what becomes of a batch decides the status', async (t) => {
  const outcomes: [Error, status, string][] = [
    [new PermanentError('never'), status.INVALID_ARGUMENT, ''],
    [new RetryableError('not now'), status.UNAVAILABLE, '0a0408011000'],
    [new RetryableError('later', { retryAfterMs: 7000 }), status.UNAVAILABLE, '0a0408071000'],
    [new TypeError('a bug'), status.UNAVAILABLE, ''],
  ]
  for (const [error, code, delay] of outcomes) {
    const { call } = await start(t, { consume: () => Promise.reject(error) })
    const answer = await call('traces')
    t.match(answer, { code, details: error.message })
    const [details] = answer.metadata.get('grpc-status-details-bin')
    t.equal(details !== undefined, code === status.UNAVAILABLE, 'RetryInfo where the sender may come again')
    if (delay !== '') t.match((details as Buffer).toString('hex'), delay)
  }
})

t.test("the deadline is the sender's, where it is sooner than ours", async (t) => {
  const { call, deadlines } = await start(t)
  const before = performance.now()
  await call('logs')
  await call('logs', undefined, { deadline: Date.now() + 3000 })
  await call('logs', undefined, { deadline: Date.now() + 60_000 })
  const after = performance.now()
  const [ours, theirs, late] = deadlines as [number, number, number]
  t.ok(ours >= before + 8000 && ours <= after + 8000)
  t.ok(theirs > before + 2000 && theirs <= after + 3000)
  t.ok(late >= before + 8000 && late <= after + 8000)
})

t.test('both protocols share one budget', async (t) => {
  const taken = Promise.withResolvers<void>()
  const { call, url, batches } = await start(t, { consume: () => taken.promise, max_in_flight_bytes: 260_000 })
  const name = 'x'.repeat(90_000)
  const large = bodyOf('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ ...IDS, name }] }] }] })
  const first = call('traces', large)
  // One after the other: a body that grows has room for what it was and for what it becomes, for a moment.
  while (batches.length < 1) await new Promise(setImmediate)
  const second = call('traces', large)
  while (batches.length < 2) await new Promise(setImmediate)
  t.equal((await post(url, 'traces', {}, large)).status, 503)
  taken.resolve()
  t.same([(await first).code, (await second).code], [0, 0])
  t.equal((await post(url, 'traces', {}, large)).status, 200)
})

t.test('a sender must be known where auth says so, and its name goes with the batch', async (t) => {
  const { call, batches } = await start(t, { grpc: { auth: { authenticator: 'token' } } })
  t.match(await call('traces'), { code: status.UNAUTHENTICATED, details: 'a bearer token is missing' })
  t.equal((await call('traces', undefined, {}, { authorization: 'Bearer good' })).code, status.OK)
  t.same(
    batches.map(({ origin }) => origin.tenant),
    ['acme'],
  )
})

t.test('compressed bytes stay with a chunk that is admitted unchanged, and only with that', async (t) => {
  const { url, batches } = await start(t)
  const gzip = { 'content-encoding': 'gzip' }
  const good = gzipSync(bodyOf('traces'))
  await post(url, 'traces', gzip, good)
  t.equal(compressedOf(batches[0]!.chunks[0]!), undefined, 'nobody wants it')
  const release = wantCompressed('gzip')
  t.teardown(release)
  await post(url, 'traces', gzip, good)
  t.ok(good.equals(compressedOf(batches[1]!.chunks[0]!)!.bytes))
  const spans = [{ ...IDS }, { ...IDS, traceId: Buffer.alloc(16) }]
  await post(url, 'traces', gzip, gzipSync(bodyOf('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] })))
  t.equal(batches[2]!.count, 1)
  t.equal(compressedOf(batches[2]!.chunks[0]!), undefined, 'a span was cut out')
  const json = { 'content-type': 'application/json', ...gzip }
  await post(url, 'logs', json, gzipSync('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'))
  t.equal(compressedOf(batches[3]!.chunks[0]!), undefined, 'JSON was rewritten')
})

t.test('a megabyte of JSON costs what ten tenths of it do', async (t) => {
  const { url } = await start(t)
  const attributes = Array.from({ length: 10 }, (_, n) => ({ key: `attribute.${n}`, value: { stringValue: `value ${n}` } }))
  const span = {
    traceId: '0'.repeat(31) + '1',
    spanId: '0'.repeat(15) + '1',
    name: 'GET /',
    startTimeUnixNano: '1544712660123456789',
    attributes,
  }
  const one = JSON.stringify(span)
  const bodyOfBytes = (bytes: number): Buffer => {
    const spans = Array(Math.ceil(bytes / one.length))
      .fill(one)
      .join()
    return Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`)
  }
  /** The time of this thread's processor for so many requests, the sender's share included. Its clock may be coarse, so they are many. */
  const costMs = async (body: Buffer, requests: number): Promise<number> => {
    const before = process.threadCpuUsage()
    for (let i = 0; i < requests; i++) t.equal((await post(url, 'traces', { 'content-type': 'application/json' }, body)).status, 200)
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  }
  await costMs(bodyOfBytes(1_000_000), 3)
  const inTenthsMs = await costMs(bodyOfBytes(100_000), 100)
  const inWholesMs = await costMs(bodyOfBytes(1_000_000), 10)
  t.ok(inWholesMs < 3 * inTenthsMs, `ten megabytes: ${inWholesMs} ms as they are, ${inTenthsMs} ms in tenths`)
})
