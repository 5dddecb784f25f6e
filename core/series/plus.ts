// How counts are added up: what series and their histograms add to their totals goes through it.

/** The last below 2^63: what a sfixed64 holds of a float. */
const MOST = 2 ** 63 - 1024

/** A tracestate may claim that a span stands for 2^56: sums of those stop where the field ends, or nothing could be written any more. */
export function plus(total: number, n: number): number {
  return Math.min(total + n, MOST)
}
