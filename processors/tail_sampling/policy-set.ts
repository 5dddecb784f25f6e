// All policies of a configuration, and what they come to together: traces in, decisions out. The processor owns one; so may whoever asks
// what policies would have done with recorded traffic.

import type { AnomalyModel, Attribute } from '../../core/anomaly/index.ts'
import type { otlp } from '../../core/index.ts'
import { compilePolicy } from './compile.ts'
import { Cells, DROPPED, FAILED, type Foreseer, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'
import type { PolicyConfig } from './policy-schema.ts'

/** What was decided on one trace; one object for all. */
export interface Decision {
  readonly kept: boolean
  readonly vote: Vote
  /** The number of the policy that decided, and of the part of it where it is a composite; 0: none. */
  readonly policy: number
  readonly part: number
  /** How many of 2^20 trace ids it rejects where it chose by chance alone. */
  readonly threshold: number
}

/** What happened since somebody looked, of one policy. */
export interface Tally {
  readonly name: string
  /** Traces, spans and bytes by vote: NOT_SAMPLED, SAMPLED, DROPPED. */
  readonly traces: Float64Array
  readonly spans: Float64Array
  readonly bytes: Float64Array
  executions: number
}

interface Member {
  readonly policy: Policy
  readonly number: number
  readonly tally: Tally
}

export interface PolicySetOptions {
  readonly firstMatch: boolean
  /** Told why a condition has no answer. */
  readonly report: (policy: string, reason: string) => void
  /** The anomaly model of that id; without it there can be no policy `anomaly`. */
  readonly model?: (id: string) => AnomalyModel
}

export class PolicySet {
  /** How many numbers they keep for each trace. */
  readonly cells: number
  /** Votes that could not be given, since the start. */
  failures = 0
  readonly #members: readonly Member[]
  readonly #observers: readonly Policy[]
  readonly #gatherers: readonly Policy[]
  /** Those whose answer takes a moment, wherever they stand. */
  readonly #foreseers: readonly Foreseer[]
  /** How long before a trace is due it must be foreseen, in milliseconds; 0: none wants to. */
  readonly aheadMs: number
  readonly #names: readonly string[]
  /** By the number of a part: the composite's name. */
  readonly #owners: ReadonlyMap<number, string>
  readonly #firstMatch: boolean
  readonly #decision = { kept: false, vote: NOT_SAMPLED as Vote, policy: 0, part: 0, threshold: 0 }

  private constructor(
    members: readonly Member[],
    names: readonly string[],
    owners: ReadonlyMap<number, string>,
    cells: number,
    firstMatch: boolean,
    foreseers: readonly Foreseer[],
  ) {
    this.#members = members
    this.#observers = members.map(({ policy }) => policy).filter((policy) => policy.observe !== undefined)
    this.#gatherers = members.map(({ policy }) => policy).filter((policy) => policy.gather !== undefined)
    this.#names = names
    this.#owners = owners
    this.cells = cells
    this.#foreseers = foreseers
    this.aheadMs = foreseers.reduce((most, { aheadMs }) => Math.max(most, aheadMs), 0)
    this.#firstMatch = firstMatch
  }

  static async of(configs: readonly PolicyConfig[], options: PolicySetOptions): Promise<PolicySet> {
    const cells = new Cells()
    const names = ['', ...configs.map(({ name }) => name)]
    const owners = new Map<number, string>()
    const members: Member[] = []
    const foreseers: Foreseer[] = []
    for (const [i, config] of configs.entries()) {
      const number = (name: string): number => {
        owners.set(names.length, config.name)
        return names.push(name) - 1
      }
      const policy = await compilePolicy(config, { cells, report: options.report, number, foreseers, model: options.model })
      members.push({ policy, number: i + 1, tally: emptyTally(config.name) })
    }
    const isDrop = ({ number }: Member): boolean => configs[number - 1]!.type === 'drop'
    // What is dropped is dropped whatever else holds: those are asked first.
    const ordered = [...members.filter(isDrop), ...members.filter((member) => !isDrop(member))]
    return new PolicySet(ordered, names, owners, cells.count, options.firstMatch, foreseers)
  }

  /** Of a policy, or of a part of a composite. */
  nameOf(number: number): string {
    return this.#names[number] ?? ''
  }
  /** The composite that a part belongs to. */
  ownerOf(part: number): string | undefined {
    return this.#owners.get(part)
  }
  get tallies(): readonly Tally[] {
    return this.#members.map(({ tally }) => tally)
  }

  /** Shows a span to every policy; `at` is where the numbers of its trace begin. */
  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    for (const policy of this.#observers) policy.observe!(index, span, cells, at)
  }

  /** Whether anybody wants to see them before. */
  get gathers(): boolean {
    return this.#gatherers.length > 0
  }
  /** Traces that are decided together are gathered before the first of them is. */
  gather(trace: TraceView): void {
    for (const policy of this.#gatherers) policy.gather!(trace)
  }

  /** A trace that is due within `aheadMs`. It may come again. */
  foresee(trace: TraceView): void {
    for (const policy of this.#foreseers) policy.foresee(trace)
  }
  /** Begins to answer for those that were foreseen. Settles once `decide` knows them; never rejects. */
  async ask(): Promise<void> {
    await Promise.all(this.#foreseers.map((policy) => policy.ask()))
  }
  /** What the spans of a trace shall say: why policies hold. Of the first that has something to say. */
  attributesOf(trace: TraceView): readonly Attribute[] | undefined {
    for (const policy of this.#foreseers) {
      const attributes = policy.attributesOf(trace)
      if (attributes !== undefined) return attributes
    }
    return undefined
  }
  /** What they keep of traces that are not decided, beside their cells. */
  get bytes(): number {
    let bytes = 0
    for (const policy of this.#foreseers) bytes += policy.bytes
    return bytes
  }
  /** Every trace, once it is decided. */
  forget(trace: TraceView): void {
    for (const policy of this.#foreseers) policy.forget(trace)
  }

  /** The answer holds until the next call. */
  decide(trace: TraceView, bytes: number): Decision {
    const decision = this.#decision
    decision.vote = NOT_SAMPLED
    decision.policy = decision.part = decision.threshold = 0
    for (const { policy, number, tally } of this.#members) {
      const vote = policy.evaluate(trace)
      tally.executions++
      if (vote === FAILED) {
        this.failures++
        continue
      }
      tally.traces[vote]!++
      tally.spans[vote]! += trace.spanCount
      tally.bytes[vote]! += bytes
      if (vote === DROPPED) {
        decision.vote = DROPPED
        decision.policy = number
        break
      }
      if (vote !== SAMPLED) continue
      // Among those that keep it, one that does not leave it to chance comes first: then nothing has to be counted up.
      if (decision.vote !== SAMPLED) {
        decision.vote = SAMPLED
        decision.policy = number
        decision.part = policy.chosen ?? 0
        decision.threshold = policy.thresholdOf?.(trace) ?? 0
      } else decision.threshold = Math.min(decision.threshold, policy.thresholdOf?.(trace) ?? 0)
      if (this.#firstMatch) break
    }
    decision.kept = decision.vote === SAMPLED
    for (const policy of this.#gatherers) policy.settle?.(trace, decision.kept)
    return decision
  }
}

function emptyTally(name: string): Tally {
  return { name, traces: new Float64Array(3), spans: new Float64Array(3), bytes: new Float64Array(3), executions: 0 }
}
