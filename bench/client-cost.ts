// What `millrace/client` costs its application: time within a call, and CPU of the whole process a message, sending and answers included. `npx node
// bench/client-cost.ts`; a server that accepts everything runs in a process of its own.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { type ClientOptions, createClient } from '../client/index.ts'

const SECONDS = 6
const WARM_UP_SECONDS = 2
const BURSTS_A_SECOND = 100
const EXECUTIONS_A_BURST = 5
/** Calls an execution: start, update, event, metric, complete. */
const CALLS = 5

interface Acknowledgement {
  readonly message_type: 'ack'
  readonly status: 'accepted'
  readonly n?: number
}
const ACCEPTED: Acknowledgement = { message_type: 'ack', status: 'accepted' }

function serve(): void {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const count = body.split('\n').length - 1
      response.end(`${JSON.stringify(ACCEPTED)}\n`.repeat(count))
    })
  })
  new WebSocketServer({ server }).on('connection', (socket) => {
    let n = 0
    socket.on('message', (frame: Buffer) => {
      const sent: unknown = JSON.parse(frame.toString())
      const answers = (Array.isArray(sent) ? sent : [sent]).map(() => ({ ...ACCEPTED, n: ++n }))
      socket.send(JSON.stringify(Array.isArray(sent) ? answers : answers[0]))
    })
  })
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}

interface Cost {
  /** Microseconds, of bursts: a single call is too short for the clock. */
  readonly callMedian: number
  readonly callP99: number
  readonly cpuPerMessage: number
  readonly messages: number
}

async function measure(options: Omit<ClientOptions, 'service'> | undefined): Promise<Cost> {
  const client = options && createClient({ service: 'bench', ...options })
  const bursts: number[] = []
  let cpu = process.cpuUsage()
  let before = 0
  for (let i = 0; i < (SECONDS + WARM_UP_SECONDS) * BURSTS_A_SECOND; i++) {
    if (i === WARM_UP_SECONDS * BURSTS_A_SECOND) {
      bursts.length = 0
      cpu = process.cpuUsage()
      before = client?.counts.made ?? 0
    }
    const began = process.hrtime.bigint()
    for (let j = 0; j < EXECUTIONS_A_BURST; j++) {
      if (client === undefined) continue
      const plan = client.start('plan_route', { attributes: { 'route.legs': 3, 'route.kind': 'sea' }, userId: 'u-9' })
      plan.update({ status: 'running', progress: 40, metrics: { cpu_usage_percent: 61.5, memory_usage_mb: 512 } })
      plan.event('leg_planned', { leg: 1, harbour: 'Porto' })
      plan.recordMetric('tokens', 812)
      plan.complete({ result: { legs: ['Porto', 'Lisbon'], price: 120 } })
    }
    bursts.push(Number(process.hrtime.bigint() - began) / 1000 / EXECUTIONS_A_BURST / CALLS)
    await sleep(1000 / BURSTS_A_SECOND)
  }
  await client?.close()
  const { user, system } = process.cpuUsage(cpu)
  const messages = Math.max(0, (client?.counts.accepted ?? 0) - before)
  bursts.sort((a, b) => a - b)
  const at = (part: number): number => bursts[Math.floor(part * (bursts.length - 1))]!
  return { callMedian: at(0.5), callP99: at(0.99), cpuPerMessage: user + system, messages }
}

async function main(): Promise<void> {
  const server = fork(import.meta.filename, ['serve'])
  const [port] = (await once(server, 'message')) as [number]
  const idle = await measure(undefined)
  const keys = { integrity: 'sixteen characters' }
  const ways: Readonly<Record<string, Omit<ClientOptions, 'service'>>> = {
    HTTP: { url: `http://127.0.0.1:${port}` },
    WebSocket: { url: `ws://127.0.0.1:${port}` },
    'HTTP, with an HMAC': { url: `http://127.0.0.1:${port}`, keys, sender: { id: 'bench' } },
    'HTTP, nobody there': { url: 'http://127.0.0.1:9', closeTimeoutMs: 1 },
  }
  console.log('| | a call, median µs | p99 | CPU a message, µs | messages |\n|---|---|---|---|---|')
  for (const [name, options] of Object.entries(ways)) {
    const { callMedian, callP99, cpuPerMessage, messages } = await measure(options)
    const made = messages > 0 ? messages : SECONDS * BURSTS_A_SECOND * EXECUTIONS_A_BURST * CALLS
    const cpu = (cpuPerMessage - idle.cpuPerMessage) / made
    console.log(`| ${name} | ${callMedian.toFixed(1)} | ${callP99.toFixed(1)} | ${cpu.toFixed(1)} | ${messages} |`)
  }
  server.kill()
}

if (process.argv[2] === 'serve') serve()
else await main()
