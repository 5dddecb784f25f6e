// The load generator, in a process of its own. Alone: `node bench/generator.ts --port 4318 --rate 1000 --seconds 10` (traces a second; without
// --rate as fast as the answers come). The harness forks it and gives it one phase after another over IPC.

import { parseArgs } from 'node:util'

import { Load, type Phase, type PhaseResult } from './load.ts'

export type GeneratorRequest = ({ readonly ask: 'phase' } & Phase) | { readonly ask: 'answers' }
export type GeneratorReply =
  | { readonly is: 'connected' }
  | ({ readonly is: 'phase' } & PhaseResult)
  | { readonly is: 'answers'; readonly accepted: string; readonly requests: number; readonly spansPerRequest: number }

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4318' },
    path: { type: 'string' },
    signal: { type: 'string', default: 'traces' },
    transport: { type: 'string', default: 'http' },
    tls: { type: 'boolean', default: false },
    run: { type: 'string', default: '1' },
    spans: { type: 'string', default: '100' },
    connections: { type: 'string', default: '16' },
    gzip: { type: 'boolean', default: false },
    rate: { type: 'string' },
    seconds: { type: 'string', default: '10' },
  },
})

const signal = oneOf('--signal', values.signal, ['traces', 'metrics', 'logs', 'messages', 'sealed'] as const)
const transport = oneOf('--transport', values.transport, ['http', 'grpc'] as const)
const SERVICES = { traces: 'trace.v1.TraceService', metrics: 'metrics.v1.MetricsService', logs: 'logs.v1.LogsService' }
const usual =
  signal === 'messages' || signal === 'sealed'
    ? '/v1/messages'
    : transport === 'grpc'
      ? `/opentelemetry.proto.collector.${SERVICES[signal]}/Export`
      : `/v1/${signal}`

const load = new Load({
  port: Number(values.port),
  path: values.path ?? usual,
  signal,
  transport,
  tls: values.tls,
  run: Number(values.run),
  spansPerRequest: Number(values.spans),
  connections: Number(values.connections),
  gzip: values.gzip,
})

function oneOf<T extends string>(option: string, given: string, accepted: readonly T[]): T {
  const found = accepted.find((one) => one === given)
  if (found === undefined) throw new Error(`${option}: got "${given}"; accepted are ${accepted.join(', ')}`)
  return found
}

function reply(message: GeneratorReply): void {
  if (process.send) process.send(message)
  else console.log(JSON.stringify(message, undefined, 2))
}

async function runPhase(phase: Phase): Promise<void> {
  reply({ is: 'phase', ...(await load.run(phase)) })
}

process.on('message', (request: GeneratorRequest) => {
  if (request.ask === 'phase') return void runPhase(request)
  const { accepted, ...answers } = load.answers
  const used = accepted.subarray(0, (answers.requests + 7) >>> 3)
  reply({ is: 'answers', accepted: Buffer.from(used).toString('base64'), ...answers })
})
process.once('disconnect', () => process.exit())

await load.connect()
reply({ is: 'connected' })
if (!process.send) {
  const rate = values.rate === undefined ? {} : { tracesPerSecond: Number(values.rate) }
  await runPhase({ seconds: Number(values.seconds), ...rate })
  load.close()
}
