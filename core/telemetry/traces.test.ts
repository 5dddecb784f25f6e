// The program's own traces: what spans say, which belong together, what is sampled, and how they are sent.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { faultsIn, loadText } from '../config/fixtures/loading.ts'
import { otlp, PartialError, RetryableError } from '../index.ts'
import { CollectingConsumer, numberedItems, numberedSpans, readSpans, TestClock, TestSettings } from '../testing/index.ts'
import { type OwnSpan, PipelineTracer } from './pipeline-tracer.ts'
import { TracePush } from './trace-push.ts'
import { traceRequest } from './trace-request.ts'

const FROM = { resource: { 'service.name': 'mine' }, scopeName: 'millrace', scopeVersion: '1.2.3' }

function make(ratio: number = 1) {
  const spans: OwnSpan[] = []
  const clock = new TestClock()
  const tracer = new PipelineTracer(
    ratio,
    clock,
    (text) => text.replaceAll('secret', '***'),
    (span) => spans.push(span),
  )
  const end = new CollectingConsumer()
  const exporter = tracer.sent('otlp_http/b', end)
  return { spans, clock, tracer, end, exporter, way: tracer.received('otlp', 'traces', exporter) }
}

t.test('a request is a span, and what an exporter sends of it one within', async (t) => {
  const { spans, clock, end, way } = make()
  end.hold()
  const consumed = way.consume(numberedSpans(3), 100)
  await clock.advance(5)
  end.release()
  await consumed
  const [sent, received] = readSpans(traceRequest(spans, FROM))
  t.match(received, {
    name: 'receiver/otlp/TraceDataReceived',
    parentSpanId: '',
    kind: 1,
    statusCode: 0,
    startTimeUnixNano: 1_767_225_600_000_000_000n,
    endTimeUnixNano: 1_767_225_600_005_000_000n,
    attributes: { accepted_spans: 3, refused_spans: 0 },
    resource: { 'service.name': 'mine' },
    scopeName: 'millrace',
  })
  t.match(sent, {
    name: 'exporter/otlp_http/b/traces',
    traceId: received!.traceId,
    parentSpanId: received!.spanId,
    attributes: { exporter: 'otlp_http/b', data_type: 'traces', 'items.sent': 3, 'items.failed': 0 },
  })
  t.equal(otlp.admit('traces', traceRequest(spans, FROM)).refused, 0, 'our own walk has nothing against it')
})

t.test('what failed says so, without secrets, and is told on', async (t) => {
  const { spans, end, way, tracer, exporter } = make()
  end.refuse = () => {
    throw new RetryableError('no room for secret things')
  }
  await t.rejects(way.consume(numberedSpans(3), 100), RetryableError)
  end.refuse = () => {
    throw new PartialError(1, 'one is too old')
  }
  await t.rejects(tracer.received('otlp', 'logs', exporter).consume(numberedItems('logs', 3), 100), PartialError)
  t.match(spans, [
    { attributes: { 'items.sent': 0n, 'items.failed': 3n }, error: 'no room for *** things' },
    { attributes: { accepted_spans: 0n, refused_spans: 3n }, error: 'no room for *** things' },
    { attributes: { 'items.sent': 2n, 'items.failed': 1n, data_type: 'logs' }, error: 'one is too old' },
    { name: 'receiver/otlp/LogsReceived', attributes: { accepted_log_records: 2n, refused_log_records: 1n } },
  ])
  t.equal(readSpans(traceRequest(spans, FROM))[0]!.statusCode, 2)
})

t.test('what a queue sends begins a trace of its own', async (t) => {
  const { spans, exporter, tracer } = make()
  const queue = { consume: (batch: Parameters<typeof exporter.consume>[0]) => exporter.consume(batch, Infinity) }
  await tracer.received('otlp', 'traces', queue).consume(numberedSpans(1), 100)
  t.equal(spans[0]!.parentSpanId, undefined)
  t.notSame(spans[0]!.traceId, spans[1]!.traceId)
})

