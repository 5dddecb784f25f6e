// What messages of the trace protocol cost in µs of CPU a message, up to and with the OTLP bytes: `node bench/trace-protocol.ts [rounds]`. Unlike
// the rest of this folder it calls the code that it measures, for no receiver is between.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Message, FINISHED, executionOf, isRejection, outcomeOf, readJson, readMessage, spanOf } from '../core/mplp/index.ts'

const ROUNDS = Number(process.argv[2] ?? 10)
const RUNS = 500
const FIXTURES = join(import.meta.dirname, '../core/mplp/fixtures')
const NAMES = ['flat-start', 'flat-update', 'flat-metrics', 'flat-anomaly', 'flat-finish']
const ENVELOPES = ['envelope-start', 'envelope-update', 'envelope-metrics', 'envelope-finish']
const TEXTS = new Map(
  [...NAMES, ...ENVELOPES].map((name) => [name, JSON.stringify(JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')))]),
)
const options = { identity: 'service', late: false, now: 1n } as const

function fixture(name: string, run: number): string {
  const id = run.toString(16).padStart(8, '0')
  return TEXTS.get(name)!.replaceAll('run 417', `run ${id}`).replaceAll('0af76519', id).replaceAll('"msg-', `"${id}-`)
}

/** One message of each kind for every run, as bodies of NDJSON with a hundred messages of one kind. */
const bodies = [...TEXTS.keys()].map((name) =>
  Array.from({ length: RUNS / 100 }, (_, part) =>
    Buffer.from(Array.from({ length: 100 }, (_, run) => fixture(name, part * 100 + run)).join('\n')),
  ),
)

function messageOf(value: unknown): Message {
  const message = readMessage(value)
  if (isRejection(message)) throw new Error(JSON.stringify(message))
  return message
}

let written = 0

/** What a receiver does with a message, without its table, its answers and its pipelines. */
function take(message: Message, open: Map<string, Uint8Array[]>): void {
  const parts = open.get(message.execution ?? '') ?? []
  const { part, logs, metrics } = outcomeOf(message, executionOf(parts), options)
  written += (logs?.bytes.length ?? 0) + (metrics?.bytes.length ?? 0)
  if (part === undefined) return
  if (parts.length === 0) open.set(message.execution!, parts)
  parts.push(part)
  if (message.kind === 'finish') written += spanOf(message.execution!, parts, FINISHED).length
}

function costOf(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const lines = bodies.flat().map((body) => body.toString().split('\n'))
const parsing: number[] = []
const all: number[] = []
for (let i = 0; i < ROUNDS + 3; i++) {
  const count = TEXTS.size * RUNS
  parsing.push(costOf(() => lines.forEach((texts) => texts.forEach((text) => JSON.parse(text)))) / count)
  const open = new Map<string, Uint8Array[]>()
  const round = (): void => {
    for (const body of bodies.flat()) {
      for (const json of readJson(body, 'lines')) take(messageOf('exact' in json ? json.exact : undefined), open)
    }
  }
  all.push(costOf(round) / count)
}

function median(values: readonly number[]): string {
  const sorted = values.slice(3).sort((a, b) => a - b)
  return sorted[Math.floor(ROUNDS / 2)]!.toFixed(2)
}

process.stdout.write(`${median(all)} µs of CPU a message; JSON.parse alone ${median(parsing)}; ${Math.round(written / 1e6)} MB written\n`)
