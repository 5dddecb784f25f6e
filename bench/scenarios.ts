// What is measured, and how each program is started for it: every folder in `scenarios/` holds one configuration file a program.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { COLLECTOR_VERSION, installCollector } from '../test/real/servers/collector.ts'
import { installRotel, ROTEL_VERSION } from '../test/real/servers/python.ts'

export interface Scenario {
  readonly name: string
  readonly pipeline: string
  /** Whether spans go on to the counting server; otherwise nobody counts what arrives. */
  readonly backend: boolean
  /** What is made of the spans goes on to the counting server, which takes it and does not count. */
  readonly isAnswered?: true
  /** A configuration of the user's own, for Millrace alone, and the port that it listens on where that is not ours to pick. */
  readonly own?: { readonly file: string; readonly port?: string }
  /** How many times less CPU than the Collector we mean to take. */
  readonly goal?: number
  /** What the generator sends, where it is not traces over plain HTTP as the options say. */
  readonly signal?: 'metrics' | 'logs' | 'messages' | 'sealed'
  readonly transport?: 'grpc'
  readonly tls?: boolean
  readonly gzip?: boolean
  readonly spansPerRequest?: number
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'null', pipeline: 'no program: the generator straight to the counting server', backend: true },
  { name: 'receive', pipeline: 'otlp/http → nop', backend: false, goal: 3.3 },
  { name: 'forward', pipeline: 'otlp/http → batch(1000) → otlp_http, no compression', backend: true, goal: 3 },
  { name: 'receive-grpc', pipeline: 'otlp/grpc → nop', backend: false, goal: 2.2, transport: 'grpc' },
  { name: 'receive-tls', pipeline: 'otlp/http over TLS → nop', backend: false, tls: true },
  { name: 'receive-small', pipeline: 'otlp/http → nop, one span a request', backend: false, spansPerRequest: 1 },
  { name: 'metrics', pipeline: 'otlp/http → nop, data points', backend: false, goal: 3, signal: 'metrics' },
  { name: 'logs', pipeline: 'otlp/http → nop, log records', backend: false, goal: 3, signal: 'logs' },
  {
    name: 'forward-gzip',
    pipeline: 'otlp/http, gzip → batch(1000) → otlp_http, gzip: merged and compressed anew',
    backend: true,
    goal: 2.5,
    gzip: true,
  },
  { name: 'passthrough', pipeline: 'otlp/http, gzip → otlp_http, gzip: not merged', backend: true, goal: 4, gzip: true },
  {
    name: 'durable',
    pipeline: 'otlp/http → queue on disk, synced before the answer → otlp_http, no compression',
    backend: true,
    goal: 4,
  },
  { name: 'head-sample', pipeline: 'otlp/http → probabilistic_sampler: a tenth → nop', backend: false, goal: 3.5 },
  {
    name: 'tail-sample',
    pipeline: 'otlp/http → tail_sampling: errors, slow ones, a tenth of the rest, ten seconds → nop',
    backend: false,
    goal: 6,
  },
  {
    name: 'card',
    pipeline:
      'otlp/http → pii → span_metrics → remote write, and tail_sampling with anomalies → OTLP and s3_archive; the Collector: redaction → tail_sampling → OTLP alone',
    backend: false,
    isAnswered: true,
  },
  { name: 'archive', pipeline: 'otlp/http → s3_archive: a folder, Zstandard, encrypted', backend: false },
  { name: 'archive-durable', pipeline: 'the same, synced before the answer', backend: false },
  { name: 'mask', pipeline: 'otlp/http → pii: e-mail, card, SSN, IPv4 → nop', backend: false, goal: 7 },
  { name: 'mask-all', pipeline: 'otlp/http → pii: all detectors → nop', backend: false },
  { name: 'redact', pipeline: 'otlp/http → redaction: four patterns → nop', backend: false },
  {
    name: 'messages',
    pipeline: 'mplp, NDJSON: the nine kinds of message in turn → nop; µs a message',
    backend: false,
    signal: 'messages',
    spansPerRequest: 90,
  },
  {
    name: 'messages-hmac',
    pipeline: 'the same, each message with an HMAC that is checked',
    backend: false,
    signal: 'sealed',
    spansPerRequest: 90,
  },
  {
    name: 'anomaly',
    pipeline: 'otlp/http → anomaly: a score in every span → nop, 1,000 spans a request',
    backend: false,
    spansPerRequest: 1000,
  },
  {
    name: 'anomaly-tail',
    pipeline: 'otlp/http → tail_sampling: whole traces that are not like the others, a tenth of the rest, ten seconds → nop',
    backend: false,
  },
  { name: 'span-metrics', pipeline: 'otlp/http → span_metrics: three dimensions, explicit buckets → nop', backend: false, goal: 2.5 },
  {
    name: 'span-metrics-written',
    pipeline: 'otlp/http → span_metrics: three dimensions, explicit buckets → prometheus_remote_write',
    backend: false,
    isAnswered: true,
    goal: 2.5,
  },
  { name: 'span-metrics-exponential', pipeline: 'the same with exponential histograms', backend: false, goal: 2.5 },
  { name: 'service-graph', pipeline: 'otlp/http → service_graph → nop', backend: false },
  { name: 'transform', pipeline: 'otlp/http → attributes: one set, one hashed, one deleted → nop', backend: false, goal: 2 },
]

