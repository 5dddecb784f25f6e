// The tracestate of an execution that its sender has sampled: pieces.ts calls it.

import {
  ALWAYS,
  HALF,
  type Bits,
  isHigher,
  keeps,
  NO_TRACE_STATE,
  probabilityOf,
  randomnessOfTraceId,
  textOfRandomness,
  textOfThreshold,
  type Threshold,
  thresholdOf,
  type TraceState,
  writeTraceState,
} from '../sampling/index.ts'

/** The tracestate with the threshold for the sender's rate, where it says none itself: one in ten counts for ten. Empty where there is none to write. */
export function sampledState(state: TraceState | undefined, rate: number, traceId: Uint8Array): string {
  if (state === undefined && rate === 1) return ''
  const { thresholdText, randomnessText, randomness } = state ?? NO_TRACE_STATE
  const before = state ?? NO_TRACE_STATE
  const threshold = thresholdText === '' && rate < 1 ? thresholdOf(rate) : undefined
  if (threshold === undefined) return writeTraceState(before, thresholdText, randomnessText) ?? ''
  const drawn = randomness ?? randomnessOfTraceId(traceId)
  const shown = keeps(threshold, drawn) ? randomnessText : textOfRandomness(above(threshold, drawn))
  return writeTraceState(before, textOfThreshold(threshold), shown) ?? writeTraceState(before, thresholdText, randomnessText) ?? ''
}

/**
 * Randomness that the threshold keeps, from some that it does not: the sender drew by other means, and samplers after it take a threshold that
 * contradicts the randomness for a mistake. Even again: what lay below the threshold is spread over what lies above.
 */
function above(threshold: Threshold, drawn: Bits): Bits {
  const kept = probabilityOf(threshold)
  const share = (drawn.upper * HALF + drawn.lower) / HALF / HALF / (1 - kept)
  const found = thresholdOf(Math.max(kept * (1 - share), 2 ** -56)) ?? ALWAYS
  return isHigher(threshold, found) ? threshold : found
}
