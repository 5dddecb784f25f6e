// The program is killed again and again while clients report over each transport: they go on, and afterwards everything they said was accepted, and each
// execution is a span with all that happened in it.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type Client, type ClientOptions, createClient } from '../client/index.ts'
import { httpBackend } from './backend.ts'
import { type Program, running } from './program.ts'

const KILLS = 3
const PROTOCOLS = ['http', 'websocket', 'grpc'] as const
type Protocol = (typeof PROTOCOLS)[number]

t.test('nothing is lost that clients say while the program is killed', { timeout: 120_000 }, async (t) => {
  const backend = await httpBackend(t)
  // Not within the test's own folder, which is made anew with each file in it.
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const yaml = (at: (protocol: Protocol) => string): string => `
receivers:
  mplp:
    endpoint: "${at('http')}"
    websocket: { endpoint: "${at('websocket')}" }
    grpc: { endpoint: "${at('grpc')}" }
    storage: file_storage
extensions: { file_storage: { directory: "${join(folder, 'storage')}" } }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  telemetry: { metrics: { level: none } }
  extensions: [file_storage]
  pipelines: { traces: { receivers: [mplp], exporters: [otlp_http] } }
`
  let program: Program = await running(
    t,
    yaml(() => '127.0.0.1:0'),
  )
  const places = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, program.address('receivers.mplp', protocol)]))
  const lost: unknown[] = []
  const clients = PROTOCOLS.map((protocol) => {
    const options: ClientOptions = {
      url: `http://${places[protocol]}`,
      transport: protocol,
      service: protocol,
      lingerMs: 2,
      maxBackoffMs: 200,
      answerTimeoutMs: 60_000,
      closeTimeoutMs: 60_000,
      onRejected: (rejection) => lost.push(rejection),
      onDrop: (drop) => lost.push(drop),
    }
    return createClient(options)
  })

  const over = new AbortController()
  const names: string[] = []
  const talk = async (client: Client, i: number): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n++) {
      const name = `${PROTOCOLS[i]} ${n}`
      const plan = client.start(name)
      plan.event('first')
      await sleep(Math.random() * 5)
      plan.event('second')
      plan.complete()
      names.push(name)
    }
  }
  const talks = clients.map(talk)
  for (let kill = 0; kill < KILLS; kill++) {
    // Each time it has taken some more before it dies.
    const before = clients.map(({ counts }) => counts.accepted)
    while (clients.some(({ counts }, i) => counts.accepted < before[i]! + 20)) await sleep(Math.random() * 20)
    program.child.kill('SIGKILL')
    await once(program.child, 'exit')
    program = await running(
      t,
      yaml((protocol) => places[protocol]!),
    )
  }
  over.abort()
  await Promise.all(talks)
  await Promise.all(clients.map((client) => client.close()))

  t.same(lost, [], 'nothing was rejected or given up')
  for (const { counts } of clients) t.equal(counts.accepted, counts.made)
  t.ok(names.length > KILLS * PROTOCOLS.length)
  // oxlint-disable-next-line typescript/no-explicit-any -- spans in the plain form of the tests
  const spans: readonly any[] = backend.taken.items('traces')
  const found = Map.groupBy(spans, ({ name }) => name as string)
  t.same(
    names.filter((name) => !found.has(name)),
    [],
    'every execution is there',
  )
  const twice = [...found.values()].filter(({ length }) => length > 1)
  t.comment(`${names.length} executions; ${twice.length} twice: they had been delivered, and not answered yet, when the program died`)
  t.ok(
    twice.every((copies) => new Set(copies.map(({ traceId, spanId }) => `${traceId}${spanId}`)).size === 1),
    'what came again is the same span, by its ids',
  )
})
