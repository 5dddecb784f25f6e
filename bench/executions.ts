// What open executions take, how soon messages have their effect, and whether memory stays flat: `npx node bench/executions.ts [--open 100000]
// [--seconds 30] [--rate 1000] [--minutes 0]`. Published messages over HTTP, one a line. Linux only.

import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, request } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort, listens, startProgram } from '../test/real/servers/program.ts'
import { peakRssBytes } from './process-cost.ts'

const { values: given } = parseArgs({
  options: {
    open: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '30' },
    rate: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '0' },
  },
})
const PROBES_PER_SECOND = 50
const WARM_UP = 5 * PROBES_PER_SECOND
const ROOT = join(import.meta.dirname, '..')
const STARTS = ['flat-start', 'envelope-start']
const ALL = ['flat-start', 'flat-update', 'flat-metrics', 'flat-anomaly', 'flat-finish', 'envelope-start', 'envelope-update', 'envelope-metrics', 'envelope-finish'] // prettier-ignore
const TEXTS: ReadonlyMap<string, string> = new Map(ALL.map((name) => [name, unsigned(name)]))

function unsigned(name: string): string {
  const { security: _, ...message } = JSON.parse(readFileSync(join(ROOT, `core/mplp/fixtures/${name}.json`), 'utf8')) as Record<
    string,
    unknown
  >
  return JSON.stringify(message)
}

/** A message of execution `n` of its dialect. */
function messageOf(name: string, n: number): string {
  const id = n.toString(16).padStart(8, '0')
  return TEXTS.get(name)!.replaceAll('run 417', `run ${id}`).replaceAll('0af76519', id).replaceAll('"msg-', `"${id}-`)
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 })
let notAccepted = 0

async function post(port: number, lines: readonly string[]): Promise<void> {
  const body = Buffer.from(lines.join('\n'))
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length }
  const answer = await new Promise<string>((resolve, reject) => {
    const sending = request({ host: '127.0.0.1', port, path: '/v1/messages', method: 'POST', agent, headers }, (response) => {
      text(response).then(resolve, reject)
    })
    sending.on('error', reject).end(body)
  })
  notAccepted += lines.length - answer.split('"status":"accepted"').length + 1
}

/** Takes requests of metrics as a destination would; `arrived` is told of each probe in them. */
const destination = createServer((incoming, response) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    const now = performance.now()
    for (const [found] of Buffer.concat(chunks)
      .toString('latin1')
      .matchAll(/probe_\d+(?!\d|\.)/g))
      arrivals.set(found, now)
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
})
const arrivals = new Map<string, number>()
destination.listen(0, '127.0.0.1')
await sleep(50)

const CONFIG = (port: number): string => `
receivers: { mplp: { endpoint: "127.0.0.1:${port}", executions: { max_open: 1000000 } } }
exporters: { otlp_http: { endpoint: "http://127.0.0.1:${(destination.address() as AddressInfo).port}", compression: none }, nop: }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [mplp], exporters: [nop] }
    metrics: { receivers: [mplp], exporters: [otlp_http] }
    logs: { receivers: [mplp], exporters: [nop] }
`

const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function withProgram(work: (port: number, pid: number) => Promise<void>): Promise<void> {
  const port = await freePort()
  const file = join(folder, 'pipeline.yaml')
  await writeFile(file, CONFIG(port))
  const args = [join(ROOT, 'main.ts'), 'run', '--config', file]
  const program = await startProgram({ name: 'millrace', command: process.execPath, args, ready: () => listens(port) })
  try {
    await work(port, program.pid)
  } finally {
    await program.stop()
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)
const residentBytes = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

/** Starts alone, of both dialects in turn. */
async function open(count: number): Promise<void> {
  await withProgram(async (port, pid) => {
    for (let n = 0; n < count; n += 100) {
      const names = Array.from({ length: Math.min(100, count - n) }, (_, i) => messageOf(STARTS[(n + i) % 2]!, n + i))
      await post(port, names)
    }
    const peak = peakRssBytes(pid)
    await sleep(20_000)
    say(`${count} open executions: ${megabytes(peak)} MB at most while they came, ${megabytes(residentBytes(pid))} MB 20 s later`)
  })
}

/** Whole executions at a rate, and beside them a start and an update with a measurement of its own every 20 ms. */
async function latencies(seconds: number, perSecond: number): Promise<void> {
  await withProgram(async (port) => {
    const begins = performance.now()
    const [startsMs, sentAt]: [number[], Map<string, number>] = [[], new Map()]
    const waiting: Promise<void>[] = []
    let [n, probes] = [0, 0]
    while (performance.now() < begins + seconds * 1000) {
      const elapsed = (performance.now() - begins) / 1000
      for (; n * ALL.length < elapsed * perSecond; n++) waiting.push(post(port, ALL.map((name) => messageOf(name, n)))) // prettier-ignore
      for (; probes < elapsed * PROBES_PER_SECOND; probes++) waiting.push(probe(port, probes, startsMs, sentAt))
      await sleep(1)
    }
    await Promise.all(waiting)
    await sleep(500)
    // Without the first five seconds, in which everything is compiled.
    startsMs.splice(0, WARM_UP)
    const metricsMs = [...sentAt].slice(WARM_UP).map(([name, at]) => arrivals.get(name)! - at)
    say(`${perSecond} messages/s: a start is answered after ${percentiles(startsMs)}`)
    say(`  an update's measurement is at the destination after ${percentiles(metricsMs)}`)
  })
}

async function probe(port: number, number: number, startsMs: number[], sentAt: Map<string, number>): Promise<void> {
  const [name, n] = [`probe_${number}`, 0x4000_0000 + number]
  const began = performance.now()
  await post(port, [messageOf('flat-start', n)])
  startsMs.push(performance.now() - began)
  const update = JSON.parse(messageOf('flat-update', n)) as Record<string, unknown>
  sentAt.set(name, performance.now())
  await post(port, [JSON.stringify({ ...update, custom_metrics: { [name]: 1 } })])
}

function percentiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (q: number): string => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!.toFixed(1)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${values.length})`
}

async function flat(minutes: number, perSecond: number): Promise<void> {
  await withProgram(async (port, pid) => {
    const begins = performance.now()
    let said = 0
    for (let n = 0; performance.now() < begins + minutes * 60_000; await sleep(2)) {
      const elapsed = (performance.now() - begins) / 1000
      for (; n * ALL.length < elapsed * perSecond; n++) void post(port, ALL.map((name) => messageOf(name, n))) // prettier-ignore
      if (elapsed / 30 > said) say(`after ${30 * said++} s: ${megabytes(residentBytes(pid))} MB`)
    }
  })
}

try {
  if (Number(given.open) > 0) await open(Number(given.open))
  if (Number(given.seconds) > 0) await latencies(Number(given.seconds), Number(given.rate))
  if (Number(given.minutes) > 0) await flat(Number(given.minutes), Number(given.rate))
  say(`not accepted: ${notAccepted}`)
} finally {
  agent.destroy()
  destination.close()
  await rm(folder, { recursive: true })
}
