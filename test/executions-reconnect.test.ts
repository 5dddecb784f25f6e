// The program is killed at random times while clients send executions over WebSocket and gRPC. They connect again and send what was not answered: in the
// end every execution is one span, and what came twice had no answer when the program died.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import t from 'tap'
import { WebSocket } from 'ws'
import { httpBackend } from './backend.ts'
import { type Program, running } from './program.ts'
import { freePort } from './real/servers/program.ts'

const KILLS = 3
const CLIENTS = 3
/** Messages that one client has on their way. */
const OUTSTANDING = 20

const proto = loadSync(join(import.meta.dirname, '../proto/mplp/v1/trace_protocol.proto'))
const TraceProtocol = (loadPackageDefinition(proto) as any).mplp.v1.TraceProtocol

type Answered = (id: string, status: string) => void

/** One connection: messages go out until it is gone, which `gone` tells. */
interface Connection {
  send(text: string): void
  readonly gone: Promise<void>
}
type Connect = (answered: Answered) => Connection

const overWebSocket =
  (port: number): Connect =>
  (answered) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/messages`, 'mplp.v1')
    const waiting: string[] = []
    socket.on('open', () => waiting.forEach((text) => socket.send(text)))
    socket.on('message', (text) => {
      const { message_id, status } = JSON.parse((text as Buffer).toString())
      answered(message_id, status)
    })
    socket.on('error', () => {})
    const send = (text: string): void => void (socket.readyState === WebSocket.OPEN ? socket.send(text) : waiting.push(text))
    return { send, gone: new Promise((resolve) => socket.on('close', () => resolve())) }
  }

const overGrpc =
  (port: number): Connect =>
  (answered) => {
    const client = new TraceProtocol(`127.0.0.1:${port}`, credentials.createInsecure())
    const stream = client.Exchange()
    stream.on('data', ({ json }: { readonly json: Buffer }) => {
      const { message_id, status } = JSON.parse(json.toString())
      answered(message_id, status)
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    stream.on('error', () => {})
    stream.on('status', () => (client.close(), resolve()))
    return { send: (text) => void stream.write({ json: Buffer.from(text) }), gone: promise }
  }

let runs = 0

/** A client that sends executions, each its start before its end, and keeps what is not answered. */
class Client {
  readonly accepted = new Set<string>()
  /** Had no answer when a connection ended, once or more. */
  readonly doubtful = new Set<string>()
  readonly refused: string[] = []
  readonly #connect: Connect
  readonly #unanswered = new Map<string, string>()
  #stopping = false

  constructor(connect: Connect) {
    this.#connect = connect
  }

  async run(): Promise<void> {
    while (!this.#stopping || this.#unanswered.size > 0) {
      const connection = this.#connect((id, status) => {
        if (status === 'retry') return void setTimeout(() => connection.send(this.#unanswered.get(id)!), 50)
        if (status === 'rejected') this.refused.push(id)
        else this.accepted.add(id)
        this.#unanswered.delete(id)
        this.#next(connection)
      })
      for (const [id, text] of this.#unanswered) {
        this.doubtful.add(id)
        connection.send(text)
      }
      while (this.#unanswered.size < OUTSTANDING && !this.#stopping) this.#next(connection)
      const done = (async () => {
        while (!this.#stopping || this.#unanswered.size > 0) await sleep(5)
      })()
      await Promise.race([connection.gone, done])
      await sleep(20)
    }
  }

  stop(): void {
    this.#stopping = true
  }

  #next(connection: Connection): void {
    if (this.#stopping) return
    const run = ++runs
    for (const [id, text] of [
      [`start ${run}`, start(run)],
      [`finish ${run}`, finish(run)],
    ] as const) {
      this.#unanswered.set(id, text)
      connection.send(text)
    }
  }
}

const common = (run: number): object => ({
  version: '1.0.0-alpha',
  timestamp: '2026-01-01T00:00:01Z',
  trace_id: `run ${run}`,
  span_id: 'whole',
})
const start = (run: number): string =>
  JSON.stringify({
    message_type: 'start_execution_trace',
    message_id: `start ${run}`,
    ...common(run),
    operation_name: 'plan',
    service_name: 'planner',
    attributes: { n: run },
  })
const finish = (run: number): string =>
  JSON.stringify({ message_type: 'finish_execution_trace', message_id: `finish ${run}`, ...common(run), final_status: { code: 'ok' } })

t.test('clients that send again what was not answered lose nothing, whenever the program dies', async (t) => {
  const backend = await httpBackend(t)
  // Not within the test's own folder, which is made anew with each file in it.
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [webSocket, grpc] = [await freePort(), await freePort()]
  const yaml = `
receivers:
  mplp:
    endpoint: "127.0.0.1:0"
    websocket: { endpoint: "127.0.0.1:${webSocket}" }
    grpc: { endpoint: "127.0.0.1:${grpc}" }
    storage: file_storage
extensions: { file_storage: { directory: "${join(folder, 'storage')}" } }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  extensions: [file_storage]
  pipelines: { traces: { receivers: [mplp], exporters: [otlp_http] } }
`
  const clients = Array.from({ length: CLIENTS }, () => [new Client(overWebSocket(webSocket)), new Client(overGrpc(grpc))]).flat()
  let program: Program = await running(t, yaml)
  const sending = clients.map((client) => client.run())
  for (let kill = 0; kill < KILLS; kill++) {
    const before = clients.reduce((sum, { accepted }) => sum + accepted.size, 0)
    while (clients.reduce((sum, { accepted }) => sum + accepted.size, 0) < before + 50) await sleep(5)
    await sleep(Math.random() * 300)
    program.child.kill('SIGKILL')
    await once(program.child, 'exit')
    program = await running(t, yaml)
  }
  await sleep(200)
  for (const client of clients) client.stop()
  await Promise.all(sending)
  t.same(
    clients.flatMap(({ refused }) => refused),
    [],
    'nothing is refused',
  )
  const numbers = backend.taken.numbers('traces')
  t.same(
    [...new Set(numbers)],
    Array.from({ length: runs }, (_, i) => i + 1),
    `each of ${runs} executions is a span, and says what its start said`,
  )
  const twice = new Set(numbers.filter((n, i) => numbers[i - 1] === n))
  const doubtful = new Set(clients.flatMap((client) => [...client.doubtful]))
  t.same(
    [...twice].filter((n) => !doubtful.has(`finish ${n}`)),
    [],
    `${twice.size} came twice; none whose end was answered at once`,
  )
  t.ok(
    clients.every(({ doubtful }) => doubtful.size > 0),
    'every client had to send something again',
  )
  t.notOk(backend.taken.items('traces').some(({ attributes }) => 'mplp.incomplete' in attributes))
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  const [, received, delivered] = /traces → otlp_http: (\d+) received, (\d+) delivered\n/.exec(program.said()) ?? []
  t.ok(Number(received) > 0 && received === delivered, `the ledger of the last one adds up: ${received} received, ${delivered} delivered`)
})
