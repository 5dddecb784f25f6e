// The backend is killed under load and comes back: whatever Millrace answered with 200 is at the backend, seen from the sender's side.

import { setTimeout as sleep } from 'node:timers/promises'

import t from 'tap'

import { Load } from '../../bench/load.ts'
import { SpanTally } from '../../bench/span-tally.ts'
import { startCollectorBackend, type CollectorBackend } from './backends.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { freePort } from './servers/program.ts'

const RUN = 0x6b696c6c
const OUTAGES = 6

for (const processors of ['', 'batch']) {
  const name = `kill -9 of the backend, ${OUTAGES} times under load, loses no acknowledged span (processors: [${processors}])`
  t.test(name, { skip: lacks('go') }, async (t) => {
    const backend = await startCollectorBackend(['killed'])
    t.teardown(() => backend.stop())
    const port = await freePort()
    const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
processors: { ${processors && 'batch: {}'} }
exporters: { otlp_http: { endpoint: http://127.0.0.1:${backend.inlets.killed.http}, compression: none, retry_on_failure: { initial_interval: 50ms, max_interval: 100ms } } }
service:
  pipelines: { traces: { receivers: [otlp], processors: [${processors}], exporters: [otlp_http] } }
`)
    t.teardown(() => millrace.stop())
    const load = new Load({ port, path: '/v1/traces', run: RUN, spansPerRequest: 5, connections: 32, gzip: false })
    t.teardown(() => load.close())
    await load.connect()

    const during = load.run({ seconds: 8, tracesPerSecond: 600 })
    await killAndRestart(backend)
    const first = await during
    const after = await load.run({ seconds: 1, tracesPerSecond: 100 })

    t.ok(first.acceptedRequests > 0, `accepted while the backend came and went: ${first.acceptedRequests}`)
    t.ok(first.latency.max > 200 || (first.statuses['503'] ?? 0) > 0, 'the outages were felt')
    t.equal(after.acceptedRequests, after.sentRequests, 'everything is accepted again at the end')
    const { lost, duplicates, delivered } = tallyOf(backend).verdict(load.answers)
    t.equal(lost, 0, `${delivered} spans delivered, ${duplicates} duplicates`)
  })
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
