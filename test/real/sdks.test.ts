// The SDKs of Python, JavaScript and Go send all three signals through Millrace over both transports, and real Collectors and a real Jaeger behind it
// show exactly what a Collector shows that was sent the same directly.

import { randomUUID } from 'node:crypto'

import t, { type Test } from 'tap'

import { jaegerTrace, startCollectorBackend } from './backends.ts'
import { sendWithJavaScript } from './clients/javascript.ts'
import { sendWithPython } from './clients/python.ts'
import type { Target } from './clients/target.ts'
import { sendWithTelemetrygen, TELEMETRYGEN_ITEMS } from './clients/telemetrygen.ts'
import { sorted, type SeenItem } from './items.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startJaeger, type Jaeger } from './servers/jaeger.ts'
import { freePort } from './servers/program.ts'

const CLIENTS = [
  ['Python', sendWithPython, ['grpc', 'http/protobuf'], { traces: 3, metrics: 5, logs: 2 }],
  ['JavaScript', sendWithJavaScript, ['grpc', 'http/protobuf', 'http/json'], { traces: 3, metrics: 5, logs: 2 }],
] as const

t.test('SDKs → Millrace → Collector and Jaeger', { skip: lacks('go', 'python3') }, async (t) => {
  const backend = await startCollectorBackend(['direct', 'http', 'grpc'])
  t.teardown(() => backend.stop())
  const { direct, http, grpc } = backend.inlets
  const jaeger = await startJaeger()
  t.teardown(() => jaeger.stop())
  const [httpPort, grpcPort] = [await freePort(), await freePort()]
  const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} }, grpc: { endpoint: 127.0.0.1:${grpcPort} } } } }
processors: { memory_limiter: { check_interval: 1s, limit_mib: 500 }, batch: {} }
exporters:
  otlp_http/collector: { endpoint: http://127.0.0.1:${http.http}, compression: none }
  otlp_grpc/collector: { endpoint: 127.0.0.1:${grpc.grpc}, tls: { insecure: true } }
  otlp_http/jaeger: { endpoint: ${jaeger.otlpHttp}, compression: gzip }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp_http/collector, otlp_grpc/collector, otlp_http/jaeger] }
    metrics: { receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp_http/collector, otlp_grpc/collector] }
    logs: { receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp_http/collector, otlp_grpc/collector] }
`)
  t.teardown(() => millrace.stop())
  const target = (protocol: Target['protocol'], compression: Target['compression']): Target => ({
    protocol,
    endpoint: `http://127.0.0.1:${protocol === 'grpc' ? grpcPort : httpPort}`,
    compression,
  })
  const reference: Target = { protocol: 'http/protobuf', endpoint: `http://127.0.0.1:${direct.http}`, compression: 'none' }

  /** The client was answered, so the items are there: nothing waits before the Collector's files are read. */
  const arrived = async (t: Test, run: string, counts: object): Promise<void> => {
    const sent = direct.items(run)
    t.same(countsOf(sent), counts, 'the client made what it should')
    t.same(sorted(http.items(run)), sorted(sent), 'at the Collector behind otlp_http')
    t.same(sorted(grpc.items(run)), sorted(sent), 'at the Collector behind otlp_grpc')
    const spans = sent.filter(({ signal }) => signal === 'traces')
    const atJaeger = await jaegerTrace(jaeger, String(spans[0]?.['traceId']), spans.length)
    t.same(sorted(atJaeger), sorted(spans), 'at Jaeger')
  }

  for (const [name, send, protocols, counts] of CLIENTS) {
    for (const protocol of protocols) {
      for (const compression of ['none', 'gzip'] as const) {
        await t.test(`${name}, ${protocol}, compression ${compression}`, async (t) => {
          const run = randomUUID()
          await send(run, [reference, target(protocol, compression)])
          await arrived(t, run, counts)
        })
      }
    }
  }

  for (const protocol of ['grpc', 'http/protobuf'] as const) {
    await t.test(`Go, telemetrygen, ${protocol}`, async (t) => {
      const [run, there] = [randomUUID(), randomUUID()]
      await sendWithTelemetrygen(run, target(protocol, 'none'))
      await sendWithTelemetrygen(there, reference)
      const seen = sorted(http.items(run))
      t.same(countsOf(seen), { traces: TELEMETRYGEN_ITEMS, metrics: TELEMETRYGEN_ITEMS, logs: TELEMETRYGEN_ITEMS })
      t.same(sorted(grpc.items(run)), seen, 'both destinations have the same')
      t.same(sorted(seen.map(shapeOf)), sorted(direct.items(there).map(shapeOf)), 'as it is without Millrace')
    })
  }

  await t.test('Jaeger lists the services that sent', async (t) => {
    const services = await servicesOf(jaeger)
    t.same(services.toSorted(), ['javascript-shop', 'python-shop', 'telemetrygen'])
  })
})

/** What telemetrygen makes in every run; the rest is random. */
function shapeOf(item: SeenItem): SeenItem {
  const random = /^(trace|span|parentSpan)Id$|UnixNano$|^(count|sum|bucketCounts|links|resource)$/
  return Object.fromEntries(Object.entries(item).filter(([field]) => !random.test(field)))
}

function countsOf(items: readonly SeenItem[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { signal } of items) counts[String(signal)] = (counts[String(signal)] ?? 0) + 1
  return counts
}

async function servicesOf(jaeger: Jaeger): Promise<string[]> {
  const response = await fetch(`${jaeger.query}/api/services`)
  const { data } = (await response.json()) as { readonly data: string[] }
  return data
}
