import { join } from 'node:path'
import { loadPackageDefinition, Server, ServerCredentials, type ServiceDefinition, status as Status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t, { type Test } from 'tap'
import { ANONYMOUS, type Batch, type Exporter, PermanentError, RetryableError, systemClock } from '../../core/index.ts'
import { exporterSuite, tracesBatch, TestSettings } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

type Config = Parameters<typeof factory.create>[0]

function configOf(config: Partial<Config>): Config {
  return {
    endpoint: '127.0.0.1:14250',
    protocol: 'api_v2',
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

// oxlint-disable typescript/no-explicit-any -- what the other library reads has no types
const { CollectorService } = (
  loadPackageDefinition(
    loadSync(join(import.meta.dirname, 'fixtures/api-v2.proto'), { keepCase: true, longs: String, defaults: true }),
  ) as any
).jaeger.api_v2
const { ExportTraceServiceRequest } = (root as any).opentelemetry.proto.collector.trace.v1

/** A collector of Jaeger's as it was before OTLP; `verdict` is the status of its n-th answer. */
async function jaeger(
  t: Test,
  verdict: (nth: number) => { readonly code: number; readonly details: string } | undefined = () => undefined,
) {
  const requests: any[] = []
  const server = new Server()
  server.addService(CollectorService.service as ServiceDefinition, {
    PostSpans: (call: any, done: any) => {
      requests.push(call.request)
      const error = verdict(requests.length)
      if (error === undefined) done(null, {})
      else done(error)
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, found) =>
      error === null ? resolve(found) : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return { endpoint: `127.0.0.1:${port}`, requests }
}

async function exporter(t: Test, config: Partial<Config>): Promise<Exporter> {
  const made = await factory.create(configOf(config), new TestSettings('jaeger', systemClock))
  await made.start!(new AbortController().signal)
  t.teardown(() => made.stop!(AbortSignal.abort()))
  return made
}
const soon = (): number => systemClock.monotonicMs() + 60_000
const batchOf = (...requests: any[]): Batch => ({
  signal: 'traces',
  count: 1,
  origin: ANONYMOUS,
  chunks: requests.map((resourceSpans) => ExportTraceServiceRequest.encode({ resourceSpans }).finish()),
})

const [TRACE, SPAN, PARENT] = [
  Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex'),
  Buffer.from('b7ad6b7169203331', 'hex'),
  Buffer.alloc(8, 7),
]
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })

/** What arrives of one span. */
async function arrived(t: Test, span: object, around: { readonly resource?: object; readonly scope?: object } = {}): Promise<any> {
  const { endpoint, requests } = await jaeger(t)
  const { resource = { attributes: [text('service.name', 'shop')] }, scope } = around
  const spans = [{ traceId: TRACE, spanId: SPAN, name: 'op', startTimeUnixNano: 1, endTimeUnixNano: 3, ...span }]
  const sending = await exporter(t, { endpoint })
  await sending.consume(batchOf([{ resource, scopeSpans: [{ scope, spans }] }]), soon())
  return requests[0].batch
}

/** Of a tag the value of its type. */
function plain(tags: any[]): Record<string, unknown> {
  const values = ['v_str', 'v_bool', 'v_int64', 'v_float64', 'v_binary']
  return Object.fromEntries(
    tags.map((tag) => [tag.key, [['text', 'bool', 'int', 'double', 'bytes'][tag.v_type], tag[values[tag.v_type]!]]]),
  )
}

t.test('the suite of every exporter, over both protocols', async (t) => {
  const { endpoint } = await jaeger(t)
  exporterSuite(t.test.bind(t), { create: (settings) => factory.create(configOf({ endpoint, compression: 'gzip' }), settings) })
})

t.test('what a span is', async (t) => {
  const { spans, process } = await arrived(
    t,
    {
      parentSpanId: PARENT,
      flags: 0x101,
      kind: 3,
      startTimeUnixNano: '1767225600123456789',
      endTimeUnixNano: '1767225602000000001',
      status: { code: 2, message: 'out of stock' },
      traceState: 'a=b',
      droppedAttributesCount: 1,
      droppedEventsCount: 300,
      droppedLinksCount: 3,
      attributes: [text('k', 'v')],
    },
    { scope: { name: 'lib', version: '1.2' } },
  )
  const [span] = spans
  t.same([span.trace_id, span.span_id, span.operation_name, span.flags], [TRACE, SPAN, 'op', 1])
  t.same(span.start_time, { seconds: '1767225600', nanos: 123_456_789 })
  t.same(span.duration, { seconds: '1', nanos: 876_543_212 })
  t.same(
    span.references.map((one: any) => [one.trace_id, one.span_id, one.ref_type]),
    [[TRACE, PARENT, 0]],
  )
  t.same(plain(span.tags), {
    'otel.scope.name': ['text', 'lib'],
    'otel.scope.version': ['text', '1.2'],
    k: ['text', 'v'],
    'span.kind': ['text', 'client'],
    'otel.status_code': ['text', 'ERROR'],
    error: ['bool', true],
    'otel.status_description': ['text', 'out of stock'],
    'w3c.tracestate': ['text', 'a=b'],
    'otel.dropped_attributes_count': ['int', '1'],
    'otel.dropped_events_count': ['int', '300'],
    'otel.dropped_links_count': ['int', '3'],
  })
  t.same([process.service_name, span.process], ['shop', null])
})

t.test('a span that says nothing has no tags', async (t) => {
  const { spans } = await arrived(t, { kind: 0 })
  t.same([spans[0].tags, spans[0].references, spans[0].logs, spans[0].flags], [[], [], [], 0])
})

t.test('each kind and each status by its name', async (t) => {
  const names = ['internal', 'server', 'client', 'producer', 'consumer']
  for (const [i, name] of names.entries()) t.same(plain((await arrived(t, { kind: i + 1 })).spans[0].tags), { 'span.kind': ['text', name] })
  t.same(plain((await arrived(t, { status: { code: 1 } })).spans[0].tags), { 'otel.status_code': ['text', 'OK'] })
})

t.test('every type of value keeps its type; lists and maps become JSON', async (t) => {
  const values = {
    text: { stringValue: 'ünïcode' },
    empty: { stringValue: '' },
    none: {},
    yes: { boolValue: true },
    no: { boolValue: false },
    zero: { intValue: 0 },
    least: { intValue: '-9223372036854775808' },
    real: { doubleValue: 5e-324 },
    bytes: { bytesValue: Buffer.of(0, 255) },
    list: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '9007199254740993' }, {}, { bytesValue: Buffer.of(1) }] } },
    map: {
      kvlistValue: {
        values: [
          { key: 'b', value: { boolValue: true } },
          { key: 'a', value: { doubleValue: 0.5 } },
        ],
      },
    },
  }
  const attributes = Object.entries(values).map(([key, value]) => ({ key, value }))
  const expected = {
    text: ['text', 'ünïcode'],
    empty: ['text', ''],
    none: ['text', ''],
    yes: ['bool', true],
    no: ['bool', false],
    zero: ['int', '0'],
    least: ['int', '-9223372036854775808'],
    real: ['double', 5e-324],
    bytes: ['bytes', Buffer.of(0, 255)],
    list: ['text', '["a",9007199254740993,null,"AQ=="]'],
    map: ['text', '{"a":0.5,"b":true}'],
  }
  const { spans, process } = await arrived(t, { attributes }, { resource: { attributes: [...attributes, text('service.name', 'shop')] } })
  t.same(plain(spans[0].tags), expected)
  t.same(plain(process.tags), expected)
})

