// The three transports of receiver `mplp`: the same messages become the same OTLP, the same answers come back, and an execution that begins on one may
// end on another.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ClientDuplexStream, credentials, loadPackageDefinition, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { compactOf } from '../../core/mplp/fixtures/compact.ts'
import { type Become, NAMES, NOW, textOf } from '../../core/mplp/fixtures/executions.ts'
import { shownLogs, shownMetrics, shownSpans } from '../../core/mplp/fixtures/shown.ts'
import { type Batch, type Clock, type Origin, systemClock, UnauthenticatedError } from '../../core/index.ts'
import { CollectingConsumer, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory, type MplpConfig } from './factory.ts'
import type { MplpReceiver } from './mplp-receiver.ts'

const ROOT = join(import.meta.dirname, '../..')
const TraceProtocol = (loadPackageDefinition(loadSync(join(ROOT, 'proto/mplp/v1/trace_protocol.proto'))) as any).mplp.v1.TraceProtocol

const WEB_SOCKET: NonNullable<MplpConfig['websocket']> = {
  endpoint: '127.0.0.1:0',
  allowed_origins: [],
  max_connections: 100,
  max_message_size: 1_000_000,
  max_unanswered: 16,
  max_waiting_bytes: 1_000_000,
  compression: false,
  read_header_timeout: '10s',
  read_timeout: '60s',
  write_timeout: '30s',
  ping_interval: '30s',
  pong_timeout: '10s',
  idle_timeout: '10m',
}
const CONFIG: MplpConfig = {
  endpoint: '127.0.0.1:0',
  websocket: WEB_SOCKET,
  grpc: { endpoint: '127.0.0.1:0', max_concurrent_streams: 100, max_unanswered: 4, max_waiting_bytes: 1_000_000, write_timeout: '30s' },
  executions: { max_open: 1000, max_bytes: 10_000_000, timeout: '1h', late_start_wait: '1s', remembered_ends: 1000 },
  remember: { messages: 1000, for: '10m' },
  metrics: { identity: 'execution', window: '1ms' },
  timeout: '8s',
  max_request_body_size: 100_000,
  max_messages: 1000,
  max_in_flight_bytes: 10_000_000,
  read_header_timeout: '10s',
  read_timeout: '60s',
  write_timeout: '30s',
  idle_timeout: '90s',
  min_body_rate: 256,
}

interface Started {
  readonly receiver: MplpReceiver
  readonly downstream: CollectingConsumer
}

async function open(
  t: Test,
  config: Partial<MplpConfig> = {},
  clock: Clock = systemClock,
  extensions: Readonly<Record<string, object>> = {},
): Promise<Started> {
  const settings = new TestSettings('mplp', clock)
  for (const [id, extension] of Object.entries(extensions)) settings.extensions.set(id, extension as never)
  const downstream = new CollectingConsumer()
  const next = { traces: downstream, metrics: downstream, logs: downstream }
  const receiver = (await factory.create({ ...CONFIG, ...config }, next, settings)) as MplpReceiver
  await receiver.start()
  t.teardown(() => receiver.stop(AbortSignal.abort()))
  return { receiver, downstream }
}

interface Sender {
  /** The answer to one message. */
  send(text: string): Promise<any>
  close(): void
}

async function overHttp({ receiver }: Started): Promise<Sender> {
  const url = `http://${receiver.addresses['http']}/v1/messages`
  const headers = { 'content-type': 'application/json' }
  return { send: async (body) => (await fetch(url, { method: 'POST', body, headers })).json(), close: () => {} }
}

async function overWebSocket({ receiver }: Started): Promise<Sender> {
  const socket = new WebSocket(`ws://${receiver.addresses['websocket']}/v1/messages`, 'mplp.v1')
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const answer = (): Promise<any> =>
    new Promise((resolve, reject) => {
      socket.once('message', (text) => resolve(JSON.parse((text as Buffer).toString()))).once('close', reject)
    })
  const send = async (text: string): Promise<any> => {
    const answered = answer()
    socket.send(text)
    const { n: _, ...rest } = await answered
    return rest
  }
  return { send, close: () => socket.terminate() }
}

function grpcClient({ receiver }: Started): any {
  return new TraceProtocol(receiver.addresses['grpc'], credentials.createInsecure())
}

function callSend(client: any, texts: readonly (string | Buffer)[], metadata = new Metadata()): Promise<any[]> {
  return new Promise((resolve, reject) =>
    client.Send({ json: texts.map((text) => Buffer.from(text)) }, metadata, (error: ServiceError | null, acks: any) =>
      error === null ? resolve((acks.json ?? []).map((json: Buffer) => JSON.parse(json.toString()))) : reject(error),
    ),
  )
}

async function overGrpcCalls(started: Started): Promise<Sender> {
  const client = grpcClient(started)
  return { send: async (text) => (await callSend(client, [text]))[0], close: () => client.close() }
}

