// The figures of docs/anomaly.md: made-up traffic of five services with faults in it, through the model and its threads, beside a plain rule.
// `npx node docs/anomaly-figures.ts` writes the table into the page.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { restore, Scorer, ScoringPool, snapshotOf } from '../core/anomaly/index.ts'
import { systemClock } from '../core/index.ts'
import { indexChunk } from '../core/otlp/requests.ts'
import { TestSettings } from '../core/testing/index.ts'
import { type Fault, FAULTS, type MadeTrace, requestOf, Traffic } from '../test/anomaly-traffic.ts'

const PAGE = join(import.meta.dirname, 'anomaly.md')
const BEGIN = '<!-- figures -->\n'
const END = '<!-- /figures -->'

/** Not those with which anything was tuned: those were 1 to 3. */
export const SEEDS: readonly number[] = [11, 12, 13, 14, 15]
/** Traces: learned from before the model scores, of clean traffic, and of traffic with a fault in one trace of fifty. */
const LEARNED = 20_000
const CLEAN = 20_000
const FAULTY = 2500
const ONE_OF = 50

interface Tally {
  found: number
  missed: number
  wrong: number
}
const rate = (part: number, whole: number): string => (whole === 0 ? '–' : (part / whole).toFixed(3))
const precision = ({ found, wrong }: Tally): string => rate(found, found + wrong)
const recall = ({ found, missed }: Tally): string => rate(found, found + missed)
const empty = (): Tally => ({ found: 0, missed: 0, wrong: 0 })

class Run {
  readonly traffic: Traffic
  #scorer: Scorer
  /** What it had learned before the first fault: every fault begins there. */
  #learned: Buffer | undefined
  readonly #make: () => Scorer
  /** By root operation: durations that were learned from, then the 99th percentile of each. */
  readonly #durations = new Map<string, number[]>()

  constructor(seed: number, pool: ScoringPool) {
    this.traffic = new Traffic(seed)
    const options = { without: [], attributes: [], minSamples: 50, maxOperations: 5000, warmUp: 2000, reservoirSize: 8192 }
    const settings = new TestSettings('anomaly_model')
    this.#make = () =>
      new Scorer('traces', { ...options, windowMs: 3_600_000, retrainMs: 600_000, flaggedShare: 0.002, seed }, pool, settings)
    this.#scorer = this.#make()
  }

  async #judge(traces: readonly MadeTrace[]): Promise<boolean[]> {
    const index = indexChunk('traces', requestOf(traces))
    const firsts = new Map(traces.map(({ id }) => [id, -1]))
    for (let span = 0; span < index.itemCount; span++) {
      const at = index.items[span * 19 + 7]!
      const id = index.bytes.toString('hex', at, at + 16)
      firsts.set(id, this.#scorer.note(index, span, firsts.get(id)!))
    }
    const { scores, bound } = await this.#scorer.judge([...firsts.values()], traces.length)
    // Which model judges what shall not depend on how fast the machine trains.
    await this.#scorer.idle()
    return Array.from(scores, (score) => score > bound)
  }

