// From cards to a table: medians over the rounds, and the ratio of CPU to ours. `run.ts` writes it beside the JSON.

import type { Card } from './measure.ts'
import type { Scenario } from './scenarios.ts'
import type { StartUp } from './start-up.ts'

export interface Report {
  readonly when: string
  readonly machine: string
  readonly node: string
  /** With `+` where the checkout had changes that are not committed. */
  readonly commit: string
  readonly command: string
  readonly cards: readonly Card[]
  readonly startUps: readonly StartUp[]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >>> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** The median over rounds of (their CPU ÷ our CPU) of the same round; undefined without a run of ours. */
export function ratioToOurs(theirs: readonly Card[], ours: readonly Card[]): number | undefined {
  const ratios = theirs.flatMap((card, round) => {
    const own = ours[round]
    return own ? [card.cpuMicrosPerSpan / own.cpuMicrosPerSpan] : []
  })
  return ratios.length === 0 ? undefined : median(ratios)
}

export function markdown(report: Report, scenarios: readonly Scenario[]): string {
  return [
    `# Benchmark of ${report.when}`,
    '',
    `- machine: ${report.machine}`,
    `- Node ${report.node}, commit ${report.commit}`,
    `- \`${report.command}\``,
    '- a trace is 5 spans in 3 services; a span is about 465 bytes with 10 attributes; every span has an id of its own; over TLS only what says so',
    '- counts are spans; µs are CPU time (user and system) of the program alone, a span; each row is the median of its rounds',
    "- latency is the client's, in ms, from when a request was due (open) or sent (closed)",
    '',
    ...scenarios.flatMap((scenario) => scenarioTable(report, scenario)),
    ...startUpTable(report.startUps),
  ].join('\n')
}

const HEAD = [
  'program', 'load', 'rounds', 'offered', 'accepted', 'delivered', 'lost', 'duplicates', 'traces/s',
  'µs/span', 'CPU ÷ ours', 'peak MB', 'p50', 'p99', 'p99.9', 'generator µs', 'counting µs',
] // prettier-ignore

function scenarioTable(report: Report, scenario: Scenario): string[] {
  const cards = report.cards.filter((card) => card.scenario === scenario.name)
  if (cards.length === 0) return []
  const groups = Map.groupBy(cards, ({ load, program }) => `${load} ${program}`)
  const rows = [...groups.values()].map((group) => {
    const ours = cards.filter(({ load, program }) => program === 'millrace' && load === group[0]?.load)
    return row(group, ours)
  })
  return [
    `## ${scenario.name}: ${scenario.pipeline}`,
    '',
    line(HEAD),
    line(HEAD.map(() => '---')),
    ...rows,
    '',
    ...verdict(scenario, cards),
    '',
  ]
}

function row(group: readonly Card[], ours: readonly Card[]): string {
  const [first] = group
  const of = (pick: (card: Card) => number): number => median(group.map(pick))
  const whole = (pick: (card: Card) => number): string => Math.round(of(pick)).toLocaleString('en')
  const ratio = first?.program === 'millrace' ? undefined : ratioToOurs(group, ours)
  return line([
    `${first?.program} ${first?.version}`.trim(),
    `${first?.load}, ${first?.spansPerRequest} a request${first?.gzip ? ', gzip' : ''}`,
    String(group.length),
    whole((card) => card.offered),
    whole((card) => card.accepted),
    // Where nobody counts what arrives there is no number, and least of all a zero.
    group.every(({ delivered }) => delivered !== null) ? whole((card) => card.delivered!) : NOT_COUNTED,
    worst(group.map(({ lost }) => lost)),
    worst(group.map(({ duplicates }) => duplicates)),
    whole((card) => card.tracesPerSecond),
    of((card) => card.cpuMicrosPerSpan).toFixed(2),
    ratio === undefined ? '' : ratio.toFixed(2),
    (of((card) => card.peakRssBytes) / 1e6).toFixed(0),
    of((card) => card.latencyMs.p50).toFixed(1),
    of((card) => card.latencyMs.p99).toFixed(1),
    of((card) => card.latencyMs.p999).toFixed(1),
    of((card) => card.generatorMicrosPerSpan).toFixed(2),
    of((card) => card.countingMicrosPerSpan).toFixed(2),
  ])
}

/** A goal that was missed is said to be missed. */
function verdict(scenario: Scenario, cards: readonly Card[]): string[] {
  const { goal } = scenario
  if (goal === undefined) return []
  return [...Map.groupBy(cards, ({ load }) => load)].flatMap(([load, group]) => {
    const of = (name: string): Card[] => group.filter(({ program }) => program === name)
    const ratio = ratioToOurs(of('collector'), of('millrace'))
    if (ratio === undefined) return []
    const outcome = ratio >= goal ? 'reached' : '**missed**'
    return [`Goal (${load}): ${goal} × less CPU than the Collector; measured ${ratio.toFixed(2)} ×: ${outcome}.`]
  })
}

function startUpTable(startUps: readonly StartUp[]): string[] {
  if (startUps.length === 0) return []
  const ms = (values: readonly number[]): string => (values.length === 0 ? '' : median(values).toFixed(0))
  const rows = startUps.map(({ program, version, starts, readyMs, validateMs }) =>
    line([`${program} ${version}`, String(starts), ms(readyMs), ms(validateMs)]),
  )
  const head = ['program', 'starts', 'ready, ms', '`validate`, ms']
  return ['## Start-up, medians', '', line(head), line(head.map(() => '---')), ...rows, '']
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

const NOT_COUNTED = 'not counted'

/** Not the median: one lost span is a loss. */
function worst(counts: readonly (number | null)[]): string {
  const counted = counts.filter((count) => count !== null)
  return counted.length < counts.length ? NOT_COUNTED : Math.max(...counted).toLocaleString('en')
}