async function overGrpcStream(started: Started): Promise<Sender> {
  const client = grpcClient(started)
  const stream: ClientDuplexStream<any, any> = client.Exchange()
  stream.on('error', () => {})
  const send = (text: string): Promise<any> =>
    new Promise((resolve, reject) => {
      stream.once('data', ({ json }) => resolve(JSON.parse(json.toString()))).once('error', reject)
      stream.write({ json: Buffer.from(text) })
    })
  return { send, close: () => (stream.cancel(), client.close()) }
}

const TRANSPORTS = { HTTP: overHttp, WebSocket: overWebSocket, 'gRPC Send': overGrpcCalls, 'gRPC Exchange': overGrpcStream } as const

for (const [transport, connect] of Object.entries(TRANSPORTS)) {
  t.test(`over ${transport} the messages of both dialects become what is written in fixtures/expected-*.json`, async (t) => {
    for (const dialect of ['flat', 'envelope'] as const) {
      const clock = new TestClock()
      clock.wallStartMs = Number(NOW / 1_000_000n)
      const started = await open(t, {}, clock)
      const sender = await connect(started)
      t.teardown(() => sender.close())
      const found: { -readonly [K in keyof Become]: any } = { spans: [], logs: {}, metrics: {} }
      for (const name of NAMES[dialect]) {
        t.match(await sender.send(textOf(name)), { message_type: 'ack', status: 'accepted' }, `${dialect} ${name}`)
        for (const batch of started.downstream.batches.splice(0)) {
          if (batch.signal === 'traces') found.spans.push(...chunksOf(batch, shownSpans))
          else found[batch.signal][name] = chunksOf(batch, batch.signal === 'logs' ? shownLogs : shownMetrics)
        }
      }
      const different: string[] = []
      const compact = compactOf(found, (what) => different.push(/"eventName":"[\w.]+"/.exec(what)?.[0] ?? what))
      // An anomaly without a span id belongs to no execution, and so has not its resource.
      t.same(different, dialect === 'flat' ? ['"eventName":"mplp.anomaly"'] : [])
      t.strictSame(compact, JSON.parse(readFileSync(join(ROOT, `core/mplp/fixtures/expected-${dialect}.json`), 'utf8')), dialect)
    }
  })
}

const chunksOf = (batch: Batch, show: (bytes: Uint8Array) => any[]): any[] => batch.chunks.flatMap((chunk) => show(chunk))

let sent = 0
const message = (type: string, run: string, fields: object = {}): string =>
  JSON.stringify({
    message_type: type,
    version: '1.0.0-alpha',
    timestamp: new Date(1_700_000_000_000 + sent++).toISOString(),
    trace_id: run,
    span_id: 'a',
    ...fields,
  })
const start = (run: string): string => message('start_execution_trace', run, { operation_name: 'plan', service_name: 'planner' })
const finish = (run: string): string => message('finish_execution_trace', run, { final_status: { code: 'ok' } })

t.test('what begins on one transport ends on another, and a copy is a duplicate on all', async (t) => {
  const started = await open(t)
  const senders = await Promise.all(Object.values(TRANSPORTS).map((connect) => connect(started)))
  t.teardown(() => senders.forEach((sender) => sender.close()))
  for (const [i, sender] of senders.entries()) {
    const other = senders[(i + 1) % senders.length]!
    const begins = start(`run ${i}`)
    t.match(await sender.send(begins), { status: 'accepted' })
    t.match(await other.send(begins), { status: 'duplicate' })
    t.match(await other.send(finish(`run ${i}`)), { status: 'accepted' })
  }
  t.equal(started.downstream.spans().length, senders.length)
})

t.test('Send answers each message in its place, and refuses what is no request', async (t) => {
  const started = await open(t)
  const client = grpcClient(started)
  t.teardown(() => client.close())
  const answers = await callSend(client, [start('1'), '{', `[${start('2')}]`, finish('1'), Buffer.from('22ff22', 'hex'), ''])
  t.match(answers, [
    { status: 'accepted', in_reply_to: { trace_id: '1' } },
    { status: 'rejected', errors: [{ message: /not JSON/ }] },
    { status: 'rejected', errors: [{ message: /one message/ }] },
    { status: 'accepted' },
    { status: 'rejected', errors: [{ message: /UTF-8/ }] },
    { status: 'rejected' },
  ])
  t.same(await callSend(client, []), [])
  await t.rejects(callSend(client, ['x'.repeat(200_000)]), { code: status.RESOURCE_EXHAUSTED })
  await t.rejects(
    callSend(
      client,
      Array.from({ length: 1001 }, () => '1'),
    ),
    { code: status.INVALID_ARGUMENT },
  )
})

