// `millrace sampling try POLICIES TRACES…`: what a set of policies would have done with recorded traffic. Nothing is received, and nothing is sent.

import type { Batch } from '../batch.ts'
import { ANONYMOUS } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { AnomalyModel } from '../anomaly/anomaly-model.ts'
import type { Capabilities, Capability, Factories, Processor, ProcessorFactory, Settings } from '../component.ts'
import { ConfigError, renderFault, type Fault } from '../config/fault.ts'
import { loadSources, type Source } from '../config/load.ts'
import { readText } from '../config/read-text.ts'
import type { Configured, ServiceConfig } from '../config/service.ts'
import { PermanentError } from '../errors.ts'
import { fromJson } from '../otlp/json-read.ts'
import { RequestEdits } from '../otlp/edits.ts'
import { admit, indexChunk } from '../otlp/requests.ts'
import { type Span, SpanCursor } from '../otlp/span-cursor.ts'
import { printable } from '../printable.ts'
import { table } from './draw.ts'
import { eachRecorded } from './recording.ts'
import { FAILED, INVALID_CONFIGURATION, OK, type Terminal } from './terminal.ts'
import { TrialModels } from './trial-models.ts'

export interface TryAsked {
  readonly policies: string
  readonly traces: readonly string[]
  readonly json: boolean
}

/** What became of one trace. */
interface Outcome {
  readonly traceId: string
  spans: number
  decision: string
  policy: string
  part: string
  cause: string
}

export async function trySampling(asked: TryAsked, builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  let found: Found
  try {
    found = await processorIn(asked.policies, await builtIn(), terminal)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const fault of error.faults) terminal.err(`${renderFault(fault)}\n`)
    return INVALID_CONFIGURATION
  }
  const replay = new Replay()
  try {
    await replay.open(found, terminal)
    for (const file of asked.traces) await replay.file(file)
    await replay.close()
  } catch (error) {
    terminal.err(`millrace: ${printable((error as Error).message, 2000)}\n`)
    return FAILED
  } finally {
    await replay.end()
  }
  if (replay.refused > 0) terminal.err(`${replay.refused} spans were left out: a receiver would refuse them\n`)
  if (asked.json) for (const outcome of replay.outcomes.values()) terminal.out(`${JSON.stringify(outcome)}\n`)
  else terminal.out(summary([...replay.outcomes.values()], replay.recordedMs))
  return OK
}

interface Found {
  readonly processor: Configured<ProcessorFactory>
  readonly extensions: ServiceConfig['extensions']
}

/** The one tail_sampling of a configuration, or of a file that holds nothing but its settings. */
async function processorIn(file: string, factories: Factories, terminal: Terminal): Promise<Found> {
  const faults: Fault[] = []
  const text = await readText(file, faults)
  if (text === undefined) throw new ConfigError(faults)
  const isWhole = /^service:/m.test(text)
  const source: Source = isWhole ? { file, text } : { file, text: /^processors:/m.test(text) ? text : asProcessor(text) }
  const sources = isWhole ? [source] : [AROUND, source]
  try {
    const { config } = await loadSources(sources, factories, terminal.environment)
    const found = [...config.processors.values()].filter(({ factory }) => factory.type === 'tail_sampling')
    if (found.length === 1) return { processor: found[0]!, extensions: config.extensions }
    const message = `${found.length === 0 ? 'no pipeline has' : 'pipelines have several'} tail_sampling; accepted: one, or a file with the settings of one`
    throw new ConfigError([{ place: { file, line: 0, column: 0 }, path: ['processors'], message }])
  } catch (error) {
    if (!(error instanceof ConfigError) || source.text === text) throw error
    throw new ConfigError(error.faults.map(backToPlace))
  }
}

/** What a configuration needs beside the processor to be one. */
const AROUND: Source = {
  file: 'around the policies',
  text: 'extensions: { anomaly_model: }\nreceivers: { otlp: { protocols: { http: } } }\nexporters: { nop: }\nservice: { extensions: [anomaly_model], pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [nop] } } }\n',
}
const [LINES_BEFORE, INDENT] = [2, '    ']
const asProcessor = (text: string): string => `processors:\n  tail_sampling:\n${text.replace(/^(?=.)/gm, INDENT)}`

function backToPlace({ place, path, message }: Fault): Fault {
  const { file, line, column } = place
  const moved = line <= LINES_BEFORE ? { file, line: 0, column: 0 } : { file, line: line - LINES_BEFORE, column: column - INDENT.length }
  return { place: moved, path: path[1] === 'tail_sampling' ? path.slice(2) : path, message }
}

/** Time as it was recorded: it goes on with the spans. */
class RecordedClock implements Clock {
  #nowMs = 0
  startMs = 0
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>()

