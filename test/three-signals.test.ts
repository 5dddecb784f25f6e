// Three signals through the whole program: in over both protocols in every encoding and coding, through every processor that changes or
// drops, out to two destinations at once. What senders were told, what arrived and what the ledger says are one number.

import t from 'tap'
import type { Signal } from '../core/index.ts'
import { bareClient } from '../core/server/fixtures/grpc.ts'
import { numberedItems } from '../core/testing/index.ts'
import { account, lastAccounts, PAGE, settled } from './accounts.ts'
import { grpcBackend, httpBackend } from './backend.ts'
import { running } from './program.ts'
import { type Answered, type Coding, sendGrpc, sendHttp } from './senders.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const satisfies readonly Signal[]
const CODINGS = ['identity', 'gzip', 'zstd'] as const satisfies readonly Coding[]
const ITEMS = 20

const configuration = (http: string, grpc: string): string => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } } }
processors:
  memory_limiter: { limit_mib: 1000 }
  filter:
    traces: { span: ['attributes["n"] % 10 == 1'] }
    metrics: { datapoint: ['attributes["n"] % 10 == 1'] }
    logs: { log_record: ['attributes["n"] % 10 == 1'] }
  attributes: { actions: [{ key: stage, value: test, action: insert }] }
  resource: { attributes: [{ key: service.name, value: story, action: update }] }
  script: { file: ./double.mjs }
  batch: { send_batch_size: 100 }
exporters:
  otlp_http: { endpoint: "http://${http}", compression: zstd }
  otlp_grpc: { endpoint: "${grpc}", tls: { insecure: true }, compression: gzip }
service:
  telemetry: ${PAGE}
  pipelines:
${SIGNALS.map((signal) => `    ${signal}: { receivers: [otlp], processors: [memory_limiter, filter, attributes, resource, script, batch], exporters: [otlp_http, otlp_grpc] }`).join('\n')}
`
/** Doubles, and drops for a reason of its own. */
const SCRIPT = `
const each = (item) => {
  const n = item.attributes.get('n')
  if (n % 10 === 2) return item.drop('two')
  item.attributes.set('twice', 2 * n)
}
export { each as span, each as dataPoint, each as logRecord }
`

t.test('what was sent is what two destinations have, changed as the file says, and the ledger adds up', async (t) => {
  const [http, grpc] = [await httpBackend(t), await grpcBackend(t)]
  const program = await running(t, configuration(http.address, grpc.address), { 'double.mjs': SCRIPT })
  const url = program.url('receivers.otlp')
  const session = bareClient(t, Number(program.address('receivers.otlp', 'grpc').split(':')[1]))

  const answers: Promise<Answered>[] = []
  const sent = new Map<Signal, number>(SIGNALS.map((signal) => [signal, 0]))
  const next = (signal: Signal): Uint8Array => {
    const first = sent.get(signal)!
    sent.set(signal, first + ITEMS)
    return numberedItems(signal, ITEMS, first).chunks[0]!
  }
  for (const signal of SIGNALS) {
    for (const coding of CODINGS) {
      answers.push(sendHttp(url, signal, next(signal), 'protobuf', coding))
      answers.push(sendHttp(url, signal, next(signal), 'json', coding))
      answers.push(sendGrpc(session, signal, next(signal), coding))
    }
  }
  const got = await Promise.all(answers)
  t.same(
    got.map(({ status, body }, i) => (i % 3 === 2 ? [status, body.length] : [status])),
    got.map((_, i) => (i % 3 === 2 ? [0, 5] : [200])),
    'full success, and nothing to say beside it',
  )

  const accounts = await settled(program)
  for (const signal of SIGNALS) {
    const all = Array.from({ length: sent.get(signal)! }, (_, n) => n)
    const kept = all.filter((n) => n % 10 !== 1 && n % 10 !== 2)
    for (const { taken } of [http, grpc]) {
      t.same(taken.numbers(signal), kept, signal)
      for (const item of taken.items(signal) as { attributes: Record<string, unknown>; resource: object }[]) {
        const { n, stage, twice } = item.attributes
        t.same([stage, twice, item.resource], ['test', 2 * Number(n), { 'service.name': 'story' }], `${signal} ${String(n)}`)
      }
    }
    const row = account({ received: all.length, delivered: kept.length, dropped: all.length - kept.length })
    t.same([accounts[`${signal} → otlp_http`], accounts[`${signal} → otlp_grpc`]], [row, row])
  }

  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  t.same(lastAccounts(program), accounts, 'its last words say the same')
})
