// What remote write costs: data points by OTLP over HTTP in, samples by remote write out, to a server that counts them, Millrace and the Collector
// one after the other in every round. `npx node bench/remote-write.ts [--rounds 3] [--seconds 6] [--peers collector] [--only numbers-v1,…]`.
//
// A sample is what Prometheus calls one: a gauge or a counter is one, a histogram of 15 buckets is 17. Every point has five attributes, its resource four.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { installCollector } from '../test/real/servers/collector.ts'
import { freePort, listens, type Program, startProgram } from '../test/real/servers/program.ts'
import { Forked } from './forked.ts'
import { cpuMicroseconds, peakRssBytes } from './process-cost.ts'
import type { SinkReply } from './remote-write-sink.ts'
import { attribute, field, fixed64Field, varintField } from './wire.ts'

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    peers: { type: 'string', default: 'collector' },
    only: { type: 'string', default: '' },
    'cpu-prof': { type: 'string' },
  },
})

interface Case {
  readonly name: string
  readonly version: 'v1' | 'v2'
  readonly kind: 'number' | 'histogram'
  /** Points a request. */
  readonly points: number
  /** Streams in all: requests take turns. */
  readonly streams: number
  /** Points a second; without it as fast as 8 connections go. */
  readonly rate?: number
  readonly warmUpSeconds?: number
}

const CASES: readonly Case[] = [
  { name: 'numbers-v1', version: 'v1', kind: 'number', points: 1000, streams: 20_000 },
  { name: 'numbers-v2', version: 'v2', kind: 'number', points: 1000, streams: 20_000 },
  { name: 'histograms-v1', version: 'v1', kind: 'histogram', points: 100, streams: 2000 },
  { name: 'histograms-v2', version: 'v2', kind: 'histogram', points: 100, streams: 2000 },
  { name: 'small-requests-v2', version: 'v2', kind: 'number', points: 100, streams: 20_000 },
  { name: 'memory-100k-series', version: 'v2', kind: 'number', points: 1000, streams: 100_000, rate: 20_000, warmUpSeconds: 6 },
  { name: 'a-million-a-minute', version: 'v2', kind: 'number', points: 1000, streams: 17_000, rate: 16_667 },
  { name: 'a-million-a-minute-by-100', version: 'v2', kind: 'number', points: 100, streams: 16_700, rate: 16_667 },
]

const SECONDS = Number(given.seconds)
const CONNECTIONS = 8
const BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500]

/** A request, and where its points have their times. */
interface Body {
  readonly bytes: Buffer
  readonly timesAt: readonly number[]
}

const MARK = 0x1234_5678_9abc_def0n
const MARKED = Buffer.from('f0debc9a78563412', 'hex')

function bodiesOf({ kind, points, streams }: Case): Body[] {
  return Array.from({ length: Math.ceil(streams / points) }, (_, n) => {
    const resource = field(
      1,
      attribute(1, 'service.name', 'checkout'),
      attribute(1, 'service.instance.id', `checkout-${n}`),
      attribute(1, 'host.name', 'checkout-7c9d5b8f64-x2kqp'),
      attribute(1, 'service.version', '2.14.3'),
    )
    const metrics: Buffer[] = []
    for (let first = 0; first < points; first += 20) {
      const own = Array.from({ length: Math.min(20, points - first) }, (_, i) => field(1, kind === 'number' ? number(i) : histogram(i)))
      const shape = kind === 'number' ? field(7, ...own, varintField(2, 2), varintField(3, 1)) : field(9, ...own, varintField(2, 2))
      metrics.push(
        field(2, field(1, `http.server.metric_${first / 20}`), field(2, 'What the server measures.'), field(3, '{request}'), shape),
      )
    }
    const scope = field(1, field(1, '@opentelemetry/instrumentation-http'), field(2, '0.57.1'))
    const bytes = field(1, resource, field(2, scope, ...metrics))
    const timesAt: number[] = []
    for (let p = bytes.indexOf(MARKED); p >= 0; p = bytes.indexOf(MARKED, p + 8)) timesAt.push(p)
    return { bytes, timesAt }
  })
}

const STARTED = BigInt(Date.now() - 600_000) * 1_000_000n

function attributesOf(tag: number, i: number): Buffer[] {
  return [
    attribute(tag, 'http.request.method', 'POST'),
    attribute(tag, 'http.route', `/api/checkout/${i}`),
    attribute(tag, 'http.response.status_code', 200),
    attribute(tag, 'network.protocol.version', '1.1'),
    attribute(tag, 'server.address', 'checkout'),
  ]
}

