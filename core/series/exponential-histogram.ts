// An exponential histogram as OpenTelemetry's data model has it: it begins as fine as it can be, and halves its resolution when its buckets
// would be too many. Connectors that make metrics of durations keep one for each series.
// Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram

import { plus } from './plus.ts'

/** With finer buckets an index would not fit into 32 bits. */
export const FINEST_SCALE = 20
const LEAST_NORMAL = 2 ** -1022
const LEAST_EXPONENT = -1022

const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)

/** The bucket of a positive value: that whose upper end is the first not below it. */
export function indexOf(value: number, scale: number): number {
  if (scale > 0) {
    if (value <= LEAST_NORMAL) return (LEAST_EXPONENT << scale) - 1
    double[0] = value
    // A power of two is the upper end of its bucket, which a logarithm would miss now and then.
    if (halves[0] === 0 && (halves[1]! & 0xf_ffff) === 0) return (exponent() << scale) - 1
    return Math.floor(Math.log(value) * (Math.LOG2E * 2 ** scale))
  }
  if (value < LEAST_NORMAL) return (LEAST_EXPONENT >> -scale) - (scale > -2 ? 1 : 0)
  double[0] = value
  const isPower = halves[0] === 0 && (halves[1]! & 0xf_ffff) === 0
  return (exponent() - (isPower ? 1 : 0)) >> -scale
}

/** Of the value in `double`. */
function exponent(): number {
  return ((halves[1]! >>> 20) & 0x7ff) - 1023
}

/** Of values that are not negative. */
export class ExponentialHistogram {
  readonly #maxSize: number
  count = 0
  sum = 0
  min = 0
  max = 0
  zeroCount = 0
  /** The index of the first bucket. */
  offset = 0
  buckets: number[] = []
  #scale = FINEST_SCALE

  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  /** Zeros alone have none. */
  get scale(): number {
    return this.buckets.length === 0 ? 0 : this.#scale
  }

  /** `n` is whole, and more than 0. */
  record(value: number, n: number): void {
    if (this.count === 0) this.min = this.max = value
    else if (value < this.min) this.min = value
    else if (value > this.max) this.max = value
    this.count = plus(this.count, n)
    if (value === 0) {
      this.zeroCount = plus(this.zeroCount, n)
      return
    }
    this.sum += value * n
    let index = indexOf(value, this.#scale)
    while (this.#widen(index)) index = indexOf(value, this.#scale)
    const at = index - this.offset
    this.buckets[at] = plus(this.buckets[at]!, n)
  }

  /** Makes the bucket of that index one of them, which may need a coarser scale: then the answer is true, and the index is another. */
  #widen(index: number): boolean {
    const { buckets } = this
    if (buckets.length === 0) {
      buckets.push(0)
      this.offset = index
      return false
    }
    const low = Math.min(index, this.offset)
    const high = Math.max(index, this.offset + buckets.length - 1)
    if (high - low >= this.#maxSize) {
      this.#coarsen(low, high)
      return true
    }
    if (index < this.offset) {
      this.buckets = [...zeros(this.offset - index), ...buckets]
      this.offset = index
    } else while (this.offset + buckets.length <= index) buckets.push(0)
    return false
  }

  /** To where both ends fit, and all between them is there. */
  #coarsen(low: number, high: number): void {
    let shift = 0
    while ((high >> shift) - (low >> shift) >= this.#maxSize) shift++
    const first = low >> shift
    const coarser = zeros((high >> shift) - first + 1)
    for (let i = 0; i < this.buckets.length; i++) {
      const at = ((this.offset + i) >> shift) - first
      coarser[at] = plus(coarser[at]!, this.buckets[i]!)
    }
    this.buckets = coarser
    this.offset = first
    this.#scale -= shift
  }
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0)
}
