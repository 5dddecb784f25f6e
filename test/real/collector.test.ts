// A real Collector sends to Millrace, compressed as Collectors do, and another one behind it shows exactly what went in.

import t from 'tap'

import { eventually, startCollectorBackend } from './backends.ts'
import { sendWithJavaScript } from './clients/javascript.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'
import { sorted } from './spans.ts'

for (const compression of ['gzip', 'zstd', 'none']) {
  t.test(`Collector (otlp_http, compression ${compression}) → Millrace → Collector`, { skip: lacks('go') }, async (t) => {
    const backend = await startCollectorBackend()
    t.teardown(() => backend.stop())
    const port = await freePort()
    const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters: { otlp_http: { endpoint: http://127.0.0.1:${backend.port}, compression: gzip } }
service:
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`)
    t.teardown(() => millrace.stop())
    const inner = await freePort()
    const yaml = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${inner} } } } }
exporters: { otlp_http: { endpoint: http://127.0.0.1:${port}, compression: ${compression} } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`
    const client = await startCollector(yaml, inner)
    t.teardown(() => client.stop())

    const sent = await sendWithJavaScript({ endpoint: `http://127.0.0.1:${inner}`, format: 'protobuf', compression: 'none' })
    // The Collector in front answers the SDK before it has delivered.
    const seen = await eventually(
      () => backend.spans(),
      ({ length }) => length >= sent.length,
    )
    t.same(sorted(seen), sorted(sent))
  })
}
