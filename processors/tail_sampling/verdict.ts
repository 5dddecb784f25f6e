// What was decided on a trace, as one number: it stands in the trace's row, and in the memory of decisions.

import type { Cause } from '../../core/traces/index.ts'
import { DROPPED, NOT_SAMPLED, SAMPLED } from './policy.ts'

/** From the lowest bit: 7 for a policy's number, 2 for the cause, 2 for the vote, 1 for spans that came late, 20 for the threshold. */
const CAUSE_SHIFT = 7
const VOTE_SHIFT = 9
const LATE = 1 << 11
const THRESHOLD_SHIFT = 12

const CAUSES: readonly Cause[] = ['due', 'crowded', 'large']
const VOTES = { [NOT_SAMPLED]: 'not_sampled', [SAMPLED]: 'sampled', [DROPPED]: 'dropped' } as const

export interface Verdict {
  /** Of the policy that decided, or of the part of a composite; 0: none did. */
  readonly policy: number
  readonly cause: Cause
  readonly decision: 'sampled' | 'not_sampled' | 'dropped'
  readonly isLate: boolean
  /** How many of 2^20 trace ids were rejected where it was chosen by chance. */
  readonly threshold: number
}

export function packed(policy: number, cause: Cause, vote: 0 | 1 | 2, threshold: number): number {
  return policy | (CAUSES.indexOf(cause) << CAUSE_SHIFT) | (vote << VOTE_SHIFT) | (threshold << THRESHOLD_SHIFT)
}
export function late(verdict: number): number {
  return verdict | LATE
}
export function unpacked(verdict: number): Verdict {
  return {
    policy: verdict & 0x7f,
    cause: CAUSES[(verdict >>> CAUSE_SHIFT) & 3]!,
    decision: VOTES[((verdict >>> VOTE_SHIFT) & 3) as 0 | 1 | 2],
    isLate: (verdict & LATE) !== 0,
    threshold: verdict >>> THRESHOLD_SHIFT,
  }
}
