// The benchmark: scenarios × programs, alternating, several rounds; a JSON file and a table in `results/`.
// `npm run bench -- --scenario forward --rounds 3 --peers collector,rotel`; `bench/README.md` has all options.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { measure, type Card } from './measure.ts'
import { markdown, type Report } from './report.ts'
import { contestant, fileFor, ownScenario, SCENARIOS, type Contestant, type Scenario } from './scenarios.ts'
import { measureStartUp, type StartUp } from './start-up.ts'

const { values: given } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'receive,forward,transform' },
    config: { type: 'string' },
    port: { type: 'string', default: '4318' },
    peers: { type: 'string', default: 'collector,rotel' },
    'without-millrace': { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    load: { type: 'string', default: 'open:10000,closed:16' },
    'open-connections': { type: 'string', default: '64' },
    spans: { type: 'string', default: '100' },
    gzip: { type: 'boolean', default: false },
    'warm-up': { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    starts: { type: 'string', default: '0' },
    results: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})

const scenarios = given.config === undefined ? list(given.scenario).map(scenarioNamed) : [ownScenario(given.config, given.port)]
const peers = given.config === undefined ? list(given.peers) : []
const names = [...(given['without-millrace'] ? [] : ['millrace']), ...peers]
const programs = await Promise.all(names.map((name) => contestant(name)))
const cards: Card[] = []
for (const scenario of scenarios) await runScenario(scenario)
const startUps = await runStartUps()
await writeReport()

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '')
}

function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((known) => known.name === name)
  if (!scenario) throw new Error(`--scenario: no scenario "${name}"; there are ${SCENARIOS.map((known) => known.name).join(', ')}`)
  return scenario
}

/** Every program in every round, the order turned round in every second one, so that a drift of the machine favours nobody. */
async function runScenario(scenario: Scenario): Promise<void> {
  const able = programs.filter((program) => fileFor(scenario, program))
  const contestants: readonly (Contestant | undefined)[] = scenario.name === 'null' ? [undefined] : able
  for (let round = 0; round < Number(given.rounds); round++) {
    for (const load of list(given.load)) {
      for (const program of round % 2 === 0 ? contestants : contestants.toReversed()) await runOnce(scenario, program, load)
    }
  }
}

async function runOnce(scenario: Scenario, program: Contestant | undefined, load: string): Promise<void> {
  const [kind, amount] = load.split(':')
  if ((kind !== 'open' && kind !== 'closed') || !(Number(amount) > 0)) {
    throw new Error(`--load: got "${load}"; accepted are open:<traces a second> and closed:<connections>`)
  }
  const card = await measure({
    scenario,
    program,
    ...(kind === 'open' && { rate: Number(amount) }),
    connections: kind === 'open' ? Number(given['open-connections']) : Number(amount),
    spansPerRequest: scenario.spansPerRequest ?? Number(given.spans),
    gzip: given.gzip || scenario.gzip === true,
    warmUpSeconds: Number(given['warm-up']),
    seconds: Number(given.seconds),
  })
  cards.push(card)
  const { lost, tracesPerSecond, cpuMicrosPerSpan, latencyMs } = card
  const figures = `${Math.round(tracesPerSecond)} traces/s, ${cpuMicrosPerSpan.toFixed(2)} µs/span, p99 ${latencyMs.p99.toFixed(1)} ms, lost ${lost ?? 'not counted'}`
  console.error(`${scenario.name} ${card.load} ${card.program}: ${figures}`)
}

async function runStartUps(): Promise<StartUp[]> {
  const results: StartUp[] = []
  const receive = scenarioNamed('receive')
  for (const program of Number(given.starts) > 0 ? programs : []) results.push(await measureStartUp(receive, program, Number(given.starts)))
  return results
}

async function writeReport(): Promise<void> {
  const [cpu] = cpus()
  const report: Report = {
    when: new Date().toISOString().slice(0, 16).replace('T', ' '),
    machine: `${cpus().length} × ${cpu?.model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`,
    node: process.versions.node,
    commit: commit(),
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`,
    cards,
    startUps,
  }
  const first = [report.when.replaceAll(/[-:]/g, '').replace(' ', '-'), ...scenarios.map((scenario) => scenario.name)].join('-')
  await mkdir(given.results, { recursive: true })
  // Two within a minute are two.
  let name = first
  for (let number = 2; existsSync(join(given.results, `${name}.json`)); number++) name = `${first}-${number}`
  await writeFile(join(given.results, `${name}.json`), `${JSON.stringify(report, undefined, 1)}\n`)
  const table = markdown(report, scenarios)
  await writeFile(join(given.results, `${name}.md`), table)
  console.log(table)
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--', '..', ':!results') !== ''
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '')
  } catch {
    return 'unknown: no git checkout'
  }
}
