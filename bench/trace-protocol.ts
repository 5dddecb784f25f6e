// What messages of the trace protocol cost, stage by stage, in µs of CPU a message: `node bench/trace-protocol.ts [rounds]`. Unlike the rest of this
// folder it calls the code that it measures, for no receiver is between.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Message, FINISHED, executionOf, isRejection, outcomeOf, readJson, readMessage, spanOf } from '../core/mplp/index.ts'

const ROUNDS = Number(process.argv[2] ?? 8)
const RUNS = 400
const FIXTURES = join(import.meta.dirname, '../core/mplp/fixtures')
const NAMES = [
  ['flat-start', 'flat-update', 'flat-metrics', 'flat-anomaly', 'flat-finish'],
  ['envelope-start', 'envelope-update', 'envelope-metrics', 'envelope-finish'],
].flat()

const texts = new Map(NAMES.map((name) => [name, JSON.stringify(JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')))]))

function fixture(name: string, run: number): string {
  const text = texts.get(name)!
  const id = run.toString(16).padStart(8, '0')
  return text.replaceAll('run 417', `run ${id}`).replaceAll('0af76519', id).replaceAll('"msg-', `"${id}-`)
}

const stages = new Map<string, number>()
const options = { identity: 'service', late: false, now: 1n } as const

function timed<T>(stage: string, run: () => T): T {
  const before = process.cpuUsage()
  const result = run()
  const { user, system } = process.cpuUsage(before)
  stages.set(stage, (stages.get(stage) ?? 0) + user + system)
  return result
}

function read(name: string, values: readonly unknown[]): Message[] {
  return timed(`${name}: recognise`, () =>
    values.map((value) => {
      const message = readMessage(value)
      if (isRejection(message)) throw new Error(JSON.stringify(message))
      return message
    }),
  )
}

function round(open: Map<string, Uint8Array[]>): void {
  for (const name of NAMES) {
    const body = Buffer.from(Array.from({ length: RUNS }, (_, run) => fixture(name, run)).join('\n'))
    const values = timed(`${name}: JSON`, () => [...readJson(body, 'lines')].map((json) => ('exact' in json ? json.exact : undefined)))
    const messages = read(name, values)
    const executions = timed(`${name}: what is known`, () => messages.map(({ execution = '' }) => executionOf(open.get(execution) ?? [])))
    timed(`${name}: outcome`, () => {
      for (const [i, message] of messages.entries()) {
        const { part } = outcomeOf(message, executions[i]!, options)
        if (part === undefined) continue
        const parts = open.get(message.execution!)
        if (parts === undefined) open.set(message.execution!, [part])
        else parts.push(part)
      }
    })
    if (!name.endsWith('finish')) continue
    timed(`${name}: span`, () => {
      for (const { execution = '' } of messages) spanOf(execution, open.get(execution) ?? [], FINISHED)
    })
  }
}

round(new Map())
round(new Map())
stages.clear()
for (let i = 0; i < ROUNDS; i++) round(new Map())
let total = 0
let parsing = 0
for (const [stage, us] of stages) {
  total += us
  if (stage.endsWith('JSON')) parsing += us
  process.stdout.write(`${stage.padEnd(36)} ${(us / RUNS / ROUNDS).toFixed(2)} µs\n`)
}
const perMessage = RUNS * ROUNDS * NAMES.length
process.stdout.write(
  `${'all'.padEnd(36)} ${(total / perMessage).toFixed(2)} µs a message, of it JSON ${(parsing / perMessage).toFixed(2)}\n`,
)
