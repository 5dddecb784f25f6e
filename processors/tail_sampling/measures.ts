// What the processor measures, under the Collector's names where the Collector has them.

import type { Settings } from '../../core/index.ts'
import type { PolicySet, Tally } from './policy-set.ts'

const PREFIX = 'otelcol_processor_tail_sampling'
const VOTES = ['not_sampled', 'sampled', 'dropped'] as const
const AGES_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]
const LATENCIES_MS = [
  1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000, 50_000,
]

export class Measures {
  readonly #policies: PolicySet
  readonly #prefix: string
  readonly #perPolicy: readonly {
    readonly add: (n: number, attributes: Readonly<Record<string, string>>) => void
    readonly of: 'traces' | 'spans' | 'bytes'
  }[]
  readonly #executions: (n: number, attributes: Readonly<Record<string, string>>) => void
  readonly #failures: (n: number) => void
  #failuresSeen = 0
  readonly #global: (n: number, attributes: Readonly<Record<string, string>>) => void
  readonly newTraces: (n: number) => void
  readonly late: (n: number, attributes: Readonly<Record<string, string>>) => void
  readonly lateAge: (seconds: number) => void
  readonly removalAge: (seconds: number) => void
  readonly timer: (ms: number) => void
  readonly tooEarly: (n: number) => void
  readonly tooLarge: (n: number) => void
  /** By vote: traces decided since `flush`. */
  readonly decided: [number, number, number] = [0, 0, 0]

  constructor({ meter, id }: Settings, policies: PolicySet, onMemory: () => number) {
    this.#policies = policies
    // A named processor's name stands before its policies', as in the Collector.
    const slash = id.indexOf('/')
    this.#prefix = slash < 0 ? '' : `${id.slice(slash + 1)}.`
    const counter = (name: string, unit: string, help: string) => meter.counter(`${PREFIX}_${name}`, unit, help)
    this.#perPolicy = [
      { of: 'traces', add: counter('count_traces_sampled', '{traces}', 'Count of traces that were sampled or not per sampling policy.') },
      { of: 'spans', add: counter('count_spans_sampled', '{spans}', 'Count of spans that were sampled or not per sampling policy.') },
      { of: 'bytes', add: counter('count_bytes_sampled', 'By', 'Count of bytes that were sampled or not per sampling policy.') },
    ]
    this.#executions = counter(
      'sampling_policy_execution_count',
      '{executions}',
      'Total number of executions of a specific sampling policy.',
    )
    this.#failures = counter('sampling_policy_evaluation_error', '{errors}', 'Count of sampling policy evaluation errors.')
    this.#global = counter(
      'global_count_traces_sampled',
      '{traces}',
      'Global count of traces that were sampled or not by at least one policy.',
    )
    this.newTraces = counter('new_trace_id_received', '{traces}', 'Counts the arrival of new traces.')
    this.late = counter(
      'early_releases_from_cache_decision',
      '{spans}',
      'Number of spans that were able to be immediately released due to a decision cache hit.',
    )
    this.tooEarly = counter(
      'sampling_trace_dropped_too_early',
      '{traces}',
      'Count of traces that were decided before the configured wait time, for want of room.',
    )
    this.tooLarge = counter('traces_dropped_too_large', '{traces}', 'Count of traces that were dropped because they were too large.')
    const histogram = (name: string, unit: string, help: string, bounds: readonly number[]) =>
      meter.histogram(`${PREFIX}_${name}`, unit, help, bounds)
    this.lateAge = histogram(
      'sampling_late_span_age',
      's',
      'Time from the sampling decision was taken and the arrival of a late span.',
      AGES_S,
    )
    this.removalAge = histogram(
      'sampling_trace_removal_age',
      's',
      'Time from arrival of a new trace until its removal from memory.',
      AGES_S,
    )
    this.timer = histogram('sampling_decision_timer_latency', 'ms', 'Latency of each run of the sampling decision timer.', LATENCIES_MS)
    meter.gauge(`${PREFIX}_sampling_traces_on_memory`, '{traces}', 'Tracks the number of traces current on memory.', onMemory)
  }

  /** Writes down what the policies have counted since the last time. */
  flush(): void {
    for (const tally of this.#policies.tallies) this.#flushOne(tally)
    this.#failures(this.#policies.failures - this.#failuresSeen)
    this.#failuresSeen = this.#policies.failures
    for (const [vote, decision] of VOTES.entries()) {
      if (this.decided[vote]! > 0) this.#global(this.decided[vote]!, { sampled: String(decision === 'sampled'), decision })
      this.decided[vote as 0 | 1 | 2] = 0
    }
  }

  #flushOne(tally: Tally): void {
    const policy = `${this.#prefix}${tally.name}`
    if (tally.executions > 0) this.#executions(tally.executions, { policy })
    tally.executions = 0
    for (const { of, add } of this.#perPolicy)
      for (const [vote, decision] of VOTES.entries()) {
        if (tally[of][vote]! > 0) add(tally[of][vote]!, { policy, sampled: String(decision === 'sampled'), decision })
        tally[of][vote] = 0
      }
  }
}