t.test('a trace is sampled whole, or not at all', async (t) => {
  const { spans, way, end } = make(0.5)
  for (let i = 0; i < 400; i++) await way.consume(numberedSpans(1), 100)
  t.equal(end.count, 400)
  const traces = Map.groupBy(spans, ({ traceId }) => traceId.toString('hex'))
  t.ok(traces.size > 100 && traces.size < 300, `${traces.size} of 400`)
  for (const [, both] of traces) t.equal(both.length, 2)
})

const yaml = (traces: string): string => `receivers: { otlp: { protocols: { http: } } }
exporters: { debug: }
service: { telemetry: { traces: ${traces} }, pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }
`
const otlpAt = (endpoint: string): string => `exporter: { otlp: { protocol: http/protobuf, endpoint: "${endpoint}" } }`
const BATCH = `processors: [{ batch: { ${otlpAt('http://127.0.0.1:4318')} } }]`

t.test('the keys of the Collector', async (t) => {
  const of = async (traces: string) => (await loadText(yaml(traces))).config.telemetry.traces
  for (const off of [
    '{}',
    '{ level: basic }',
    `{ level: none, ${BATCH} }`,
    `{ sampler: { always_off: }, ${BATCH} }`,
    `{ sampler: { always_off: {} }, ${BATCH} }`,
  ])
    t.equal(await of(off), undefined, off)
  const target = { endpoint: 'http://127.0.0.1:4318', headers: {}, timeoutMs: 10_000 }
  t.same(await of(`{ ${BATCH} }`), { ratio: 1, pushes: [{ ...target, delayMs: 5000, maxBatchSize: 512, maxQueueSize: 2048 }] })
  t.match(await of(`{ processors: [{ simple: { ${otlpAt('http://127.0.0.1:4318')} } }] }`), { pushes: [{ delayMs: 0 }] })
  for (const sampler of ['trace_id_ratio_based: { ratio: 0.1 }', 'parent_based: { root: { trace_id_ratio_based: { ratio: 0.1 } } }'])
    t.match(await of(`{ ${BATCH}, sampler: { ${sampler} } }`), { ratio: 0.1 })
  const faults = await faultsIn(
    yaml(`{ processors: [{}, { batch: { ${otlpAt('nowhere')} } }], sampler: { always_on: {}, always_off: {} } }`),
  )
  t.same(
    faults.map((text) => text.replace(/^a\.yaml:3:\d+: service\.telemetry\.traces\./, '')),
    [
      'processors[0]: accepted: either "batch" or "simple"',
      'processors[1].batch.exporter.otlp.endpoint: found "nowhere"; accepted: an address such as http://127.0.0.1:4318, without a password',
      'sampler: accepted: one of "always_on", "always_off", "trace_id_ratio_based" and "parent_based"',
    ],
  )
})

t.test('spans are sent together, after a while, when there are enough, and at the end; never more wait than may', async (t) => {
  const clock = new TestClock()
  const settings = new TestSettings('telemetry', clock)
  const arrived: string[][] = []
  const held = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    void buffer(request).then(async (body) => {
      arrived.push(readSpans(body).map(({ name }) => name))
      if (arrived.length === 2) await held.promise
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const options = { endpoint, headers: {}, timeoutMs: 60_000, delayMs: 1000, maxBatchSize: 2, maxQueueSize: 3 }
  const push = new TracePush(options, (spans) => traceRequest(spans, FROM), clock, settings.log)
  const add = (name: string): void =>
    push.add({ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), name, startUnixNano: 1n, endUnixNano: 2n, attributes: {} })
  const arrive = async (requests: number): Promise<void> => {
    while (arrived.length < requests) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  add('a')
  await clock.advance(999)
  t.same(arrived, [])
  await clock.advance(1)
  await arrive(1)
  add('b')
  add('c')
  await arrive(2)
  for (const name of ['d', 'e', 'f', 'g']) add(name)
  held.resolve()
  await push.stop()
  t.same(arrived, [['a'], ['b', 'c'], ['d', 'e'], ['f']])
  t.match(settings.lines, [{ fields: { spans: 1 }, message: 'own spans were left out: too many waited to be sent' }])
})
