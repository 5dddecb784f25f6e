// A destination that is slow, or stands still: whom it holds up, who is told what, and that nothing is lost by it.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { numberedItems, numberedSpans } from '../core/testing/index.ts'
import { account, PAGE, settled } from './accounts.ts'
import { type Backend, httpBackend } from './backend.ts'
import { type Program, running } from './program.ts'
import { sendHttp } from './senders.ts'

const spans = (request: number): Uint8Array => numberedSpans(10, 10 * request).chunks[0]!
const numbers = (...requests: number[]): number[] =>
  requests.flatMap((request) => Array.from({ length: 10 }, (_, i) => 10 * request + i)).sort((a, b) => a - b)

/** Two destinations, of which one answers nothing until it is released. */
async function twoDestinations(t: Test, queue: string) {
  const held = Promise.withResolvers<boolean>()
  const [fast, slow] = [await httpBackend(t), await httpBackend(t, () => held.promise)]
  const program = await running(
    t,
    `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { file_storage: { directory: "${join(t.testdir(), 'storage')}" } }
exporters:
  otlp_http/fast: { endpoint: "http://${fast.address}" }
  otlp_http/slow: { endpoint: "http://${slow.address}", timeout: 30s, sending_queue: ${queue} }
service:
  extensions: [file_storage]
  telemetry: ${PAGE}
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http/fast, otlp_http/slow] } }
`,
  )
  const send = (request: number) => sendHttp(program.url('receivers.otlp'), 'traces', spans(request))
  return { fast, slow, program, send, release: () => held.resolve(false) }
}

t.test('behind a queue a slow destination holds up nobody; the queue fills, refuses, and takes again', async (t) => {
  for (const [where, storage] of [
    ['in memory', ''],
    ['on disk', ', storage: file_storage'],
  ]) {
    await t.test(where!, async (t) => {
      const queue = `{ enabled: true, num_consumers: 1, queue_size: 3${storage} }`
      const { fast, slow, program, send, release } = await twoDestinations(t, queue)
      for (const request of [0, 1, 2]) t.equal((await send(request)).status, 200)
      t.same([fast.taken.numbers('traces'), slow.taken.numbers('traces')], [numbers(0, 1, 2), []], 'the other has everything')
      const full = await send(3)
      t.same([full.status, full.retryAfter], [503, '1'])
      release()
      t.match(await settled(program), { 'traces → otlp_http/slow': { delivered: 30, refused: 10 } })
      t.equal((await send(3)).status, 200)
      const accounts = await settled(program)
      t.same(slow.taken.numbers('traces'), numbers(0, 1, 2, 3))
      t.same(fast.taken.numbers('traces'), numbers(0, 1, 2, 3, 3), 'what its sender was told to send again came twice')
      t.same(accounts, {
        'traces → otlp_http/fast': account({ received: 50, delivered: 50 }),
        'traces → otlp_http/slow': account({ received: 50, delivered: 40, refused: 10 }),
      })
    })
  }
})

t.test('without a queue senders wait for the slowest, as was said when the file was loaded', async (t) => {
  const { fast, slow, program, send, release } = await twoDestinations(t, '{ enabled: false }')
  t.match(program.said(), /^warning: .*are awaited together: one that is slow or down holds up the others/m)
  let answered = false
  const answer = send(0).finally(() => (answered = true))
  while (fast.taken.count('traces') < 10) await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(answered, false)
  release()
  t.equal((await answer).status, 200)
  t.same([fast.taken.numbers('traces'), slow.taken.numbers('traces')], [numbers(0), numbers(0)])
  const row = account({ received: 10, delivered: 10 })
  t.same(await settled(program), { 'traces → otlp_http/fast': row, 'traces → otlp_http/slow': row })
})

/** Another Millrace, with a backend of its own behind it. */
async function peer(t: Test): Promise<{ readonly program: Program; readonly behind: Backend }> {
  const behind = await httpBackend(t)
  const program = await running(
    t,
    `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } } } }
exporters: { otlp_http: { endpoint: "http://${behind.address}" } }
service:
  telemetry: ${PAGE}
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] }, logs: { receivers: [otlp], exporters: [otlp_http] } }
`,
  )
  return { program, behind }
}

t.test('a peer that stands still is noticed within the timeout, and what was on its way is sent again', async (t) => {
  const next = await peer(t)
  const http = next.program.address('receivers.otlp', 'http')
  const grpc = next.program.address('receivers.otlp', 'grpc')
  const program = await running(
    t,
    `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0", timeout: 50s } } } }
exporters:
  otlp_http: { endpoint: "http://${http}", timeout: 300ms, retry_on_failure: { initial_interval: 50ms } }
  otlp_grpc: { endpoint: "${grpc}", tls: { insecure: true }, timeout: 300ms, retry_on_failure: { initial_interval: 50ms } }
service:
  telemetry: ${PAGE}
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_http] }
    logs: { receivers: [otlp], exporters: [otlp_grpc] }
`,
  )
  const url = program.url('receivers.otlp')
  const sendBoth = (first: number) =>
    Promise.all((['traces', 'logs'] as const).map((signal) => sendHttp(url, signal, numberedItems(signal, 10, first).chunks[0]!)))
  t.match(await sendBoth(0), [{ status: 200 }, { status: 200 }])

  next.program.child.kill('SIGSTOP')
  const answers = sendBoth(10)
  await program.says(/otlp_http .*no whole answer within 300 ms/)
  await program.says(/otlp_grpc .*within 300 ms/)
  next.program.child.kill('SIGCONT')
  t.match(await answers, [{ status: 200 }, { status: 200 }])
  const all = Array.from({ length: 20 }, (_, n) => n)
  const row = account({ received: 20, delivered: 20 })
  t.same(await settled(program), { 'traces → otlp_http': row, 'logs → otlp_grpc': row })
  await settled(next.program)
  for (const signal of ['traces', 'logs'] as const)
    t.same([...new Set(next.behind.taken.numbers(signal))], all, 'an attempt that was given up may have arrived as well')
})
