// What the real backends behind Millrace show: the Collector through the files it writes, Jaeger through its query API.

import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { itemsOf, resourceAttribute, type SeenItem } from './items.ts'
import { startCollector } from './servers/collector.ts'
import type { Jaeger } from './servers/jaeger.ts'
import { freePort, type Program } from './servers/program.ts'

/** One way into the Collector, with a file of its own. */
export interface Inlet {
  readonly http: number
  readonly grpc: number
  /** Every item it has taken, over all its lives; of one run, or of all. */
  items(run?: string): SeenItem[]
}

/** A Collector that writes whatever it takes into a file before it answers. */
export interface CollectorBackend<Name extends string> {
  readonly inlets: Readonly<Record<Name, Inlet>>
  readonly program: Program
  /** A new life on the same ports and the same files. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** `tls` is a section of the Collector's receivers, for all inlets; without it they are plain. */
export async function startCollectorBackend<const Name extends string>(
  names: readonly Name[],
  tls?: string,
): Promise<CollectorBackend<Name>> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-backend-'))
  const inlets = {} as Record<Name, Inlet>
  for (const name of names) inlets[name] = inletAt(await freePort(), await freePort(), join(folder, `${name}.json`))
  const yaml = backendConfiguration(folder, inlets, tls)
  const { http } = inlets[names[0]!]
  const start = (): Promise<Program> => startCollector(yaml, http)
  let program = await start()
  return {
    inlets,
    get program() {
      return program
    },
    async restart() {
      program = await start()
    },
    async stop() {
      await program.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function inletAt(http: number, grpc: number, path: string): Inlet {
  return {
    http,
    grpc,
    items(run) {
      const records = existsSync(path) ? readFileSync(path, 'utf8').split(/(?=\{"resource(?:Spans|Metrics|Logs)":)/) : []
      const items = records.flatMap(itemsOfRecord)
      return run === undefined ? items : items.filter((item) => resourceAttribute(item, 'run') === `string ${run}`)
    },
  }
}

/**
 * A killed Collector may leave a record without the end of its line, or half a record, and the next life's first record follows
 * directly: records are told apart by their beginning, not by lines. Half a record was never answered for.
 */
function itemsOfRecord(text: string): SeenItem[] {
  let record: Record<string, unknown>
  try {
    record = JSON.parse(text) as Record<string, unknown>
  } catch {
    return []
  }
  return itemsOf(record)
}

/** With rotation the file exporter writes at once; without, it answers first and writes within a second. */
function backendConfiguration(folder: string, inlets: Readonly<Record<string, Inlet>>, tls = ''): string {
  const each = (line: (name: string, inlet: Inlet) => string): string =>
    Object.entries(inlets)
      .map(([name, inlet]) => `  ${line(name, inlet)}\n`)
      .join('')
  const at = (port: number): string => `{ endpoint: 127.0.0.1:${port}${tls && `, tls: ${tls}`} }`
  const pipeline = (signal: string) => (name: string) => `  ${signal}/${name}: { receivers: [otlp/${name}], exporters: [file/${name}] }`
  return `
receivers:
${each((name, { http, grpc }) => `otlp/${name}: { protocols: { http: ${at(http)}, grpc: ${at(grpc)} } }`)}
exporters:
${each((name) => `file/${name}: { path: ${join(folder, `${name}.json`)}, rotation: { max_megabytes: 1000 } }`)}
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
${['traces', 'metrics', 'logs'].map((signal) => each(pipeline(signal))).join('')}
`
}

/** A trace as Jaeger's OTLP-shaped API shows it; waits until it has at least `count` spans. */
export async function jaegerTrace(jaeger: Jaeger, traceId: string, count: number): Promise<SeenItem[]> {
  let spans: SeenItem[] = []
  for (let attempt = 0; attempt < 100 && spans.length < count; attempt++) {
    if (attempt > 0) await sleep(100)
    const response = await fetch(`${jaeger.query}/api/v3/traces/${traceId}`)
    const answer = (await response.json()) as { readonly result?: Record<string, unknown> }
    spans = itemsOf(answer.result ?? {}).map(withoutJaegersOwn)
  }
  return spans
}

/** Its query API adds warnings of its own (about clocks) as attributes under this prefix. */
function withoutJaegersOwn(span: SeenItem): SeenItem {
  const own = Object.entries(span['attributes'] as object).filter(([key]) => !key.startsWith('@jaeger@'))
  return { ...span, attributes: Object.fromEntries(own) }
}

/** Asks again and again, up to half a minute: for what reaches a backend some time after the client was answered. */
export async function eventually<T>(ask: () => T, enough: (answer: T) => boolean): Promise<T> {
  let answer = ask()
  for (let attempt = 0; attempt < 300 && !enough(answer); attempt++) {
    await sleep(100)
    answer = ask()
  }
  return answer
}
