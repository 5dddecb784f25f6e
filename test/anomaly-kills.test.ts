// Threads that score are killed under load, again and again: nothing is lost or kept waiting, the ledger adds up, and what was not scored says so.

import { join } from 'node:path'
import t from 'tap'
import { readSpans } from '../core/testing/index.ts'
import { requestOf, Traffic } from './anomaly-traffic.ts'
import { type Backend, httpBackend } from './backend.ts'
import { running } from './program.ts'
import { sendHttp } from './senders.ts'

const PLUGIN = join(import.meta.dirname, 'fixtures/thread-killer.ts')
const config = (backend: string, ofKept: string): string => `
plugins: [./killer.ts]
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { anomaly_model: { warm_up: 500, reservoir_size: 2000, timeout_ms: 5000 } }
processors:
  anomaly: { model: anomaly_model }
  tail_sampling:
    decision_wait: 500ms
    policies:
      - { name: odd, type: anomaly, anomaly: { model: anomaly_model } }
exporters:
  otlp_http: { endpoint: "http://${backend}" }
  otlp_http/kept: { endpoint: "http://${ofKept}" }
service:
  extensions: [anomaly_model]
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], processors: [anomaly], exporters: [otlp_http] }
    traces/kept: { receivers: [otlp], processors: [tail_sampling], exporters: [otlp_http/kept] }
`

t.test('killing scoring threads under load loses nothing, and every span has a score or a reason why not', async (t) => {
  const backend = await httpBackend(t)
  const ofKept = await httpBackend(t)
  const program = await running(t, config(backend.address, ofKept.address), {
    'killer.ts': `export { default } from ${JSON.stringify(PLUGIN)}`,
  })
  const traffic = new Traffic(31)
  const kills = (): number => Number(/killed (\d+)\n(?!.*killed)/s.exec(program.said())?.[1] ?? 0)
  let spans = 0
  const sent = new Set<string>()
  let longestMs = 0
  const isThere = ({ taken }: Backend, text: string): boolean => taken.requests.some(({ chunks }) => (chunks[0] as Buffer).includes(text))
  // Until enough threads were killed after a model had been trained, and both the processor and the policy have scored.
  for (let trained = -1; trained < 0 || kills() < trained + 4 || !isThere(backend, 'anomaly.score') || !isThere(ofKept, 'repeats: ');) {
    // What is frequent is usual: one of four thousand, and none before the model has been trained.
    const isOdd = trained >= 0 && traffic.count % 4000 === 0
    const traces = Array.from({ length: 40 }, (_, i) => traffic.next(isOdd && i === 0 ? 'retry storm' : undefined))
    for (const { id, resources } of traces) {
      sent.add(id)
      spans += resources.reduce((sum, one) => sum + one.spans.length, 0)
    }
    const began = performance.now()
    t.equal((await sendHttp(program.url('receivers.otlp'), 'traces', requestOf(traces))).status, 200)
    longestMs = Math.max(longestMs, performance.now() - began)
    if (trained < 0 && /a model was trained kind=traces/.test(program.said())) trained = kills()
  }
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  t.comment(`${kills()} threads killed, ${spans} spans, the longest wait ${Math.round(longestMs)} ms`)
  const out = program.said()
  t.match(out, `traces → otlp_http: ${spans} received, ${spans} delivered`)
  const account = new RegExp(
    `traces/kept → otlp_http\\/kept: ${spans} received, (\\d+) delivered, (\\d+) dropped \\(tail_sampling: not sampled\\)\n`,
  ).exec(out)
  t.equal(Number(account?.[1]) + Number(account?.[2]), spans, account?.[0] ?? out)
  const taken = backend.taken.requests.flatMap((batch) => readSpans(batch))
  t.equal(taken.length, spans)
  t.same(new Set(taken.map(({ traceId }) => traceId)), sent)
  t.ok(taken.every(({ attributes }) => 'anomaly.score' in attributes !== 'anomaly.unscored' in attributes))
  t.equal(ofKept.taken.requests.flatMap((batch) => readSpans(batch)).length, Number(account?.[1]))
  t.ok(kills() >= 4, 'each thread that was killed was followed by another')
})