t.test('times that go back, and longer ones than Go can count', async (t) => {
  t.same((await arrived(t, { startTimeUnixNano: '2500000000', endTimeUnixNano: '1000000000' })).spans[0].duration, {
    seconds: '-1',
    nanos: -500_000_000,
  })
  const { spans } = await arrived(t, { startTimeUnixNano: 0, endTimeUnixNano: '18446744073709551615' })
  t.same(spans[0].duration, { seconds: '9223372036', nanos: 854_775_807 })
})

t.test('links are references, and one to the parent says of what kind that is', async (t) => {
  const other = Buffer.alloc(16, 9)
  const followsFrom = { traceId: TRACE, spanId: PARENT }
  const childOf = { traceId: other, spanId: SPAN, attributes: [text('opentracing.ref_type', 'child_of')] }
  const { spans } = await arrived(t, {
    parentSpanId: PARENT,
    links: [childOf, followsFrom, { traceId: other, spanId: PARENT, attributes: [text('x', 'child_of')] }],
  })
  t.same(
    spans[0].references.map((one: any) => [one.trace_id, one.span_id, one.ref_type]),
    [
      [TRACE, PARENT, 1],
      [other, SPAN, 0],
      [other, PARENT, 1],
    ],
  )
})

t.test('events are logs, their names a field', async (t) => {
  const events = [
    { timeUnixNano: '1500000000', name: 'exception', attributes: [text('exception.type', 'Timeout')], droppedAttributesCount: 2 },
    { timeUnixNano: 1, name: 'hidden', attributes: [text('event', 'its own')] },
    { name: '' },
  ]
  const { spans } = await arrived(t, { events })
  t.same(
    spans[0].logs.map(({ timestamp, fields }: any) => [timestamp, plain(fields)]),
    [
      [
        { seconds: '1', nanos: 500_000_000 },
        { event: ['text', 'exception'], 'exception.type': ['text', 'Timeout'], 'otel.dropped_attributes_count': ['int', '2'] },
      ],
      [{ seconds: '0', nanos: 1 }, { event: ['text', 'its own'] }],
      [{ seconds: '0', nanos: 0 }, {}],
    ],
  )
})

