// Thresholds and randomness of OpenTelemetry's consistent probability sampling: an item is kept where its randomness is not below the
// threshold, both of 56 bits. Samplers call it, for every item.
// Source: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/

/** 56 bits as two halves of 28, which V8 keeps in registers; a double holds only 53. */
export interface Bits {
  readonly upper: number
  readonly lower: number
}
/** How many of 2^56 are rejected. */
export type Threshold = Bits
export type Randomness = Bits

export const HALF: number = 2 ** 28
const ALL = 2 ** 56
const DIGITS = 14

export const ALWAYS: Threshold = { upper: 0, lower: 0 }
export const NEVER: Threshold = { upper: HALF, lower: 0 }
/** Kept by every threshold but `NEVER`. */
export const HIGHEST: Randomness = { upper: HALF - 1, lower: HALF - 1 }
/** The least probability that there is. */
export const LEAST_PROBABILITY: number = 1 / ALL

/** Whether the item is kept. */
export function keeps(threshold: Threshold, { upper, lower }: Randomness): boolean {
  return threshold.upper < upper || (threshold.upper === upper && threshold.lower <= lower)
}

export function isHigher(a: Bits, b: Bits): boolean {
  return a.upper > b.upper || (a.upper === b.upper && a.lower > b.lower)
}

/** The randomness that the trace id at `at` itself has: its last seven bytes. */
export function upperOfTraceId(bytes: Uint8Array, at: number): number {
  return (bytes[at + 9]! << 20) | (bytes[at + 10]! << 12) | (bytes[at + 11]! << 4) | (bytes[at + 12]! >>> 4)
}
export function lowerOfTraceId(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 12]! & 0x0f) << 24) | (bytes[at + 13]! << 16) | (bytes[at + 14]! << 8) | bytes[at + 15]!
}
export function randomnessOfTraceId(bytes: Uint8Array, at = 0): Randomness {
  return { upper: upperOfTraceId(bytes, at), lower: lowerOfTraceId(bytes, at) }
}

/**
 * The threshold for a probability, in so many hex digits, and one more for each that leads with 0 or f: near the ends a fixed number would
 * round the rate itself away. Undefined where the probability is none, or below the least.
 */
export function thresholdOf(probability: number, precision: number = DIGITS): Threshold | undefined {
  if (!(probability >= LEAST_PROBABILITY && probability <= 1)) return undefined
  if (probability === 1) return ALWAYS
  const digits = Math.min(DIGITS, precision + Math.max(leadingDigits(probability), leadingDigits(1 - probability)))
  const kept = Math.round(probability * ALL)
  const lowerKept = kept % HALF
  const borrow = lowerKept > 0 ? 1 : 0
  return rounded(HALF - (kept - lowerKept) / HALF - borrow, borrow * HALF - lowerKept, DIGITS - digits)
}

/** How many hex digits of a fraction are 0 before its first other one. */
function leadingDigits(fraction: number): number {
  return Math.trunc(-exponentOf(fraction) / 4)
}

/** The e of fraction = m · 2^e with 0.5 <= m < 1; not above 0 for what is below 1. */
function exponentOf(fraction: number): number {
  let exponent = 0
  for (let f = fraction; f < 0.5; f *= 2) exponent--
  return exponent
}

/** To the nearest number whose last `zeros` hex digits are 0. */
function rounded(upper: number, lower: number, zeros: number): Threshold {
  if (zeros === 0) return { upper, lower }
  if (zeros > 7) {
    const unit = 16 ** (zeros - 7)
    return { upper: Math.floor((upper + unit / 2) / unit) * unit, lower: 0 }
  }
  const unit = 16 ** zeros
  const sum = Math.floor((lower + unit / 2) / unit) * unit
  return sum < HALF ? { upper, lower: sum } : { upper: upper + 1, lower: 0 }
}

/** The probability with which something of that threshold was kept. */
export function probabilityOf({ upper, lower }: Threshold): number {
  return ((HALF - upper) * HALF - lower) / ALL
}

/** How many items one stands for that was kept at that threshold; 0 for `NEVER`. */
export function adjustedCountOf(threshold: Threshold): number {
  const probability = probabilityOf(threshold)
  return probability === 0 ? 0 : 1 / probability
}

/** `th`: one to fourteen hex digits, and zeros behind them. Undefined where it is none. */
export function parseThreshold(text: string): Threshold | undefined {
  return /^[0-9a-fA-F]{1,14}$/.test(text) ? bitsFrom(text.padEnd(DIGITS, '0')) : undefined
}

/** `rv`: fourteen hex digits. Undefined where it is none. */
export function parseRandomness(text: string): Randomness | undefined {
  return /^[0-9a-fA-F]{14}$/.test(text) ? bitsFrom(text) : undefined
}

function bitsFrom(digits: string): Bits {
  return { upper: Number.parseInt(digits.slice(0, 7), 16), lower: Number.parseInt(digits.slice(7), 16) }
}

/** As `th` says it, without zeros behind; empty for `NEVER`, for what is never kept says nothing. */
export function textOfThreshold(threshold: Threshold): string {
  if (threshold.upper >= HALF) return ''
  return textOfRandomness(threshold).replace(/0+$/, '') || '0'
}

/** As `rv` says it. */
export function textOfRandomness({ upper, lower }: Randomness): string {
  // A leading one keeps the zeros; it is cut off.
  return (HALF + upper).toString(16).slice(1) + (HALF + lower).toString(16).slice(1)
}
