// What the program tells of itself: metrics to read and to receive, and logs that keep secrets.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t, { type Test } from 'tap'
import { readSpans } from '../core/testing/index.ts'
import { httpBackend } from './backend.ts'
import { jsonSpan, postSpans, type Program, start } from './program.ts'

function run(t: Test, yaml: string): Program {
  const file = join(t.testdir(), 'a.yaml')
  writeFileSync(file, yaml)
  return start(t, ['run', '--config', file])
}

const pipeline = (telemetry: string, exporters: string = 'nop:'): string => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
processors: { batch: , attributes: { actions: [{ key: a, value: b, action: insert }] } }
exporters:
  ${exporters}
service:
  telemetry: ${telemetry}
  pipelines: { traces: { receivers: [otlp], processors: [attributes, batch], exporters: [${exporters.split(':')[0]}] } }
`
const PAGE = '{ metrics: { readers: [{ pull: { exporter: { prometheus: { port: 0 } } } }] } }'

/** The value of one line of a page; NaN where there is no such line. */
const valueIn = (page: string, line: string): number =>
  Number(
    page
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.slice(line.length) ?? 'NaN',
  )

async function metricsOf(program: Program): Promise<string> {
  const url = /own metrics for Prometheus url=(\S+)/.exec(program.said())![1]!
  const answer = await fetch(url)
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  return answer.text()
}

t.test('Prometheus reads what the Collector would show, and a ledger that adds up', async (t) => {
  const program = run(t, pipeline(PAGE))
  await program.says(/^ready in/m)
  const url = program.url('receivers.otlp')
  await postSpans(url, [jsonSpan('a'), jsonSpan('b'), { name: 'no ids' }])
  const page = await metricsOf(program)
  const values = {
    'otelcol_receiver_accepted_spans{receiver="otlp"}': 2,
    'otelcol_receiver_refused_spans{receiver="otlp"}': 0,
    'otelcol_processor_incoming_items{otel_signal="traces",processor="attributes"}': 2,
    'otelcol_processor_outgoing_items{otel_signal="traces",processor="batch"}': 2,
    'otelcol_exporter_sent_spans{exporter="nop"}': 2,
    'otelcol_exporter_send_failed_spans{exporter="nop"}': 0,
    'millrace_ledger_items{destination="nop",fate="received",pipeline="traces"}': 2,
    'millrace_ledger_items{destination="nop",fate="delivered",pipeline="traces"}': 2,
    'millrace_ledger_waiting_items{destination="nop",pipeline="traces",where="in_flight"}': 0,
    'millrace_refused_at_door_items{component="otlp",reason="malformed"}': 1,
  }
  for (const [line, value] of Object.entries(values)) t.equal(valueIn(page, line), value, line)
  for (const line of ['otelcol_process_uptime', 'otelcol_process_memory_rss', 'otelcol_process_cpu_seconds', 'v8js_memory_heap_limit'])
    t.ok(valueIn(page, line) > 0, line)
  for (const line of ['nodejs_eventloop_delay_p99', 'nodejs_eventloop_utilization']) t.ok(valueIn(page, line) >= 0, line)
  t.match(page, /^target_info\{service_name="millrace",service_version="[^"]+"\} 1$/m)
  t.match(page, /^# TYPE otelcol_receiver_accepted_spans counter$/m)
})

t.test('a port that is taken ends the start where it was asked for, and is a warning where it was not', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const asked = run(t, pipeline(`{ metrics: { readers: [{ pull: { exporter: { prometheus: { port: ${port} } } } }] } }`))
  t.equal(await asked.ended, 1)
  t.match(
    asked.said(),
    new RegExp(`^cannot start: own metrics: cannot listen on 127\\.0\\.0\\.1:${port}: another process listens there`, 'm'),
  )

  // Whoever has 8888 here, this program's page or another, a second one does without.
  const programs = [run(t, pipeline('{}')), run(t, pipeline('{}'))]
  for (const program of programs) await program.says(/^ready in/m)
  const without = programs.filter((program) => program.said().includes('own metrics have no page endpoint=127.0.0.1:8888'))
  t.ok(without.length >= 1)
  t.equal(await postSpans(without[0]!.url('receivers.otlp'), [jsonSpan('a')]), 200)
  for (const program of programs) {
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
  }
})

t.test('nothing is measured where metrics are off', async (t) => {
  const program = run(t, pipeline('{ metrics: { level: none } }'))
  await program.says(/^ready in/m)
  t.notMatch(program.said(), /own metrics/)
})

t.test('metrics are pushed as OTLP, and once more at the end', async (t) => {
  // oxlint-disable-next-line typescript/no-explicit-any -- generated code without types
  const { ExportMetricsServiceRequest } = (root as any).opentelemetry.proto.collector.metrics.v1
  const requests: { readonly path: string; readonly key: string; readonly body: Buffer }[] = []
  const backend = createHttpServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      requests.push({ path: request.url!, key: String(request.headers['api-key']), body: Buffer.concat(pieces) })
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.teardown(() => backend.close())
  const { port } = backend.address() as AddressInfo
  const otlp = `{ endpoint: "http://127.0.0.1:${port}", headers: [{ name: api-key, value: very-secret }] }`
  const program = run(
    t,
    pipeline(
      `{ resource: { service.name: mine }, metrics: { readers: [{ periodic: { interval: 3600000, exporter: { otlp: ${otlp} } } }] } }`,
    ),
  )
  await program.says(/^ready in/m)
  await postSpans(program.url('receivers.otlp'), [jsonSpan('a'), jsonSpan('b')])
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  t.equal(requests.length, 1)
  t.same([requests[0]!.path, requests[0]!.key], ['/v1/metrics', 'very-secret'])
  const [{ resource, scopeMetrics }] = ExportMetricsServiceRequest.decode(requests[0]!.body).resourceMetrics
  t.match(resource.attributes, [{ key: 'service.name', value: { stringValue: 'mine' } }, { key: 'service.version' }])
  const metrics = scopeMetrics[0].metrics as {
    readonly name: string
    readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: object[] }
  }[]
  const accepted = metrics.find(({ name }) => name === 'otelcol_receiver_accepted_spans')!.sum!
  t.equal(accepted.isMonotonic, true)
  t.match(accepted.dataPoints, [{ attributes: [{ key: 'receiver', value: { stringValue: 'otlp' } }], asInt: { low: 2, high: 0 } }])
})

t.test('a secret is in no line, also when a backend sends it back', async (t) => {
  const secret = 'Bearer swordfish/1+2='
  const backend = createHttpServer((request, response) => {
    const told = String(request.headers.authorization)
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ code: 16, message: `you said ${told}, ${encodeURIComponent(told)}, ${Buffer.from(`x${told}`).toString('base64')}` }),
    )
  }).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.teardown(() => backend.close())
  const { port } = backend.address() as AddressInfo
  for (const encoding of ['console', 'json']) {
    const program = run(
      t,
      pipeline(
        `{ logs: { level: debug, encoding: ${encoding} }, metrics: { level: none } }`,
        `otlp_http: { endpoint: "http://127.0.0.1:${port}", headers: { Authorization: "${secret}" }, compression: none }`,
      ),
    )
    await program.says(/^ready in/m)
    t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('a')]), 400)
    await program.says(/you said \*\*\*/)
    program.child.kill('SIGTERM')
    await program.ended
    for (const form of ['swordfish', Buffer.from('swordfish').toString('base64').slice(2, -2)]) t.notMatch(program.said(), form)
  }
})

t.test('traces of the pipelines go where they are wanted, at the latest at the end', async (t) => {
  const backend = await httpBackend(t)
  const processors = `[{ batch: { schedule_delay: 3600000, exporter: { otlp: { endpoint: "http://${backend.address}" } } } }]`
  const program = run(t, pipeline(`{ metrics: { level: none }, resource: { service.name: mine }, traces: { processors: ${processors} } }`))
  await program.says(/^ready in/m)
  t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('a'), jsonSpan('b')]), 200)
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  const [sent, received] = backend.taken.requests.flatMap((batch) => readSpans(batch))
  t.match(sent, { name: 'exporter/nop/traces', attributes: { 'items.sent': 2 }, resource: { 'service.name': 'mine' } })
  t.match(received, { name: 'receiver/otlp/TraceDataReceived', attributes: { accepted_spans: 2 } })
  t.same([sent!.parentSpanId, sent!.traceId], [received!.spanId, received!.traceId])
})