function number(i: number): Buffer {
  const value = Buffer.alloc(9)
  value[0] = 0x21
  value.writeDoubleLE(i * 1000.5, 1)
  return Buffer.concat([fixed64Field(2, STARTED), fixed64Field(3, MARK), value, ...attributesOf(7, i)])
}

function histogram(i: number): Buffer {
  const sum = Buffer.alloc(9)
  sum[0] = 0x29
  sum.writeDoubleLE(i * 3.5, 1)
  const counts = Buffer.alloc((BOUNDS.length + 1) * 8)
  for (let b = 0; b <= BOUNDS.length; b++) counts.writeBigUInt64LE(BigInt(b * i), b * 8)
  const bounds = Buffer.alloc(BOUNDS.length * 8)
  for (const [b, bound] of BOUNDS.entries()) bounds.writeDoubleLE(bound, b * 8)
  return Buffer.concat([
    fixed64Field(2, STARTED),
    fixed64Field(3, MARK),
    fixed64Field(4, 1000n),
    sum,
    field(6, counts),
    field(7, bounds),
    ...attributesOf(9, i),
  ])
}

function configOf(program: string, one: Case, inlet: number, outlet: number): string {
  const endpoint = `http://127.0.0.1:${outlet}/api/v1/write`
  const message = one.version === 'v1' ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request'
  const own = program === 'collector' ? ', tls: { insecure: true }' : ''
  return `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${inlet}" } } } }
exporters: { prometheus_remote_write: { endpoint: "${endpoint}", protobuf_message: ${message}${own} } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { metrics: { receivers: [otlp], exporters: [prometheus_remote_write] } }
`
}

async function start(
  program: string,
  one: Case,
  folder: string,
  outlet: number,
): Promise<{ readonly program: Program; readonly port: number }> {
  const port = await freePort()
  const file = join(folder, `${program}.yaml`)
  await writeFile(file, configOf(program, one, port, outlet))
  const gate = '--feature-gates=exporter.prometheusremotewritexporter.enableSendingRW2'
  const profile = given['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${given['cpu-prof']}`]
  const command = program === 'collector' ? await installCollector() : process.execPath
  const args =
    program === 'collector' ? ['--config', file, gate] : [...profile, join(import.meta.dirname, '../main.ts'), 'run', '--config', file]
  return { program: await startProgram({ name: program, command, args, ready: () => listens(port) }), port }
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

/** Now, in nanoseconds, and never the same millisecond twice for a body: no two samples of a series have one time. */
function send(port: number, body: Body): Promise<boolean> {
  const now = BigInt(Date.now()) * 1_000_000n
  const bytes = Buffer.from(body.bytes)
  for (const at of body.timesAt) bytes.writeBigUInt64LE(now, at)
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': bytes.length }
    const asked = request({ port, host: '127.0.0.1', path: '/v1/metrics', method: 'POST', headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode === 200))
    })
    asked.on('error', () => resolve(false))
    asked.end(bytes)
  })
}

interface Phase {
  readonly accepted: number
  readonly refused: number
}

async function phase(port: number, one: Case, bodies: readonly Body[], seconds: number): Promise<Phase> {
  const end = performance.now() + seconds * 1000
  let [next, accepted, refused] = [0, 0, 0]
  const note = (ok: boolean): void => {
    if (ok) accepted += one.points
    else refused += one.points
  }
  const turn = (): Body => bodies[next++ % bodies.length]!
  if (one.rate === undefined) {
    // Each body is with one connection alone, so that its times ascend.
    const lastMs = new Map<Body, number>()
    const connections = Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < end) {
        const body = turn()
        if (lastMs.get(body) === Date.now()) await sleep(1)
        lastMs.set(body, Date.now())
        note(await send(port, body))
      }
    })
    await Promise.all(connections)
    return { accepted, refused }
  }
  const began = performance.now()
  const open: Promise<void>[] = []
  for (let sent = 0; performance.now() < end; sent++) {
    const due = began + (sent * one.points * 1000) / one.rate
    if (due > performance.now()) await sleep(due - performance.now())
    open.push(send(port, turn()).then(note))
  }
  await Promise.all(open)
  return { accepted, refused }
}

