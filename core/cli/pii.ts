// `millrace pii test TEXT` and `millrace pii test --file SPANS`: what `pii`, or `redaction`, would do, and why. Nothing is received, and nothing is sent.

import { ANONYMOUS, type Batch, type Signal } from '../batch.ts'
import { systemClock } from '../clock.ts'
import type { Factories, MetricAttributes, Processor, ProcessorFactory, Settings } from '../component.ts'
import { ConfigError, type Fault, renderFault } from '../config/fault.ts'
import { loadSources, type Source } from '../config/load.ts'
import { readText } from '../config/read-text.ts'
import type { Configured } from '../config/service.ts'
import { fromJson } from '../otlp/json-read.ts'
import { toJson } from '../otlp/json-write.ts'
import { admit } from '../otlp/requests.ts'
import { printable } from '../printable.ts'
import { table } from './draw.ts'
import { eachRecorded } from './recording.ts'
import { FAILED, INVALID_CONFIGURATION, OK, type Terminal } from './terminal.ts'

export interface PiiAsked {
  /** Configurations, later ones over earlier ones; none: every detector, as `pii` is without settings. */
  readonly files: readonly string[]
  /** A text, or a recording with a line of OTLP/JSON each. */
  readonly text?: string
  readonly recording?: string
  readonly json: boolean
}

export async function testPii(asked: PiiAsked, builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  let configured: readonly Configured<ProcessorFactory>[]
  try {
    configured = await maskingIn(asked.files, await builtIn(), terminal)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const fault of error.faults) terminal.err(`${renderFault(fault)}\n`)
    return INVALID_CONFIGURATION
  }
  try {
    const trial = new Trial(configured)
    if (asked.text !== undefined) terminal.out(await trial.text(asked.text, asked.json))
    else await trial.recording(asked.recording!, (line) => (asked.json ? terminal.out(line) : undefined))
    if (!asked.json) terminal.out(trial.why())
    return OK
  } catch (error) {
    terminal.err(`millrace: ${printable((error as Error).message, 2000)}\n`)
    return FAILED
  }
}

/** What a configuration needs beside the processor to be one. */
const AROUND: Source = {
  file: 'around pii',
  text: 'receivers: { otlp: { protocols: { http: } } }\nprocessors: { pii: }\nexporters: { nop: }\nservice: { pipelines: { logs: { receivers: [otlp], processors: [pii], exporters: [nop] } } }\n',
}

/** Every processor that masks, in the order of a pipeline that has one. */
async function maskingIn(
  files: readonly string[],
  factories: Factories,
  terminal: Terminal,
): Promise<readonly Configured<ProcessorFactory>[]> {
  const faults: Fault[] = []
  const sources: Source[] = []
  for (const file of files) {
    const text = await readText(file, faults)
    if (text !== undefined) sources.push({ file, text })
  }
  if (faults.length > 0) throw new ConfigError(faults)
  const { config } = await loadSources(files.length === 0 ? [AROUND] : sources, factories, terminal.environment)
  const masking = config.pipelines.map(({ processors }) =>
    processors.map((id) => config.processors.get(id)!).filter(({ factory }) => factory.masks === true),
  )
  const found = masking.filter((list) => list.length > 0)
  if (new Set(found.map((list) => list.map(({ id }) => id).join())).size === 1) return found[0]!
  const message =
    found.length === 0
      ? 'no pipeline masks anything; accepted: one with pii or redaction'
      : 'its pipelines mask in different ways; accepted: a file in which all of them mask alike'
  throw new ConfigError([{ place: { file: files.at(-1)!, line: 0, column: 0 }, path: ['service', 'pipelines'], message }])
}

const SIGNAL_OF: Readonly<Record<string, Signal>> = { resourceSpans: 'traces', resourceMetrics: 'metrics', resourceLogs: 'logs' }

class Trial {
  readonly #configured: readonly Configured<ProcessorFactory>[]
  readonly #counts = new Map<string, readonly [rule: string, place: string, count: number]>()
  readonly #made = new Map<Signal, readonly Processor[]>()
  #masked: Uint8Array = new Uint8Array(0)
  #requests = 0
  #changed = 0

  constructor(configured: readonly Configured<ProcessorFactory>[]) {
    this.#configured = configured
  }

  /** As the body of a log record. */
  async text(text: string, asJson: boolean): Promise<string> {
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: text } }] }] }] }
    const masked = await this.#mask('logs', Buffer.from(JSON.stringify(request)))
    const read = JSON.parse(masked) as {
      readonly resourceLogs: readonly [
        { readonly scopeLogs: readonly [{ readonly logRecords: readonly [{ readonly body: { readonly stringValue: string } }] }] },
      ]
    }
    const after = read.resourceLogs[0].scopeLogs[0].logRecords[0].body.stringValue
    return asJson ? `${JSON.stringify({ text: after, found: this.#rows() })}\n` : `${printable(after, 100_000)}\n`
  }

  recording(file: string, each: (line: string) => void): Promise<void> {
    return eachRecorded(file, async (line) => each(`${await this.#mask(signalOf(line), Buffer.from(line))}\n`))
  }

  /** Which rule found how much, and where. */
  why(): string {
    const changed = this.#requests > 1 ? `${this.#changed} of ${this.#requests} requests would be changed\n` : ''
    const rows = this.#rows()
    if (rows.length === 0) return `${changed}${this.#changed > 0 ? '' : 'nothing was found\n'}`
    return `${changed}${table([['rule', 'place', 'found'], ...rows.map(([rule, place, count]) => [rule, place, String(count)])], '')}`
  }

  #rows(): readonly (readonly [rule: string, place: string, count: number])[] {
    return [...this.#counts.values()].sort((a, b) => b[2] - a[2] || a[0].localeCompare(b[0]))
  }

  /** The request in JSON, as it would leave. */
  async #mask(signal: Signal, json: Buffer): Promise<string> {
    const { chunk, count } = admit(signal, fromJson(signal, json).bytes)
    this.#masked = chunk
    for (const processor of await this.#processors(signal))
      await processor.consume({ signal, chunks: [this.#masked], count, origin: ANONYMOUS }, Infinity)
    this.#requests++
    if (this.#masked !== chunk) this.#changed++
    return toJson(signal, this.#masked)
  }

  async #processors(signal: Signal): Promise<readonly Processor[]> {
    const next = { consume: async ({ chunks }: Batch): Promise<void> => void (this.#masked = chunks[0]!) }
    let made = this.#made.get(signal)
    made ??= await Promise.all(this.#configured.map(({ factory, config, id }) => factory.create(config, next, this.#settings(id, signal))))
    this.#made.set(signal, made)
    return made
  }

  #settings(id: string, signal: Signal): Settings {
    const quiet = (): void => {}
    const count = (n: number, { rule = '', place = '' }: MetricAttributes = {}): void => {
      const key = `${rule} ${place}`
      this.#counts.set(key, [rule, place, (this.#counts.get(key)?.[2] ?? 0) + n])
    }
    return {
      id,
      signal,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      meter: { counter: () => count, gauge: quiet, histogram: () => quiet },
      clock: systemClock,
      drop: quiet,
      create: quiet,
      extension() {
        throw new Error('there are no extensions in a trial')
      },
    }
  }
}

function signalOf(line: string): Signal {
  const key = Object.keys(JSON.parse(line) as object).find((one) => SIGNAL_OF[one] !== undefined)
  if (key === undefined) throw new Error(`none of ${Object.keys(SIGNAL_OF).join(', ')} is in it`)
  return SIGNAL_OF[key]!
}
