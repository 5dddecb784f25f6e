// What messages of the trace protocol cost over WebSocket, how soon they are answered, and what idle connections take:
// `npx node bench/web-socket.ts [--seconds 8] [--connections 16] [--idle 10000]`. The nine messages of the fixtures, one a frame, against `nop`.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'

import { freePort, listens, startProgram } from '../test/real/servers/program.ts'
import { cpuMicroseconds } from './process-cost.ts'

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    connections: { type: 'string', default: '16' },
    outstanding: { type: 'string', default: '32' },
    idle: { type: 'string', default: '10000' },
  },
})
const SECONDS = Number(given.seconds)
const CONNECTIONS = Number(given.connections)
const OUTSTANDING = Number(given.outstanding)
const IDLE = Number(given.idle)

const ROOT = join(import.meta.dirname, '..')
const NAMES = ['flat-start', 'flat-update', 'flat-metrics', 'flat-anomaly', 'flat-finish']
const ENVELOPES = ['envelope-start', 'envelope-update', 'envelope-metrics', 'envelope-finish']
const TEXTS = [...NAMES, ...ENVELOPES].map((name) =>
  JSON.stringify({ ...(JSON.parse(readFileSync(join(ROOT, `core/mplp/fixtures/${name}.json`), 'utf8')) as object), security: undefined }),
)

/** Message `n` of the run: every nine are two executions of their own. */
function messageOf(n: number): string {
  const id = Math.floor(n / TEXTS.length)
    .toString(16)
    .padStart(8, '0')
  return TEXTS[n % TEXTS.length]!.replaceAll('run 417', `run ${id}`).replaceAll('0af76519', id).replaceAll('"msg-', `"${id}-`)
}

const CONFIG = (port: number): string => `
receivers: { websocket: { endpoint: "127.0.0.1:${port}", max_connections: 20000 } }
exporters: { nop: }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [websocket], exporters: [nop] }
    metrics: { receivers: [websocket], exporters: [nop] }
    logs: { receivers: [websocket], exporters: [nop] }
`

async function connect(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/messages`, 'mplp.v1', { perMessageDeflate: false })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}

interface Phase {
  readonly answered: number
  readonly refused: number
  readonly latenciesMs: readonly number[]
  readonly seconds: number
}

let sent = 0

/** Each connection keeps `outstanding` messages on their way; with `perSecond` they leave on a schedule instead, and are late by it. */
async function run(sockets: readonly WebSocket[], seconds: number, perSecond?: number): Promise<Phase> {
  const latenciesMs: number[] = []
  let refused = 0
  const began = performance.now()
  const ends = began + seconds * 1000
  const waiting = sockets.map(() => new Map<number, number>())
  const numbers = sockets.map((socket) => (socket as WebSocket & { sentSoFar?: number }).sentSoFar ?? 0)
  // An execution's messages go over one connection, in their order.
  const next = sockets.map(() => [] as string[])
  const send = (i: number, dueMs: number): void => {
    const queue = next[i]!
    if (queue.length === 0) {
      for (let k = 0; k < TEXTS.length; k++) queue.push(messageOf(sent + k))
      sent += TEXTS.length
    }
    waiting[i]!.set(++numbers[i]!, dueMs)
    sockets[i]!.send(queue.shift()!)
  }
  for (const [i, socket] of sockets.entries()) {
    socket.removeAllListeners('message')
    socket.on('message', (text) => {
      const answer = JSON.parse((text as Buffer).toString()) as { readonly n: number; readonly status: string }
      if (answer.status !== 'accepted') refused++
      latenciesMs.push(performance.now() - waiting[i]!.get(answer.n)!)
      waiting[i]!.delete(answer.n)
      if (perSecond === undefined && performance.now() < ends) send(i, performance.now())
    })
  }
  if (perSecond === undefined) {
    for (let k = 0; k < OUTSTANDING; k++) for (const i of sockets.keys()) send(i, performance.now())
    while (performance.now() < ends) await sleep(20)
  } else {
    for (let count = 0; performance.now() < ends; await sleep(1)) {
      for (const dueTo = ((performance.now() - began) / 1000) * perSecond; count < dueTo; count++)
        send(count % sockets.length, began + (count / perSecond) * 1000)
    }
  }
  while (waiting.some(({ size }) => size > 0)) await sleep(5)
  for (const [i, socket] of sockets.entries()) (socket as WebSocket & { sentSoFar?: number }).sentSoFar = numbers[i]!
  return { answered: latenciesMs.length, refused, latenciesMs, seconds: (performance.now() - began) / 1000 }
}

function percentile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!
}

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
const port = await freePort()
await writeFile(join(folder, 'pipeline.yaml'), CONFIG(port))
const program = await startProgram({
  name: 'millrace',
  command: process.execPath,
  args: [join(ROOT, 'main.ts'), 'run', '--config', join(folder, 'pipeline.yaml')],
  ready: () => listens(port),
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
try {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(port)))
  await run(sockets, 3)
  const before = cpuMicroseconds(program.pid)
  const full = await run(sockets, SECONDS)
  const cost = (cpuMicroseconds(program.pid) - before) / full.answered
  const perSecond = full.answered / full.seconds
  say(
    `closed loop, ${CONNECTIONS} connections × ${OUTSTANDING}: ${cost.toFixed(1)} µs of CPU a message, ${perSecond.toFixed(0)} messages/s`,
  )
  say(
    `  not accepted: ${full.refused}; answered after p50 ${percentile(full.latenciesMs, 0.5).toFixed(1)} ms, p99 ${percentile(full.latenciesMs, 0.99).toFixed(1)} ms`,
  )
  const half = await run(sockets, SECONDS, perSecond / 2)
  say(
    `half of that: answered after p50 ${percentile(half.latenciesMs, 0.5).toFixed(1)} ms, p99 ${percentile(half.latenciesMs, 0.99).toFixed(1)} ms; not accepted: ${half.refused}`,
  )
  for (const socket of sockets) socket.terminate()
  if (IDLE > 0) {
    await program.stop()
    const fresh = await startProgram({
      name: 'millrace',
      command: process.execPath,
      args: [join(ROOT, 'main.ts'), 'run', '--config', join(folder, 'pipeline.yaml')],
      ready: () => listens(port),
    })
    const empty = rssBytes(fresh.pid)
    const idle: WebSocket[] = []
    while (idle.length < IDLE)
      idle.push(...(await Promise.all(Array.from({ length: Math.min(200, IDLE - idle.length) }, () => connect(port)))))
    await sleep(2000)
    say(`${IDLE} idle connections: ${(rssBytes(fresh.pid) / 1e6).toFixed(0)} MB, of which ${(empty / 1e6).toFixed(0)} MB without any`)
    for (const socket of idle) socket.terminate()
    await fresh.stop()
  }
} finally {
  await program.stop()
  await rm(folder, { recursive: true })
}
