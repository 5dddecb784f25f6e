// What one item brings to its decision, and what may be wrong with that. Readers of spans and of log records fill it in; there is one for
// all items.

import { HIGHEST, type Threshold } from '../../core/sampling/index.ts'

/** Where the randomness came from: the Collector's names of it, on its metrics. */
export const POLICIES = ['trace_id_hash', 'trace_id_w3c', 'sampling_randomness', 'sampling_priority', 'missing_randomness'] as const
export const TRACE_ID_HASH = 0
export const TRACE_ID = 1
export const EXPLICIT = 2
export const PRIORITY = 3
export const MISSING = 4
/** Its name is the attribute's. */
export const ATTRIBUTE = 5

/** Why an item cannot be decided on: with `fail_closed` it is dropped for that reason. */
export const FAULTS = [
  '',
  'malformed sampling state',
  'no randomness',
  'inconsistent threshold',
  'randomness in use',
  'threshold in use',
] as const
export const NO_FAULT = 0
export const MALFORMED = 1
export const NO_RANDOMNESS = 2
/** An item of that threshold should not have come so far. */
export const INCONSISTENT = 3
/** With `hash_seed`: another sampler has written there what this one would write. */
export const RANDOMNESS_IN_USE = 4
export const THRESHOLD_IN_USE = 5

export class Arrived {
  /** The randomness. */
  upper = 0
  lower = 0
  policy: number = MISSING
  fault: number = NO_FAULT
  /** What samplers before this one have kept it by. */
  threshold: Threshold | undefined
  thresholdText = ''
  /** Whether what is decided may be written into it. */
  isWritable = true
  /** Whether the randomness is this sampler's own, so that it must be written down. */
  isHashed = false

  begin(): void {
    this.policy = MISSING
    this.upper = HIGHEST.upper
    this.lower = HIGHEST.lower
    this.fault = NO_FAULT
    this.threshold = undefined
    this.thresholdText = ''
    this.isWritable = true
    this.isHashed = false
  }

  fail(fault: number): void {
    this.fault = fault
    this.isWritable = false
  }
}