  async learn(): Promise<void> {
    for (let i = 0; i < LEARNED; i += ONE_OF) {
      const traces = Array.from({ length: ONE_OF }, () => this.traffic.next())
      for (const { rootName, durationMs } of traces) this.#durations.set(rootName, [...(this.#durations.get(rootName) ?? []), durationMs])
      await this.#judge(traces)
    }
    // What is measured is the model that all of this was seen by.
    await this.#scorer.train()
    this.#learned = snapshotOf(this.#scorer)
    for (const durations of this.#durations.values()) durations.sort((a, b) => a - b)
  }

  /** As it was after `learn`. */
  startAgain(): void {
    this.#scorer = this.#make()
    restore(this.#scorer, this.#learned!)
  }

  #isOverP99({ rootName, durationMs }: MadeTrace): boolean {
    const durations = this.#durations.get(rootName)
    return durations !== undefined && durationMs > durations[Math.floor(durations.length * 0.99)]!
  }

  async count(traces: readonly MadeTrace[], ours: Tally, rule: Tally): Promise<void> {
    const found = await this.#judge(traces)
    for (const [i, trace] of traces.entries()) {
      for (const [tally, isFound] of [
        [ours, found[i]!],
        [rule, this.#isOverP99(trace)],
      ] as const) {
        if (trace.fault === undefined) tally.wrong += isFound ? 1 : 0
        else if (isFound) tally.found++
        else tally.missed++
      }
    }
  }
}

/** Faults that are smaller than those above, in order to see where they are missed. */
const SMALL: readonly (readonly [name: string, fault: Fault, strength: number])[] = [
  ['a database that takes 2 times as long', 'slow dependency', 2],
  ['3 times', 'slow dependency', 3],
  ['5 times', 'slow dependency', 5],
  ['10 times', 'slow dependency', 10],
  ['30 times', 'slow dependency', 30],
  ['one more try', 'retry storm', 1],
  ['two more', 'retry storm', 2],
]

export async function figures(seeds: readonly number[] = SEEDS): Promise<string> {
  const settings = new TestSettings('anomaly_model')
  const pool = new ScoringPool({ threads: 1, timeoutMs: 60_000, maxHeapMb: 64, clock: systemClock, log: settings.log })
  const ours = new Map<string, Tally>(FAULTS.map((fault) => [fault, empty()]))
  const rule = new Map<string, Tally>(FAULTS.map((fault) => [fault, empty()]))
  const clean: [Tally, Tally] = [empty(), empty()]
  const small = SMALL.map((): [Tally, Tally] => [empty(), empty()])
  for (const seed of seeds) {
    const run = new Run(seed, pool)
    await run.learn()
    for (let i = 0; i < CLEAN; i += ONE_OF)
      await run.count(
        Array.from({ length: ONE_OF }, () => run.traffic.next()),
        ...clean,
      )
    for (const fault of FAULTS) {
      run.startAgain()
      for (let i = 0; i < FAULTY; i += ONE_OF) {
        const traces = Array.from({ length: ONE_OF }, (_, k) => run.traffic.next(k === ONE_OF / 2 ? fault : undefined))
        await run.count(traces, ours.get(fault)!, rule.get(fault)!)
      }
    }
    for (const [at, [, fault, strength]] of SMALL.entries()) {
      run.startAgain()
      for (let i = 0; i < FAULTY; i += ONE_OF) {
        const traces = Array.from({ length: ONE_OF }, (_, k) => (k === ONE_OF / 2 ? run.traffic.next(fault, strength) : run.traffic.next()))
        await run.count(traces, ...small[at]!)
      }
    }
  }
  await pool.close()
  const share = ({ wrong }: Tally): string => `${((100 * wrong) / (CLEAN * seeds.length)).toFixed(2)} %`
  const lines = [
    '| fault, in one trace of fifty | precision | recall | precision of the rule | recall of the rule |',
    '|---|--:|--:|--:|--:|',
    ...FAULTS.map(
      (fault) => `| ${fault} | ${[ours, rule].map((all) => `${precision(all.get(fault)!)} | ${recall(all.get(fault)!)}`).join(' | ')} |`,
    ),
    '',
    `Of ${(CLEAN * seeds.length).toLocaleString('en')} clean traces the model flags ${share(clean[0])}, the rule ${share(clean[1])}. Seeds: ${seeds.join(', ')}.`,
    '',
    '| a smaller fault | recall | recall of the rule |',
    '|---|--:|--:|',
    ...SMALL.map(([name], i) => `| ${name} | ${recall(small[i]![0])} | ${recall(small[i]![1])} |`),
  ]
  return lines.join('\n')
}

if (import.meta.main) {
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(BEGIN) as [string, string]
  writeFileSync(PAGE, `${before}${BEGIN}${await figures()}\n${END}${rest.split(END)[1]}`)
}
