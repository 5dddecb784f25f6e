// What the real backends behind Millrace show: the Collector through the file it writes, Jaeger through its query API.

import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { startCollector } from './servers/collector.ts'
import type { Jaeger } from './servers/jaeger.ts'
import { freePort, type Program } from './servers/program.ts'
import { spansOf, type OtlpJson, type SeenSpan } from './spans.ts'

/** A Collector that writes whatever it takes into a file before it answers. */
export interface CollectorBackend {
  readonly port: number
  readonly program: Program
  /** Every span it has taken, over all its lives. */
  spans(): SeenSpan[]
  /** A new life on the same port and the same file. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startCollectorBackend(): Promise<CollectorBackend> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-backend-'))
  const path = join(folder, 'spans.json')
  const port = await freePort()
  const start = (): Promise<Program> => startCollector(backendConfiguration(port, path), port)
  let program = await start()
  return {
    port,
    get program() {
      return program
    },
    spans: () => (existsSync(path) ? readFileSync(path, 'utf8').split(/(?=\{"resourceSpans":)/) : []).flatMap(spansOfRecord),
    async restart() {
      program = await start()
    },
    async stop() {
      await program.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * A killed Collector may leave a record without the end of its line, or half a record, and the next life's first record follows
 * directly: records are told apart by their beginning, not by lines. Half a record was never answered for.
 */
function spansOfRecord(text: string): SeenSpan[] {
  try {
    return spansOf(JSON.parse(text) as OtlpJson)
  } catch {
    return []
  }
}

/** With rotation the file exporter writes at once; without, it answers first and writes within a second. */
function backendConfiguration(port: number, path: string): string {
  return `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters: { file: { path: ${path}, rotation: { max_megabytes: 1000 } } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: { receivers: [otlp], exporters: [file] } }
`
}

/** A trace as Jaeger's OTLP-shaped API shows it; waits until it has at least `count` spans. */
export async function jaegerTrace(jaeger: Jaeger, traceId: string, count: number): Promise<SeenSpan[]> {
  let spans: SeenSpan[] = []
  for (let attempt = 0; attempt < 100 && spans.length < count; attempt++) {
    if (attempt > 0) await sleep(100)
    const response = await fetch(`${jaeger.query}/api/v3/traces/${traceId}`)
    const answer = (await response.json()) as { readonly result?: OtlpJson }
    spans = spansOf(answer.result ?? {}).map(withoutJaegersOwn)
  }
  return spans
}

/** Its query API adds warnings of its own (about clocks) as attributes under this prefix. */
function withoutJaegersOwn(span: SeenSpan): SeenSpan {
  const own = Object.entries(span.attributes).filter(([key]) => !key.startsWith('@jaeger@'))
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
