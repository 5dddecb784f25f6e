// `kill -9` of Millrace under load, again and again, on one queue on disk: is everything that it acknowledged at the backend in the end? The test in
// test/real/ does it 20 times; alone: `npx node bench/kills.ts --kills 200`.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { freePort, listens, type Program, startProgram } from '../test/real/servers/program.ts'
import { Load } from './load.ts'
import { SpanTally, type Verdict } from './span-tally.ts'

export interface KillsOptions {
  readonly kills: number
  /** Where all that is random begins. */
  readonly seed: number
  readonly tracesPerSecond?: number
  readonly say?: (line: string) => void
}

export interface Kills extends Verdict {
  readonly kills: number
  readonly seed: number
  readonly acknowledged: number
  /** From starting the program to its accepting connections, in milliseconds, over all restarts. */
  readonly restartMs: { readonly p50: number; readonly max: number }
  /** From the last start to the last span's arrival, in milliseconds. */
  readonly drainMs: number
}

const MAIN = join(import.meta.dirname, '../main.ts')
const RUN = 0x6b_696c_6c
const SPANS_PER_REQUEST = 20
/** How long the last run may take to hand on what is left, in milliseconds. */
const DRAIN_MS = 60_000

export async function killAgainAndAgain({ kills, seed, tracesPerSecond = 2000, say = () => {} }: KillsOptions): Promise<Kills> {
  const random = randomFrom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'millrace-kills-'))
  const [port, backend] = [await freePort(), await startBackend()]
  const file = join(folder, 'config.yaml')
  await writeFile(file, config(port, backend.port, join(folder, 'storage')))
  const restarts: number[] = []
  const restart = async (): Promise<Program> => {
    const began = performance.now()
    const args = [MAIN, 'run', '--config', file]
    const program = await startProgram({ name: 'millrace', command: process.execPath, args, pollMs: 2, ready: () => listens(port) })
    restarts.push(performance.now() - began)
    return program
  }
  let program = await restart()
  const options = { port, path: '/v1/traces', run: RUN, spansPerRequest: SPANS_PER_REQUEST, connections: 32, gzip: false }
  const load = new Load(options)
  try {
    await load.connect()
    const over = new AbortController()
    const loading = keepLoading(load, tracesPerSecond, over.signal)
    for (let kill = 1; kill <= kills; kill++) {
      // The backend is away now and then, so that runs begin with a backlog, and end in the middle of it.
      backend.isAway = random() < 0.4
      await sleep(50 + random() * 650)
      await program.kill()
      program = await restart()
      if (kill % 10 === 0) say(`${kill} kills, ${backend.tally.tally.delivered} spans have arrived`)
    }
    over.abort()
    await loading
    backend.isAway = false
    const began = performance.now()
    let verdict = backend.tally.verdict(load.answers)
    while (verdict.lost > 0 && performance.now() - began < DRAIN_MS) {
      await sleep(50)
      verdict = backend.tally.verdict(load.answers)
    }
    const sorted = restarts.toSorted((a, b) => a - b)
    const restartMs = { p50: Math.round(sorted[sorted.length >> 1]!), max: Math.round(sorted.at(-1)!) }
    return { ...verdict, kills, seed, acknowledged: acknowledgedBy(load), restartMs, drainMs: Math.round(performance.now() - began) }
  } finally {
    load.close()
    await program.stop()
    backend.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const config = (port: number, backend: number, storage: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
extensions: { file_storage: { directory: ${storage} } }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:${backend}
    compression: none
    retry_on_failure: { initial_interval: 50ms, max_interval: 200ms }
    sending_queue: { enabled: true, storage: file_storage }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`

/** In short phases, since one gives up on answers that do not come 15 seconds after its end. */
async function keepLoading(load: Load, tracesPerSecond: number, over: AbortSignal): Promise<void> {
  while (!over.aborted) await load.run({ seconds: 1, tracesPerSecond })
}

interface Backend {
  readonly port: number
  readonly tally: SpanTally
  isAway: boolean
  stop(): void
}

/** Counts in this process: it must not die with the one that is killed. */
async function startBackend(): Promise<Backend> {
  const port = await freePort()
  const tally = new SpanTally(RUN)
  const server = createServer((request, response) => void take(request, response))
  const backend: Backend = {
    port,
    tally,
    isAway: false,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    try {
      for await (const part of request) parts.push(part as Buffer)
    } catch {
      return // its sender was killed
    }
    if (!backend.isAway) tally.add(Buffer.concat(parts))
    response.writeHead(backend.isAway ? 503 : 200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
  }
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return backend
}

function acknowledgedBy({ answers: { accepted } }: Load): number {
  let requests = 0
  for (const byte of accepted) for (let bits = byte; bits > 0; bits &= bits - 1) requests++
  return requests * SPANS_PER_REQUEST
}

function randomFrom(seed: number): () => number {
  let state = seed | 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: String(Date.now() % 2 ** 31) } },
  })
  const load = loadavg()[0]
  const result = await killAgainAndAgain({ kills: Number(values.kills), seed: Number(values.seed), say: console.log })
  const machine = `${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}, load ${load} before`
  console.log(JSON.stringify({ machine, ...result }, undefined, 2))
  process.exitCode = result.lost === 0 ? 0 : 1
}
