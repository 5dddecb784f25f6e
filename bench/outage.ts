// A backend that is away for as long as it takes to fill a queue on disk, and a `kill -9` in the middle: how soon is the first request answered again, how
// fast does the queue empty while new load comes, in which order, and is anything lost? `npx node bench/outage.ts --gib 10`.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { freePort, listens, type Program, startProgram } from '../test/real/servers/program.ts'
import { Load } from './load.ts'
import { cpuMicroseconds, peakRssBytes } from './process-cost.ts'
import { SpanTally } from './span-tally.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const RUN = 0x6f_7574_61
const SPANS_PER_REQUEST = 100
const GIB = 2 ** 30
/** A request's protobuf, about, in bytes: see README.md. */
const REQUEST_BYTES = 46_500

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '10' },
    /** While the queue empties. */
    'live-traces': { type: 'string', default: '2000' },
  },
})

/** Ticks off what arrives, and notes in which order. Until it is `back` it refuses, and counts nothing. */
class Backend {
  readonly tally = new SpanTally(RUN)
  isBack = false
  /** First spans of the requests that arrived, in the order of their arrival. */
  readonly order: number[] = []

  async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { isBack } = this
    if (isBack) {
      const before = this.tally.lastTicked
      this.tally.add(Buffer.concat(parts))
      if (this.tally.lastTicked !== before) this.order.push(Math.floor(this.tally.lastTicked / SPANS_PER_REQUEST))
    }
    response.writeHead(isBack ? 200 : 503, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
  }
}

/** How many requests of the backlog came after one that is younger by more than `window`. */
function outOfOrder(order: readonly number[], backlog: number, window: number): number {
  let [youngest, late] = [0, 0]
  for (const request of order) {
    if (request >= backlog) continue
    if (request < youngest - window) late++
    youngest = Math.max(youngest, request)
  }
  return late
}

async function run(): Promise<object> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-outage-'))
  const [port, backendPort] = [await freePort(), await freePort()]
  const backend = new Backend()
  const server = createServer((request, response) => void backend.take(request, response).catch(() => {}))
  await new Promise<void>((resolve) => server.listen(backendPort, '127.0.0.1', resolve))
  const file = join(folder, 'config.yaml')
  await writeFile(file, config(port, backendPort, join(folder, 'storage')))
  const args = [MAIN, 'run', '--config', file]
  const start = (): Promise<Program> =>
    startProgram({ name: 'millrace', command: process.execPath, args, pollMs: 2, ready: () => listens(port) })
  let program = await start()
  const load = new Load({ port, path: '/v1/traces', run: RUN, spansPerRequest: SPANS_PER_REQUEST, connections: 16, gzip: false })
  try {
    await load.connect()
    const wanted = Math.ceil((Number(values.gib) * GIB) / REQUEST_BYTES)
    const began = performance.now()
    let filled = 0
    while (filled < wanted) filled += (await load.run({ seconds: 2 })).acceptedRequests
    const fillSeconds = (performance.now() - began) / 1000
    const backlog = load.answers.requests

    await program.kill()
    const killed = performance.now()
    program = await start()
    await oneSpan(port)
    const firstAnswerMs = performance.now() - killed

    backend.isBack = true
    const back = performance.now()
    const cpu = cpuMicroseconds(program.pid)
    const live = { tracesPerSecond: Number(values['live-traces']) }
    const latencies: number[] = []
    let liveRequests = 0
    let verdict = backend.tally.verdict(load.answers)
    do {
      const phase = await load.run({ seconds: 2, ...live })
      latencies.push(phase.latency.p99)
      liveRequests += phase.acceptedRequests
      verdict = backend.tally.verdict(load.answers)
    } while (verdict.lost > 20_000)
    const drainSeconds = (performance.now() - back) / 1000
    while (verdict.lost > 0 && performance.now() - back < 600_000) {
      await sleep(100)
      verdict = backend.tally.verdict(load.answers)
    }
    const spans = (filled + liveRequests) * SPANS_PER_REQUEST
    return {
      machine: `${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}, load ${loadavg()[0]} after`,
      backlog: { requests: filled, spans: filled * SPANS_PER_REQUEST, gib: (filled * REQUEST_BYTES) / GIB },
      fill: { seconds: fillSeconds, spansPerSecond: (filled * SPANS_PER_REQUEST) / fillSeconds },
      killToFirstAnswerMs: firstAnswerMs,
      drain: {
        seconds: drainSeconds,
        spansPerSecond: spans / drainSeconds,
        megabytesPerSecond: ((spans / SPANS_PER_REQUEST) * REQUEST_BYTES) / 1e6 / drainSeconds,
        microsPerSpan: (cpuMicroseconds(program.pid) - cpu) / spans,
        liveSpansPerSecond: (liveRequests * SPANS_PER_REQUEST) / drainSeconds,
        liveP99Ms: latencies.toSorted((a, b) => a - b)[latencies.length >> 1],
      },
      requestsOutOfOrder: outOfOrder(backend.order, backlog, 200),
      peakMegabytes: peakRssBytes(program.pid) / 1e6,
      lost: verdict.lost,
      duplicates: verdict.duplicates,
    }
  } finally {
    load.close()
    await program.stop()
    server.close()
    server.closeAllConnections()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Settles once a span that nobody looks for was answered for. */
async function oneSpan(port: number): Promise<void> {
  const span = { traceId: '1'.repeat(32), spanId: '1'.repeat(16), name: 'first', startTimeUnixNano: '1', endTimeUnixNano: '2' }
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  while ((await fetch(`http://127.0.0.1:${port}/v1/traces`, request)).status !== 200) await sleep(1)
}

const config = (port: number, backend: number, storage: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
extensions: { file_storage: { directory: ${storage}, max_size: 60GiB } }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:${backend}
    compression: none
    retry_on_failure: { initial_interval: 50ms, max_interval: 1s }
    sending_queue: { enabled: true, storage: file_storage }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`

const result = await run()
console.log(JSON.stringify(result, undefined, 2))
