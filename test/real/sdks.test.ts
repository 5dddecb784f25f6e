// The SDKs of Python and JavaScript send through Millrace, and a real Collector and a real Jaeger behind it show exactly what they made.

import t, { type Test } from 'tap'

import { jaegerTrace, startCollectorBackend } from './backends.ts'
import { sendWithJavaScript } from './clients/javascript.ts'
import { sendWithPython } from './clients/python.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startJaeger, type Jaeger } from './servers/jaeger.ts'
import { freePort } from './servers/program.ts'
import { sorted, type SeenSpan } from './spans.ts'

const BOTH = ['none', 'gzip'] as const

t.test('Python and JavaScript SDKs → Millrace → Collector and Jaeger', { skip: lacks('go', 'python3') }, async (t) => {
  const collector = await startCollectorBackend()
  t.teardown(() => collector.stop())
  const jaeger = await startJaeger()
  t.teardown(() => jaeger.stop())
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
processors: { batch: {} }
exporters:
  otlp_http/collector: { endpoint: http://127.0.0.1:${collector.port}, compression: none }
  otlp_http/jaeger: { endpoint: ${jaeger.otlpHttp}, compression: gzip }
service:
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlp_http/collector, otlp_http/jaeger] }
`)
  t.teardown(() => millrace.stop())

  /** The client was answered, so the spans are there: nothing waits before the Collector's file is read. */
  const arrived = async (t: Test, sent: readonly SeenSpan[]): Promise<void> => {
    t.equal(sent.length, 3)
    const traceId = sent[0]?.traceId ?? ''
    const ofTrace = collector.spans().filter((span) => span.traceId === traceId)
    t.same(sorted(ofTrace), sorted(sent), 'at the Collector')
    t.same(sorted(await jaegerTrace(jaeger, traceId, sent.length)), sorted(sent), 'at Jaeger')
  }

  for (const compression of BOTH) {
    await t.test(`Python, protobuf, compression ${compression}`, async (t) => arrived(t, await sendWithPython(endpoint, compression)))
    for (const format of ['protobuf', 'json'] as const) {
      await t.test(`JavaScript, ${format}, compression ${compression}`, async (t) =>
        arrived(t, await sendWithJavaScript({ endpoint, format, compression })),
      )
    }
  }

  await t.test('Jaeger lists the services that sent', async (t) => {
    const services = await servicesOf(jaeger)
    t.same(services.toSorted(), ['javascript-shop-json', 'javascript-shop-protobuf', 'python-shop'])
  })
})

async function servicesOf(jaeger: Jaeger): Promise<string[]> {
  const response = await fetch(`${jaeger.query}/api/services`)
  const { data } = (await response.json()) as { readonly data: string[] }
  return data
}