/**
 * A user's own pipeline. Where it says `${env:BENCH_IN_PORT}` the harness picks the port, else it is `port`; where it sends to
 * `${env:BENCH_OUT_PORT}`, the counting server stands there and ticks off what arrives.
 */
export function ownScenario(file: string, port: string): Scenario {
  const text = readFileSync(file, 'utf8')
  const own = text.includes('BENCH_IN_PORT') ? { file } : { file, port }
  return { name: 'own', pipeline: file, backend: text.includes('BENCH_OUT_PORT'), own }
}

export interface Contestant {
  readonly name: string
  readonly version: string
  /** The command line for a configuration file; `validate` too, where the program has such a command. */
  run(file: string, variables: Variables): Command
  validate?(file: string): Command
  /** Its file for a scenario, by preference. */
  readonly files: readonly string[]
}
export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}
/** What `${env:NAME}` in a configuration stands for. */
export type Variables = Readonly<
  Record<'BENCH_FOLDER' | 'BENCH_IN_PORT' | 'BENCH_OUT_PORT' | 'BENCH_SPARE_PORT' | 'BENCH_TLS_CERT' | 'BENCH_TLS_KEY', string>
>

const CHECKOUT = join(import.meta.dirname, '..')
export const PEERS = ['collector', 'collector-tuned', 'rotel'] as const

/** Installs the peer if need be. */
export async function contestant(name: string): Promise<Contestant> {
  if (name === 'millrace') return millrace()
  if (name === 'collector') return collector(name, await installCollector(), ['collector.yaml'], {})
  if (name === 'collector-tuned')
    return collector(name, await installCollector(), ['collector-tuned.yaml', 'collector.yaml'], { GOGC: '400' })
  if (name === 'rotel') return rotel(await installRotel())
  throw new Error(`--peers: no peer "${name}"; there are ${PEERS.join(', ')}`)
}

/** Undefined where the program cannot do the scenario. */
export function fileFor(scenario: Scenario, { name, files }: Contestant): string | undefined {
  if (scenario.own !== undefined) return name === 'millrace' ? scenario.own.file : undefined
  return files.map((file) => join(import.meta.dirname, 'scenarios', scenario.name, file)).find((path) => existsSync(path))
}

function millrace(): Contestant {
  const main = join(CHECKOUT, 'main.ts')
  const { version } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
  const command = (verb: string, file: string): Command => ({ command: process.execPath, args: [main, verb, '--config', file] })
  return {
    name: 'millrace',
    version,
    files: ['millrace.yaml'],
    run: (file) => command('run', file),
    validate: (file) => command('validate', file),
  }
}

function collector(name: string, command: string, files: readonly string[], env: Readonly<Record<string, string>>): Contestant {
  return {
    name,
    version: COLLECTOR_VERSION,
    files,
    run: (file) => ({ command, args: ['--config', file], env }),
    validate: (file) => ({ command, args: ['validate', '--config', file], env }),
  }
}

/** Rotel takes no file: its arguments stand in one, a line an option. */
function rotel(command: string): Contestant {
  const run = (file: string, variables: Variables): Command => {
    const text = readFileSync(file, 'utf8').replace(/\$\{env:(\w+)\}/g, (_, name: keyof Variables) => variables[name])
    return { command, args: text.trim().split(/\s+/) }
  }
  return { name: 'rotel', version: ROTEL_VERSION, files: ['rotel.args'], run }
}