interface Row {
  readonly case: string
  readonly program: string
  readonly microsPerPoint: number
  readonly microsPerSample: number
  readonly samplesPerSecondACore: number
  readonly samplesPerSecond: number
  readonly bytesPerSample: number
  readonly coreShare: number
  readonly peakMegabytes: number
  readonly lost: number
}

async function measure(one: Case, name: string): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-remote-write-'))
  const sink = await Forked.start<object, SinkReply>('remote-write-sink.ts', [])
  const { port: outlet } = await sink.ask({})
  const { program, port } = await start(name, one, folder, outlet)
  try {
    const bodies = bodiesOf(one)
    const perPoint = one.kind === 'number' ? 1 : BOUNDS.length + 3
    const warm = await phase(port, one, bodies, one.warmUpSeconds ?? 3)
    await arrived(sink, warm.accepted * perPoint)
    const [before, cost, began] = [await sink.ask({}), cpuMicroseconds(program.pid), performance.now()]
    const { accepted, refused } = await phase(port, one, bodies, SECONDS)
    if (refused > 0) process.stderr.write(`${one.name} ${name}: ${refused} points were refused\n`)
    const seconds = (performance.now() - began) / 1000
    const after = await arrived(sink, before.samples + accepted * perPoint)
    const micros = cpuMicroseconds(program.pid) - cost
    const samples = accepted * perPoint
    return {
      case: one.name,
      program: name,
      microsPerPoint: micros / accepted,
      microsPerSample: micros / samples,
      samplesPerSecondACore: (samples / micros) * 1e6,
      samplesPerSecond: samples / seconds,
      bytesPerSample: (after.bytes - before.bytes) / Math.max(1, after.samples - before.samples),
      coreShare: micros / 1e6 / seconds,
      peakMegabytes: peakRssBytes(program.pid) / 2 ** 20,
      lost: Math.max(0, samples - (after.samples - before.samples)),
    }
  } finally {
    await program.stop()
    await sink.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Waits until so many samples have arrived, or none has for a second. `target_info` arrives, too. */
async function arrived(sink: Forked<object, SinkReply>, samples: number): Promise<SinkReply> {
  let seen = await sink.ask({})
  for (let still = 0; seen.samples < samples && still < 20;) {
    await sleep(50)
    const now = await sink.ask({})
    still = now.samples === seen.samples ? still + 1 : 0
    seen = now
  }
  return seen
}

const wanted = given.only === '' ? CASES : CASES.filter(({ name }) => given.only.split(',').includes(name))
const programs = ['millrace', ...given.peers.split(',').filter((name) => name !== '')]
const rows: Row[] = []
for (const one of wanted) {
  for (let round = 0; round < Number(given.rounds); round++)
    for (const name of round % 2 === 0 ? programs : programs.toReversed()) {
      const row = await measure(one, name)
      rows.push(row)
      process.stderr.write(
        `${one.name} ${name}: ${row.microsPerSample.toFixed(3)} µs a sample, ${row.lost} lost, ${row.peakMegabytes.toFixed(0)} MB\n`,
      )
    }
}
agent.destroy()

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
const lines = [
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}, ${commit}, load average ${loadavg()[0]!.toFixed(1)}, ${given.rounds} rounds of ${given.seconds} s, \`npx node bench/remote-write.ts ${process.argv.slice(2).join(' ')}\``,
  '',
  '| case | program | µs of CPU a point | a sample | samples/s a core | samples/s here | bytes a sample | share of a core | peak MB | lost |',
  '|---|---|---|---|---|---|---|---|---|---|',
]
for (const one of wanted)
  for (const name of programs) {
    const own = rows.filter((row) => row.case === one.name && row.program === name)
    const mid = (key: Exclude<keyof Row, 'case' | 'program'>): number => median(own.map((row) => row[key]))
    const lost = Math.max(...own.map((row) => row.lost))
    lines.push(
      `| ${one.name} | ${name} | ${mid('microsPerPoint').toFixed(2)} | ${mid('microsPerSample').toFixed(3)} | ${Math.round(mid('samplesPerSecondACore') / 1000)}k | ${Math.round(mid('samplesPerSecond') / 1000)}k | ${mid('bytesPerSample').toFixed(1)} | ${(mid('coreShare') * 100).toFixed(1)} % | ${mid('peakMegabytes').toFixed(0)} | ${lost} |`,
    )
  }
process.stdout.write(`${lines.join('\n')}\n`)
