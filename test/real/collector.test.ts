// A real Collector sends to Millrace, over both protocols and compressed as Collectors do, and another one behind it shows exactly what went in.

import { randomUUID } from 'node:crypto'

import t from 'tap'

import { eventually, startCollectorBackend } from './backends.ts'
import { sendEveryField } from './clients/every-field.ts'
import { sendWithJavaScript } from './clients/javascript.ts'
import type { Target } from './clients/target.ts'
import { sorted } from './items.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'

const WAYS = ['none', 'gzip', 'zstd'].flatMap((compression) => [
  { compression, exporter: 'otlp_grpc' },
  { compression, exporter: 'otlp_http' },
])
const json = (port: number): Target => ({ protocol: 'http/json', endpoint: `http://127.0.0.1:${port}`, compression: 'none' })

t.test('Collector → Millrace → Collector', { skip: lacks('go') }, async (t) => {
  const backend = await startCollectorBackend(['direct', 'http', 'grpc'])
  t.teardown(() => backend.stop())
  const { direct, http, grpc } = backend.inlets
  const [httpPort, grpcPort] = [await freePort(), await freePort()]
  const all = '{ receivers: [otlp], exporters: [otlp_http, otlp_grpc] }'
  const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${httpPort} }, grpc: { endpoint: 127.0.0.1:${grpcPort} } } } }
exporters:
  otlp_http: { endpoint: http://127.0.0.1:${http.http}, compression: gzip }
  otlp_grpc: { endpoint: 127.0.0.1:${grpc.grpc}, compression: zstd, tls: { insecure: true } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: ${all}, metrics: ${all}, logs: ${all} }
`)
  t.teardown(() => millrace.stop())

  await t.test('every field, in JSON straight to Millrace', async (t) => {
    const run = randomUUID()
    await sendEveryField(run, [json(direct.http), json(httpPort)])
    t.equal(direct.items(run).length, 2 + 3 * 4 + 2 + 1 + 1 + 3)
    t.same(sorted(http.items(run)), sorted(direct.items(run)), 'behind otlp_http')
    t.same(sorted(grpc.items(run)), sorted(direct.items(run)), 'behind otlp_grpc')
  })

  for (const { exporter, compression } of WAYS) {
    await t.test(`${exporter}, compression ${compression}`, async (t) => {
      const inner = await freePort()
      const endpoint = exporter === 'otlp_grpc' ? `127.0.0.1:${grpcPort}, tls: { insecure: true }` : `http://127.0.0.1:${httpPort}`
      const each = `{ receivers: [otlp], exporters: [${exporter}] }`
      const client = await startCollector(
        `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${inner} } } } }
exporters: { ${exporter}: { endpoint: ${endpoint}, compression: ${compression} } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: ${each}, metrics: ${each}, logs: ${each} }
`,
        inner,
      )
      t.teardown(() => client.stop())
      const run = randomUUID()
      await sendWithJavaScript(run, [json(direct.http), json(inner)])
      await sendEveryField(run, [json(direct.http), json(inner)])
      const sent = sorted(direct.items(run))
      // The Collector in front answers before it has delivered.
      const seen = (): number => Math.min(http.items(run).length, grpc.items(run).length)
      await eventually(seen, (count) => count >= sent.length)
      t.same(sorted(http.items(run)), sent, 'behind otlp_http')
      t.same(sorted(grpc.items(run)), sent, 'behind otlp_grpc')
    })
  }
})