  monotonicMs(): number {
    return this.#nowMs
  }
  now(): Date {
    return new Date(this.startMs + this.#nowMs)
  }
  after(ms: number, run: () => void): { cancel(): void } {
    const timer = { dueMs: this.#nowMs + Math.max(0, ms), run }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  /** Never back: what was recorded later may have begun earlier. */
  async advanceTo(ms: number, settled: () => Promise<void>): Promise<void> {
    for (;;) {
      const due = [...this.#timers].filter(({ dueMs }) => dueMs <= ms).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.run()
      await new Promise((resolve) => setImmediate(resolve))
      await settled()
    }
    this.#nowMs = Math.max(this.#nowMs, ms)
  }
}

const ATTRIBUTES = {
  decision: 'tailsampling.decision',
  policy: 'tailsampling.policy',
  part: 'tailsampling.composite_policy',
  cause: 'tailsampling.cause',
} as const

/** The processor in a dry run that explains itself, fed with what was recorded. */
class Replay {
  readonly outcomes: Map<string, Outcome> = new Map()
  /** Recorded spans that are none, as a receiver would say. */
  refused = 0
  readonly #clock = new RecordedClock()
  readonly #models = new TrialModels()
  #processor: Processor | undefined
  #started = false

  /** How much time the recording covers, in milliseconds. */
  recordedMs = 0

  async open({ processor: { factory, config }, extensions }: Found, terminal: Terminal): Promise<void> {
    const own = settingsOf(this.#clock, terminal, (id) => this.#models.of(id))
    await this.#models.create(extensions, config, own)
    const { storage: _, ...settings } = config as { readonly storage?: string }
    const next = { consume: async (batch: Batch): Promise<void> => this.#see(batch) }
    this.#processor = await factory.create({ ...settings, dry_run: true, explain: true }, next, own)
    await this.#models.start()
    await this.#processor.start?.(new AbortController().signal)
  }

  file(file: string): Promise<void> {
    return eachRecorded(file, async (line) => {
      const read = fromJson('traces', Buffer.from(line))
      const admitted = admit('traces', read.bytes)
      this.refused += read.refused + admitted.refused
      await this.#offer(admitted.chunk)
    })
  }

  async #offer(chunk: Uint8Array): Promise<void> {
    const { items, endMs } = lookAt(chunk)
    if (items === 0) return
    if (!this.#started) this.#clock.startMs = endMs
    this.#started = true
    this.recordedMs = Math.max(this.recordedMs, endMs - this.#clock.startMs)
    await this.#advanceTo(this.recordedMs)
    const batch: Batch = { signal: 'traces', chunks: [chunk], count: items, origin: ANONYMOUS }
    await this.#processor!.consume(batch, Infinity)
  }

  /** Decides what still waits. */
  async close(): Promise<void> {
    await this.#advanceTo(this.#clock.monotonicMs() + 86_400_000)
    await this.#processor!.stop?.(AbortSignal.timeout(10_000))
  }

  /** Whatever became of it. */
  end(): Promise<void> {
    return this.#models.stop()
  }

  /** Time stands still while a model thinks. */
  #advanceTo(ms: number): Promise<void> {
    return this.#clock.advanceTo(ms, () => this.#models.settled())
  }

  #see(batch: Batch): void {
    for (const chunk of batch.chunks) {
      for (const span of spansOf(chunk)) {
        const read = (key: string): string => {
          const value = span.attributes.get(key)
          return typeof value === 'string' ? value : ''
        }
        const { traceId } = span
        let outcome = this.outcomes.get(traceId)
        if (outcome === undefined)
          this.outcomes.set(traceId, (outcome = { traceId, spans: 0, decision: '', policy: '', part: '', cause: '' }))
        outcome.spans++
        for (const key of ['decision', 'policy', 'part', 'cause'] as const) outcome[key] = read(ATTRIBUTES[key]) || outcome[key]
      }
    }
  }
}

/** One after the other, each as long as the next is not asked for. */
function* spansOf(chunk: Uint8Array): Generator<Span> {
  const edits = new RequestEdits(indexChunk('traces', chunk))
  const span = new SpanCursor(edits, () => {})
  const { itemCount } = edits.index
  for (let i = 0; i < itemCount; i++) {
    span.moveTo(i)
    yield span
  }
}

function lookAt(chunk: Uint8Array): { readonly items: number; readonly endMs: number } {
  let [items, endMs] = [0, 0]
  for (const { endTimeUnixNano } of spansOf(chunk)) {
    items++
    endMs = Math.max(endMs, Number(endTimeUnixNano / 1_000_000n))
  }
  return { items, endMs }
}

function settingsOf(clock: Clock, terminal: Terminal, model: (id: string) => AnomalyModel | undefined): Settings {
  const tell = (fields: object, message: string): void => terminal.err(`${message} ${printable(JSON.stringify(fields), 1000)}\n`)
  const quiet = (): void => {}
  return {
    id: 'tail_sampling',
    signal: 'traces',
    log: { debug: quiet, info: quiet, warn: tell, error: tell },
    meter: { counter: () => quiet, gauge: quiet, histogram: () => quiet },
    clock,
    drop: quiet,
    create: quiet,
    extension<C extends Capability>(_capability: C, id: string): Capabilities[C] {
      const found = model(id)
      if (found === undefined) throw new PermanentError(`there is no extension ${id} in a trial; accepted: anomaly models`)
      return found as Capabilities[C]
    },
  }
}

function summary(outcomes: readonly Outcome[], recordedMs: number): string {
  const groups = new Map<string, { decision: string; policy: string; traces: number; spans: number }>()
  for (const { decision, policy, part, spans } of outcomes) {
    const name = part === '' ? policy : `${policy}: ${part}`
    const key = `${decision} ${name}`
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { decision, policy: name || '–', traces: 0, spans: 0 }))
    group.traces++
    group.spans += spans
  }
  const spans = outcomes.reduce((sum, outcome) => sum + outcome.spans, 0)
  const share = (count: number, of: number): string => `${of === 0 ? 0 : ((100 * count) / of).toFixed(1)} %`
  const rows = [...groups.values()]
    .sort((a, b) => a.decision.localeCompare(b.decision) || b.spans - a.spans)
    .map((group) => [
      printable(group.decision),
      printable(group.policy),
      `${group.traces} traces`,
      share(group.traces, outcomes.length),
      `${group.spans} spans`,
      share(group.spans, spans),
    ])
  const early = outcomes.filter(({ cause }) => cause !== '').length
  const times = `${outcomes.length} traces of ${spans} spans, recorded over ${Math.round(recordedMs / 1000)} s\n`
  return `${times}${table([['decision', 'policy', 'traces', '', 'spans', ''], ...rows], '')}${early > 0 ? `${early} traces were decided before their time: --json says why\n` : ''}`
}
