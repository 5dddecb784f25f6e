// SIGTERM under load, over HTTP and gRPC, with a queue and without: what was answered has arrived, what has arrived was answered, and who
// could not be served any more knows it.

import { connect } from 'node:http2'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Signal } from '../core/index.ts'
import { numberedItems } from '../core/testing/index.ts'
import { account, lastAccounts } from './accounts.ts'
import { httpBackend } from './backend.ts'
import { running, start } from './program.ts'
import { sendGrpc, sendHttp } from './senders.ts'

const UNAVAILABLE = 14
const SENDERS = 8
const ITEMS = 5
/** When the signal comes, in requests answered. */
const UNDER_WAY = 300

class Load {
  answered = 0
  readonly numbers: Record<'traces' | 'logs', number[]> = { traces: [], logs: [] }
  /** Why senders ended that were not told in an answer. */
  readonly cutOff: string[] = []
  readonly refusals: number[] = []
  #next = 0

  /** Sends one request after the other until one is not taken. */
  async run(signal: 'traces' | 'logs', send: (chunk: Uint8Array) => Promise<{ readonly status: number }>): Promise<void> {
    for (;;) {
      const first = this.#next
      this.#next += ITEMS
      try {
        const { status } = await send(numberedItems(signal, ITEMS, first).chunks[0]!)
        if (status !== 0 && status !== 200) return void this.refusals.push(status)
      } catch (error) {
        return void this.cutOff.push(String((error as Error).cause ?? error))
      }
      this.answered++
      for (let n = first; n < first + ITEMS; n++) this.numbers[signal].push(n)
    }
  }
}

async function story(t: Test, queue: string): Promise<void> {
  // Slow enough that there is always something on its way.
  const backend = await httpBackend(t, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return false
  })
  const program = await running(
    t,
    `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } } } }
processors: { batch: { send_batch_size: 50 } }
exporters: { otlp_http: { endpoint: "http://${backend.address}", sending_queue: ${queue} } }
service:
  drain_timeout: 40s
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlp_http] }
    logs: { receivers: [otlp], processors: [batch], exporters: [otlp_http] }
`,
  )
  const url = program.url('receivers.otlp')
  const load = new Load()
  const session = connect(`http://${program.address('receivers.otlp', 'grpc')}`).on('error', () => {})
  t.teardown(() => session.destroy())
  const overHttp = (signal: Signal) => (chunk: Uint8Array) => sendHttp(url, signal, chunk)
  const overGrpc = (signal: Signal) => (chunk: Uint8Array) => sendGrpc(session, signal, chunk)
  const senders = Array.from({ length: SENDERS }, () => [load.run('traces', overHttp('traces')), load.run('logs', overGrpc('logs'))]).flat()
  while (load.answered < UNDER_WAY) await new Promise((resolve) => setTimeout(resolve, 5))
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0, program.said())
  await Promise.all(senders)

  for (const signal of ['traces', 'logs'] as const) {
    const answered = load.numbers[signal].sort((a, b) => a - b)
    t.ok(answered.length > 0, signal)
    t.same(backend.taken.numbers(signal), answered, 'what was answered is what arrived, once')
    const row = lastAccounts(program)[`${signal} → otlp_http`]!
    t.same(row, account({ received: answered.length + row.refused, delivered: answered.length, refused: row.refused }), 'the ledger')
  }
  t.same(
    load.refusals.filter((status) => status !== 503 && status !== UNAVAILABLE && !Number.isNaN(status)),
    [],
    'whoever was answered otherwise was told to come back',
  )
  t.same(
    load.cutOff.filter((why) => !/ECONNREFUSED|ECONNRESET|other side closed/.test(why)),
    [],
    'whoever was not answered had no connection any more',
  )
}

t.test('without a queue', (t) => story(t, '{ enabled: false }'))
t.test('with a queue', (t) => story(t, '{ enabled: true, num_consumers: 2, queue_size: 100000 }'))

t.test('on disk: with a destination that is away stopping takes no time, and the next run has what was answered', async (t) => {
  let isAway = true
  const backend = await httpBackend(t, (response) => {
    if (isAway) response.writeHead(503).end()
    return isAway
  })
  const yaml = `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { file_storage: { directory: ./storage } }
exporters: { otlp_http: { endpoint: "http://${backend.address}", sending_queue: { enabled: true, storage: file_storage } } }
service:
  extensions: [file_storage]
  drain_timeout: 50s
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`
  const folder = t.testdir({ 'a.yaml': yaml })
  const first = start(t, ['run', '--config', join(folder, 'a.yaml')])
  await first.says(/^ready in/m)
  for (const n of [0, 1]) {
    const chunk = numberedItems('traces', ITEMS, n * ITEMS).chunks[0]!
    t.equal((await sendHttp(first.url('receivers.otlp'), 'traces', chunk)).status, 200)
  }
  await first.says(/does not take data now/)
  // If it waited for the destination, the test would end before it does.
  first.child.kill('SIGTERM')
  t.equal(await first.ended, 0)
  t.match(first.said(), /traces → otlp_http: 10 received, 0 delivered, 10 kept in the queue/)

  isAway = false
  const second = start(t, ['run', '--config', join(folder, 'a.yaml')])
  await second.says(/^ready in/m)
  while (backend.taken.count('traces') < 2 * ITEMS) await new Promise((resolve) => setTimeout(resolve, 10))
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
  t.match(second.said(), /traces → otlp_http: 0 received, 10 from an earlier run, 10 delivered/)
  t.same(backend.taken.numbers('traces'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})
