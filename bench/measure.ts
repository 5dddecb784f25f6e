// One run: a program under test, a generator before it, a counting server behind it, and the card of what came of it. `run.ts` calls it.

import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { freePort, listens, startProgram, type Program } from '../test/real/servers/program.ts'
import type { CountingReply, CountingRequest } from './counting-server.ts'
import { Forked } from './forked.ts'
import type { GeneratorReply, GeneratorRequest } from './generator.ts'
import type { Phase, PhaseResult } from './load.ts'
import { cpuMicroseconds, peakRssBytes } from './process-cost.ts'
import { certificate } from './certificate.ts'
import { fileFor, type Contestant, type Scenario, type Variables } from './scenarios.ts'
import { SPANS_PER_TRACE } from './span-numbers.ts'
import type { Verdict } from './span-tally.ts'

export interface RunOptions {
  readonly scenario: Scenario
  /** Undefined for the run against nothing. */
  readonly program: Contestant | undefined
  /** Traces a second; a closed loop if it is left out. */
  readonly rate?: number
  readonly connections: number
  readonly spansPerRequest: number
  readonly gzip: boolean
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** Counts are spans, and of the measured phase alone; losses and duplicates are of the whole run, warm-up included. */
export interface Card {
  readonly scenario: string
  readonly program: string
  readonly version: string
  /** `open 10000` traces a second, or `closed 16` connections. */
  readonly load: string
  readonly spansPerRequest: number
  readonly gzip: boolean
  readonly offered: number
  readonly sent: number
  readonly accepted: number
  /** These four are null where nobody counts what arrives. */
  readonly delivered: number | null
  readonly lost: number | null
  readonly duplicates: number | null
  /** Arrived though refused or unanswered. */
  readonly unacknowledged: number | null
  readonly statuses: Readonly<Record<string, number>>
  /** Accepted traces over the time from the first request until the last of them had arrived. */
  readonly tracesPerSecond: number
  readonly cpuMicrosPerSpan: number
  readonly peakRssBytes: number
  readonly latencyMs: PhaseResult['latency']
  readonly generatorMicrosPerSpan: number
  readonly countingMicrosPerSpan: number
  /** Of the machine, over the minute before: what else was running. */
  readonly loadAverage: number
}

type Generator = Forked<GeneratorRequest, GeneratorReply>
type Counting = Forked<CountingRequest, CountingReply>
interface Parts {
  readonly program: Program | undefined
  readonly generator: Generator
  readonly counting: Counting | undefined
}

const STALLED_MS = 5_000
const POLL_MS = 25

export async function measure(options: RunOptions): Promise<Card> {
  const loadAverage = loadavg()[0] ?? 0
  const parts: { program?: Program; generator?: Generator; counting?: Counting; folder?: string } = {}
  try {
    const run = randomInt(1, 2 ** 32)
    const port = options.scenario.own?.port
    const folder = (parts.folder = await mkdtemp(join(tmpdir(), 'millrace-bench-')))
    const variables = { ...(await pickPorts()), ...(port === undefined ? {} : { BENCH_IN_PORT: port }), BENCH_FOLDER: folder }
    const { backend, isAnswered } = options.scenario
    if (backend || isAnswered === true)
      parts.counting = await Forked.start('counting-server.ts', ['--port', variables.BENCH_OUT_PORT, '--run', String(run)])
    if (options.program) parts.program = await startUnderTest(options.scenario, options.program, variables)
    parts.generator = await Forked.start('generator.ts', generatorArguments(options, run, variables))
    const counting = backend ? parts.counting : undefined
    return await measured(options, { program: parts.program, generator: parts.generator, counting }, loadAverage)
  } finally {
    await parts.generator?.stop()
    await parts.program?.stop()
    await parts.counting?.stop()
    if (parts.folder !== undefined) await rm(parts.folder, { recursive: true, force: true })
  }
}

export async function pickPorts(): Promise<Variables> {
  const [inner, outer, spare] = [await freePort(), await freePort(), await freePort()].map(String)
  return {
    BENCH_IN_PORT: inner ?? '',
    BENCH_OUT_PORT: outer ?? '',
    BENCH_SPARE_PORT: spare ?? '',
    BENCH_FOLDER: tmpdir(),
    ...certificate(),
  }
}

/** Ready when it accepts connections; polled closely, since `start-up.ts` times it. */
export async function startUnderTest(scenario: Scenario, program: Contestant, variables: Variables): Promise<Program> {
  const file = fileFor(scenario, program)
  if (file === undefined) throw new Error(`scenario "${scenario.name}": no configuration for ${program.name}`)
  const command = program.run(file, variables)
  const env = { ...variables, ...command.env }
  return startProgram({ name: program.name, ...command, env, pollMs: 2, ready: () => listens(Number(variables.BENCH_IN_PORT)) })
}

function generatorArguments(options: RunOptions, run: number, variables: Variables): string[] {
  const port = options.program ? variables.BENCH_IN_PORT : variables.BENCH_OUT_PORT
  const args = [
    '--port',
    port,
    '--run',
    String(run),
    '--spans',
    String(options.spansPerRequest),
    '--connections',
    String(options.connections),
  ]
  const { signal, transport, tls = false } = options.scenario
  if (signal !== undefined) args.push('--signal', signal)
  if (transport !== undefined) args.push('--transport', transport)
  // The run against nothing goes straight to the counting server, which speaks neither.
  if (tls) args.push('--tls')
  return options.gzip ? [...args, '--gzip'] : args
}

async function measured(options: RunOptions, parts: Parts, loadAverage: number): Promise<Card> {
  const { program, generator, counting } = parts
  const rate = options.rate === undefined ? {} : { tracesPerSecond: options.rate }
  const warmUp = await runPhase(generator, { seconds: options.warmUpSeconds, ...rate })
  const before = warmUp.acceptedRequests * options.spansPerRequest
  await settle(counting, before)
  const cost = costs(parts)
  const phase = await runPhase(generator, { seconds: options.seconds, ...rate })
  const accepted = phase.acceptedRequests * options.spansPerRequest
  const arrivedAt = await settle(counting, before + accepted)
  const spent = costs(parts).map((micros, index) => (micros - (cost[index] ?? 0)) / accepted)
  const verdict = await verdictOf(counting, generator)
  const seconds = Math.max(phase.seconds, (arrivedAt - phase.beganAt) / 1000)
  return {
    scenario: options.scenario.name,
    program: options.program?.name ?? 'none',
    version: options.program?.version ?? '',
    load: options.rate === undefined ? `closed ${options.connections}` : `open ${options.rate}`,
    spansPerRequest: options.spansPerRequest,
    gzip: options.gzip,
    offered: phase.offeredRequests * options.spansPerRequest,
    sent: phase.sentRequests * options.spansPerRequest,
    accepted,
    delivered: verdict ? verdict.delivered - before : null,
    lost: verdict?.lost ?? null,
    duplicates: verdict?.duplicates ?? null,
    unacknowledged: verdict?.unacknowledged ?? null,
    statuses: phase.statuses,
    tracesPerSecond: accepted / SPANS_PER_TRACE / seconds,
    cpuMicrosPerSpan: spent[0] ?? Number.NaN,
    peakRssBytes: program ? peakRssBytes(program.pid) : 0,
    latencyMs: phase.latency,
    generatorMicrosPerSpan: spent[1] ?? Number.NaN,
    countingMicrosPerSpan: spent[2] ?? Number.NaN,
    loadAverage,
  }
}

/** CPU microseconds so far of the program, the generator and the counting server. */
function costs({ program, generator, counting }: Parts): number[] {
  return [program, generator, counting].map((part) => (part ? cpuMicroseconds(part.pid) : 0))
}

async function runPhase(generator: Generator, phase: Phase): Promise<PhaseResult> {
  const reply = await generator.ask({ ask: 'phase', ...phase })
  if (reply.is !== 'phase') throw new Error(`generator: answered "${reply.is}" where a phase was asked for`)
  return reply
}

/** Waits until so many spans have arrived, or none has for a while. When that was, in milliseconds since the epoch. */
async function settle(counting: Counting | undefined, spans: number): Promise<number> {
  let changedAt = performance.now()
  if (!counting) return performance.timeOrigin + changedAt
  let arrived = await delivered(counting)
  while (arrived < spans && performance.now() - changedAt < STALLED_MS) {
    await sleep(POLL_MS)
    const now = await delivered(counting)
    if (now !== arrived) changedAt = performance.now()
    arrived = now
  }
  return performance.timeOrigin + changedAt
}

async function delivered(counting: Counting): Promise<number> {
  const reply = await counting.ask({ ask: 'tally' })
  if (reply.is !== 'tally') throw new Error(`counting server: answered "${reply.is}" where the tally was asked for`)
  return reply.delivered
}

async function verdictOf(counting: Counting | undefined, generator: Generator): Promise<Verdict | undefined> {
  if (!counting) return undefined
  const answers = await generator.ask({ ask: 'answers' })
  if (answers.is !== 'answers') throw new Error(`generator: answered "${answers.is}" where its answers were asked for`)
  const { accepted, requests, spansPerRequest } = answers
  const verdict = await counting.ask({ ask: 'verdict', accepted, requests, spansPerRequest })
  if (verdict.is !== 'verdict') throw new Error(`counting server: answered "${verdict.is}" where the verdict was asked for`)
  return verdict
}
