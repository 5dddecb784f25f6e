// The three modes, and none at all: which threshold an item is held against. The Collector's figures to the last bit.

import { ALWAYS, HALF, isHigher, LEAST_PROBABILITY, NEVER, probabilityOf, type Threshold, thresholdOf } from '../../core/sampling/index.ts'
import type { Arrived } from './arrived.ts'
import type { SamplerConfig } from './factory.ts'
import { BUCKETS } from './hash.ts'

export interface Mode {
  /** Where randomness comes from. `nowhere`: nothing is kept but by priority. */
  readonly randomness: 'hash' | 'consistent' | 'nowhere'
  thresholdFor(arrived: Arrived): Threshold
}

export function modeOf({ sampling_percentage, mode, sampling_precision: precision }: SamplerConfig): Mode {
  // The Collector has it in 32 bits.
  const percentage = Math.min(100, Math.fround(sampling_percentage))
  const probability = Math.max(percentage / 100, LEAST_PROBABILITY)
  const buckets = Math.trunc(Math.fround(percentage * Math.fround(BUCKETS / 100)))
  if (percentage === 0 || (mode === 'hash_seed' && buckets === 0)) return { randomness: 'nowhere', thresholdFor: () => NEVER }
  if (mode === 'proportional') return new Proportional(probability, precision)
  if (mode === 'equalizing') return new Equalizing(thresholdOf(probability, precision) ?? ALWAYS)
  const threshold = { upper: (BUCKETS - buckets) * (HALF / BUCKETS), lower: 0 }
  return { randomness: 'hash', thresholdFor: () => threshold }
}

class Equalizing implements Mode {
  readonly randomness = 'consistent'
  readonly #threshold: Threshold

  constructor(threshold: Threshold) {
    this.#threshold = threshold
  }

  thresholdFor({ threshold }: Arrived): Threshold {
    return threshold !== undefined && isHigher(threshold, this.#threshold) ? threshold : this.#threshold
  }
}

/** There are as many thresholds as samplers before this one; the bound is against those made up. */
const MOST_REMEMBERED = 1000

class Proportional implements Mode {
  readonly randomness = 'consistent'
  readonly #probability: number
  readonly #precision: number
  readonly #first: Threshold
  readonly #known = new Map<string, Threshold>()

  constructor(probability: number, precision: number) {
    this.#probability = probability
    this.#precision = precision
    this.#first = this.#times(1)
  }

  thresholdFor({ threshold, thresholdText }: Arrived): Threshold {
    if (threshold === undefined) return this.#first
    let known = this.#known.get(thresholdText)
    if (known === undefined) {
      if (this.#known.size >= MOST_REMEMBERED) this.#known.clear()
      this.#known.set(thresholdText, (known = this.#times(probabilityOf(threshold))))
    }
    return known
  }

  #times(probability: number): Threshold {
    return thresholdOf(probability * this.#probability, this.#precision) ?? NEVER
  }
}