t.test('resources without a name, and without anything', async (t) => {
  const named = async (resource: object) => (await arrived(t, {}, { resource })).process
  t.match(await named({}), { service_name: 'OTLPResourceNoServiceName', tags: [] })
  t.match(await named({ attributes: [text('host.name', 'a')] }), { service_name: '', tags: [{ key: 'host.name', v_str: 'a' }] })
  t.match(await named({ attributes: [{ key: 'service.name', value: { intValue: 7 } }] }), { service_name: '7', tags: [] })
})

t.test('a merged batch is one request, in which spans of further resources carry their own', async (t) => {
  const { endpoint, requests } = await jaeger(t)
  const of = (service: string, ...names: string[]) => ({
    resource: { attributes: [text('service.name', service)] },
    scopeSpans: [{ spans: names.map((name) => ({ traceId: TRACE, spanId: SPAN, name })) }],
  })
  await (await exporter(t, { endpoint })).consume(batchOf([of('a', '1', '2'), of('b', '3')], [of('a', '4')]), soon())
  const [{ batch }] = requests as [any]
  t.equal(batch.process.service_name, 'a')
  t.same(
    batch.spans.map((span: any) => [span.operation_name, span.process?.service_name]),
    [
      ['1', undefined],
      ['2', undefined],
      ['3', 'b'],
      ['4', undefined],
    ],
  )
})

t.test('a collector that is busy is asked again, one for which a request is too large is not', async (t) => {
  const busy = { code: Status.RESOURCE_EXHAUSTED, details: 'server busy' }
  const { endpoint, requests } = await jaeger(t, (nth) => (nth < 3 ? busy : undefined))
  await (await exporter(t, { endpoint })).consume(tracesBatch([{ spans: [{}] }]), soon())
  t.equal(requests.length, 3)
  const large = { code: Status.RESOURCE_EXHAUSTED, details: 'grpc: received message larger than max (5 vs. 4)' }
  const full = await jaeger(t, () => large)
  await t.rejects((await exporter(t, { endpoint: full.endpoint })).consume(tracesBatch([{ spans: [{}] }]), soon()), PermanentError)
  t.equal(full.requests.length, 1)
})

t.test('nobody listens: the sender keeps its spans', async (t) => {
  const sending = await exporter(t, { endpoint: '127.0.0.1:1' })
  await t.rejects(sending.consume(tracesBatch([{ spans: [{}] }]), systemClock.monotonicMs() + 50), RetryableError)
})

t.test('OTLP is what it speaks otherwise, byte for byte', async (t) => {
  const server = new Server()
  const bodies: Buffer[] = []
  const same = (bytes: Buffer): Buffer => bytes
  const raw = {
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
  server.addService(
    { Export: { path, ...raw } },
    {
      Export: (call: any, done: any) => {
        bodies.push(call.request)
        done(null, Buffer.alloc(0))
      },
    },
  )
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, found) => resolve(found)),
  )
  t.teardown(() => server.forceShutdown())
  const batch = tracesBatch([{ spans: [{}] }])
  await (await exporter(t, { endpoint: `127.0.0.1:${port}`, protocol: 'otlp' })).consume(batch, soon())
  t.same(bodies, [Buffer.from(batch.chunks[0]!)])
})
