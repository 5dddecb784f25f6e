// The policy `probabilistic`: a share of all traces, by a hash of the trace id. The Collector's choice for the same ids and salt.

import { NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'

const DEFAULT_SALT = 'default-hash-seed'
const MOST = 2n ** 64n - 1n

export class Probabilistic implements Policy {
  /** FNV-1a over the salt, in halves. */
  readonly #saltUpper: number
  readonly #saltLower: number
  readonly #thresholdUpper: number
  readonly #thresholdLower: number

  constructor(salt: string, percentage: number) {
    upper = 0xcbf2_9ce4
    lower = 0x8422_2325
    for (const byte of Buffer.from(salt === '' ? DEFAULT_SALT : salt)) step(byte)
    this.#saltUpper = upper
    this.#saltLower = lower
    const threshold = thresholdOf(percentage / 100)
    this.#thresholdUpper = Number(threshold >> 32n)
    this.#thresholdLower = Number(threshold & 0xffff_ffffn)
  }

  evaluate({ id }: TraceView): Vote {
    upper = this.#saltUpper
    lower = this.#saltLower
    for (let word = 0; word < 4; word++) for (let shift = 0; shift < 32; shift += 8) step((id[word]! >>> shift) & 0xff)
    const isBelow = upper === this.#thresholdUpper ? lower <= this.#thresholdLower : upper < this.#thresholdUpper
    return isBelow ? SAMPLED : NOT_SAMPLED
  }
}

/** What the hash came to so far. Module variables, for a result object would cost more than the hash. */
let upper = 0
let lower = 0

/** One byte more for FNV-1a of 64 bits; the prime is 2^40 + 0x1b3. */
function step(byte: number): void {
  const low = (lower ^ byte) >>> 0
  const product = low * 0x1b3
  upper = (Math.imul(upper, 0x1b3) + (low << 8) + Math.floor(product / 2 ** 32)) >>> 0
  lower = product >>> 0
}

/**
 * `ratio` of the largest hash, rounded as the Collector does: to 64 significant bits, half to even, and then down. It is exact, for a double
 * is a whole number times a power of two.
 */
export function thresholdOf(ratio: number): bigint {
  if (!(ratio > 0)) return 0n
  if (ratio >= 1) return MOST
  let exponent = 0
  let mantissa = ratio
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    exponent++
  }
  const product = MOST * BigInt(mantissa)
  const surplus = BigInt(Math.max(0, product.toString(2).length - 64))
  const half = surplus === 0n ? 0n : 1n << (surplus - 1n)
  const below = product & ((1n << surplus) - 1n)
  let significant = product >> surplus
  if (surplus > 0n && (below > half || (below === half && (significant & 1n) === 1n))) significant += 1n
  return (significant << surplus) >> BigInt(exponent)
}
