// The backend is killed under load and comes back: whatever Millrace acknowledged is at the backend, seen from the sender's side.

import { setTimeout as sleep } from 'node:timers/promises'

import t from 'tap'

import { Load } from '../../bench/load.ts'
import { SpanTally, type Verdict } from '../../bench/span-tally.ts'
import { eventually, startCollectorBackend, type CollectorBackend } from './backends.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { freePort } from './servers/program.ts'

const RUN = 0x6b696c6c
const OUTAGES = 6

const WAYS = [
  { transport: 'http', processors: '', queue: false },
  { transport: 'http', processors: 'batch', queue: false },
  { transport: 'grpc', processors: 'batch', queue: false },
  // In memory: what it has taken is delivered as long as Millrace itself lives.
  { transport: 'grpc', processors: 'batch', queue: true },
] as const

for (const { transport, processors, queue } of WAYS) {
  const way = `${transport}, processors: [${processors}]${queue ? ', with a sending_queue' : ''}`
  t.test(`kill -9 of the backend, ${OUTAGES} times under load, loses no acknowledged span (${way})`, { skip: lacks('go') }, async (t) => {
    const backend = await startCollectorBackend(['killed'])
    t.teardown(() => backend.stop())
    const { killed } = backend.inlets
    const port = await freePort()
    const pauses = 'retry_on_failure: { initial_interval: 50ms, max_interval: 100ms }'
    const address = transport === 'grpc' ? `127.0.0.1:${killed.grpc}, tls: { insecure: true }` : `http://127.0.0.1:${killed.http}`
    const millrace = await startMillrace(`
receivers: { otlp: { protocols: { ${transport}: { endpoint: 127.0.0.1:${port} } } } }
processors: { ${processors && 'batch: {}'} }
exporters: { otlp_${transport}: { endpoint: ${address}, compression: none, ${pauses}, sending_queue: { enabled: ${queue} } } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], processors: [${processors}], exporters: [otlp_${transport}] } }
`)
    t.teardown(() => millrace.stop())
    const path = transport === 'grpc' ? '/opentelemetry.proto.collector.trace.v1.TraceService/Export' : '/v1/traces'
    const load = new Load({ port, path, transport, run: RUN, spansPerRequest: 5, connections: 32, gzip: false })
    t.teardown(() => load.close())
    await load.connect()

    const during = load.run({ seconds: 8, tracesPerSecond: 600 })
    await killAndRestart(backend)
    const first = await during
    const after = await load.run({ seconds: 1, tracesPerSecond: 100 })

    t.ok(first.acceptedRequests > 0, `accepted while the backend came and went: ${first.acceptedRequests}`)
    if (!queue) t.ok(first.latency.max > 200 || refused(first.statuses) > 0, 'the outages were felt')
    t.equal(after.acceptedRequests, after.sentRequests, 'everything is accepted again at the end')
    const verdict = (): Verdict => tallyOf(backend).verdict(load.answers)
    const { lost, duplicates, delivered } = queue ? await eventually(verdict, (seen) => seen.lost === 0) : verdict()
    t.equal(lost, 0, `${delivered} spans delivered, ${duplicates} duplicates`)
  })
}

/** 503 over HTTP; over gRPC UNAVAILABLE, as the load writes it. */
function refused(statuses: Readonly<Record<string, number>>): number {
  return (statuses['503'] ?? 0) + (statuses['1014'] ?? 0)
}

async function killAndRestart(backend: CollectorBackend<'killed'>): Promise<void> {
  for (let outage = 0; outage < OUTAGES; outage++) {
    await sleep(700)
    await backend.program.kill()
    await sleep(400)
    await backend.restart()
  }
}

function tallyOf(backend: CollectorBackend<'killed'>): SpanTally {
  const tally = new SpanTally(RUN)
  for (const { traceId, spanId } of backend.inlets.killed.items()) tally.tick(Buffer.from(String(traceId) + String(spanId), 'hex'), 0, 16)
  return tally
}