/** Everything that a stream says, and how it ends. */
function heardOn(stream: ClientDuplexStream<any, any>): {
  readonly acks: any[]
  readonly ended: Promise<{ code: number; details: string }>
} {
  const acks: any[] = []
  const ended = Promise.withResolvers<{ code: number; details: string }>()
  stream.on('data', ({ n, json }) => acks.push({ n: Number(n), ...JSON.parse(json.toString()) }))
  stream.on('error', () => {})
  stream.on('status', ended.resolve)
  return { acks, ended: ended.promise }
}
const envelope = (text: string): { readonly json: Buffer } => ({ json: Buffer.from(text) })

t.test('Exchange numbers its answers, and ends with OK when the client has ended and all is answered', async (t) => {
  const started = await open(t)
  const client = grpcClient(started)
  t.teardown(() => client.close())
  const stream = client.Exchange()
  const { acks, ended } = heardOn(stream)
  const count = 100
  for (let i = 0; i < count; i++) stream.write(envelope(i === 7 ? '{' : start(`run ${i}`)))
  stream.end()
  t.match(await ended, { code: status.OK })
  t.same(
    acks.map(({ n }) => n).sort((a: number, b: number) => a - b),
    Array.from({ length: count }, (_, i) => i + 1),
  )
  for (const { n, status: word, in_reply_to: to } of acks) {
    if (n === 8) t.equal(word, 'rejected')
    else if (word !== 'accepted' || to.trace_id !== `run ${n - 1}`) t.fail(`answer ${n} is ${word} to ${to?.trace_id}`)
  }
})

t.test('a stream that is not answered is read from no further, and goes on where it stopped', async (t) => {
  const started = await open(t)
  const client = grpcClient(started)
  t.teardown(() => client.close())
  const ready = await overHttp(started)
  for (let i = 0; i < 20; i++) await ready.send(start(`run ${i}`))
  started.downstream.hold()
  const stream = client.Exchange()
  const { acks, ended } = heardOn(stream)
  for (let i = 0; i < 20; i++) stream.write(envelope(finish(`run ${i}`)))
  stream.end()
  while (started.downstream.holding === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  t.equal(acks.length, 0)
  started.downstream.release()
  t.match(await ended, { code: status.OK })
  t.equal(acks.length, 20)
  t.equal(started.downstream.spans().length, 20)
})

t.test('a stream ends with what was wrong: too large, no Envelope, an unknown coding', async (t) => {
  const started = await open(t)
  const client = grpcClient(started)
  t.teardown(() => client.close())
  const large = client.Exchange()
  const heard = heardOn(large)
  large.write(envelope(start('1')))
  large.write(envelope('x'.repeat(200_000)))
  t.match(await heard.ended, { code: status.RESOURCE_EXHAUSTED })
  t.match(heard.acks, [{ n: 1, status: 'accepted' }], 'what came before it is answered')
  const raw = client.makeBidiStreamRequest(
    '/mplp.v1.TraceProtocol/Exchange',
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  )
  const broken = heardOn(raw)
  raw.write(Buffer.from('0aff', 'hex'))
  t.match(await broken.ended, { code: status.INTERNAL, details: /message 1 is not an Envelope/ })
})

t.test('whoever is not known is refused before a message is read', async (t) => {
  const origin: Origin = { tenant: 'a', subject: 'agent', headers: new Map() }
  const tokens = {
    async authenticate(headers: ReadonlyMap<string, string>) {
      if (headers.get('authorization') !== 'Bearer good') throw new UnauthenticatedError('a bearer token is needed')
      return origin
    },
  }
  const started = await open(t, { auth: { authenticator: 'tokens' } }, systemClock, { tokens })
  const client = grpcClient(started)
  t.teardown(() => client.close())
  await t.rejects(callSend(client, [start('1')]), { code: status.UNAUTHENTICATED })
  const { ended } = heardOn(client.Exchange())
  t.match(await ended, { code: status.UNAUTHENTICATED, details: /bearer token/ })
  const metadata = new Metadata()
  metadata.set('authorization', 'Bearer good')
  t.match(await callSend(client, [start('1')], metadata), [{ status: 'accepted' }])
  const stream = client.Exchange(metadata)
  const heard = heardOn(stream)
  stream.write(envelope(finish('1')))
  stream.end()
  t.match(await heard.ended, { code: status.OK })
  t.match(heard.acks, [{ status: 'accepted' }])
})

t.test('when it stops, streams are answered what was taken, and end with UNAVAILABLE', async (t) => {
  const started = await open(t)
  const client = grpcClient(started)
  t.teardown(() => client.close())
  const stream = client.Exchange()
  const idle = heardOn(client.Exchange())
  const { acks, ended } = heardOn(stream)
  stream.write(envelope(start('1')))
  await new Promise((resolve) => stream.once('data', resolve))
  started.downstream.hold()
  stream.write(envelope(finish('1')))
  while (started.downstream.holding === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const stopped = started.receiver.stop(new AbortController().signal)
  started.downstream.release()
  t.match(await ended, { code: status.UNAVAILABLE })
  t.match(await idle.ended, { code: status.UNAVAILABLE })
  t.match(acks, [{ n: 1 }, { n: 2, status: 'accepted' }])
  await stopped
})
