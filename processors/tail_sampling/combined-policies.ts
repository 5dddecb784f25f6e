// Policies made of policies, as the Collector's of the same names decide.

import type { otlp } from '../../core/index.ts'
import { DROPPED, FAILED, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'

abstract class Combined implements Policy {
  protected readonly policies: readonly Policy[]

  constructor(policies: readonly Policy[]) {
    this.policies = policies
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    for (const policy of this.policies) policy.observe?.(index, span, cells, at)
  }

  gather(trace: TraceView): void {
    for (const policy of this.policies) policy.gather?.(trace)
  }

  settle(trace: TraceView, isKept: boolean): void {
    for (const policy of this.policies) policy.settle?.(trace, isKept)
  }

  abstract evaluate(trace: TraceView): Vote
}

/** All of them must hold; who does not hold ends the question, so that a rate behind a filter counts only what passes it. */
export class And extends Combined {
  readonly #whenAll: Vote

  constructor(policies: readonly Policy[], whenAll: typeof SAMPLED | typeof DROPPED = SAMPLED) {
    super(policies)
    this.#whenAll = whenAll
  }

  evaluate(trace: TraceView): Vote {
    for (const policy of this.policies) {
      const vote = policy.evaluate(trace)
      if (vote === FAILED || vote === NOT_SAMPLED) return vote
    }
    return this.#whenAll
  }

  /** Of several that choose by chance, the rarest choice is the common one: they compare the same randomness. */
  thresholdOf(trace: TraceView): number {
    return this.policies.reduce((most, policy) => Math.max(most, policy.thresholdOf?.(trace) ?? 0), 0)
  }
}

export class Not extends Combined {
  evaluate(trace: TraceView): Vote {
    const vote = this.policies[0]!.evaluate(trace)
    return vote === SAMPLED ? NOT_SAMPLED : vote === NOT_SAMPLED ? SAMPLED : vote
  }
}

export interface Part {
  readonly policy: Policy
  /** Its number, for whoever asks which one chose. */
  readonly number: number
  readonly spansPerSecond: number
}

/** The first part that holds decides, if it has spans left in this second. */
export class Composite extends Combined {
  readonly #parts: readonly Part[]
  readonly #most: number
  readonly #sampled: Float64Array
  #second = -1
  chosen = 0

  constructor(parts: readonly Part[], mostSpansPerSecond: number) {
    super(parts.map(({ policy }) => policy))
    this.#parts = parts
    this.#most = mostSpansPerSecond
    this.#sampled = new Float64Array(parts.length)
  }

  evaluate(trace: TraceView): Vote {
    const second = Math.floor(trace.nowMs / 1000)
    if (second !== this.#second) this.#sampled.fill(0)
    this.#second = second
    for (const [i, { policy, number, spansPerSecond }] of this.#parts.entries()) {
      const vote = policy.evaluate(trace)
      if (vote === FAILED) return FAILED
      if (vote !== SAMPLED) continue
      const sampled = this.#sampled[i]! + trace.spanCount
      if (sampled > spansPerSecond || sampled > this.#most) return NOT_SAMPLED
      this.#sampled[i] = sampled
      this.chosen = number
      return SAMPLED
    }
    return NOT_SAMPLED
  }
}
