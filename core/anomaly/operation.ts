// What is usual for one operation of one service: quantile sketches of what is measured, its rate of errors, whom it calls. Baselines hold
// them, and forget what is old: every sketch halves its counts once it has seen some thousands.

import { floorOf, placeOf, valueAt } from './measures.ts'

/** Halved when they come to this: the older half then counts as much as the newer. Fits 16 bits. */
const MOST_SEEN = 4096
/** Quantiles are read anew when that part of what a sketch holds has come since. */
const STALE_SHARE = 1 / 16
/** Whom an operation calls is remembered for so many; random names would take memory without end. */
const MOST_CALLED = 64
/** The recent rate of errors is over about so many spans. */
const RECENT = 32

/** Up to here, in spreads, a residual is none: beyond it lies less than one in a hundred. */
const USUAL_SPREADS = 1.5

/** Of each measure, in places: the middle, how far it is from there to the outer 5 % below and above, and where what is usual begins and ends. */
const MIDDLE = 0
const BELOW = 1
const ABOVE = 2
const FROM = 3
const TO = 4
const QUANTILES = 5

/** Bins of all measures lie behind one another, from `offsets` on. */
export type Offsets = Int32Array

export class Operation {
  /** Two 26-bit halves of a hash in one number. */
  readonly key: number
  /** By which records name it, while some do or it is remembered. */
  readonly number: number
  /** How many records name it. */
  uses = 0
  isForgotten = false
  /** `service operation`, for people; empty until a span of it came. Cut at a length that a line can hold. */
  name = ''
  /** Spans seen, the newer ones counting more; and those of them with an error. */
  seen = 0
  errors = 0
  /** The share of errors among the last few. */
  recentErrors = 0
  readonly bins: Uint16Array
  /** By measure: what is in its bins, and what has come since its quantiles were read. */
  readonly totals: Uint16Array
  readonly #stale: Uint16Array
  readonly #quantiles: Float32Array
  readonly #offsets: Offsets
  /** By key of the operation that is called: in how many of the spans seen. */
  readonly called: Map<number, number> = new Map()

  constructor(key: number, number: number, offsets: Offsets) {
    const measures = offsets.length - 1
    this.key = key
    this.number = number
    this.#offsets = offsets
    this.bins = new Uint16Array(offsets[measures]!)
    this.totals = new Uint16Array(measures)
    this.#stale = new Uint16Array(measures)
    this.#quantiles = new Float32Array(QUANTILES * measures)
  }

  /** One more span of it. */
  count(isError: boolean): void {
    this.seen++
    if (isError) this.errors++
    this.recentErrors += ((isError ? 1 : 0) - this.recentErrors) / RECENT
    if (this.seen < MOST_SEEN) return
    this.seen /= 2
    this.errors /= 2
    for (const [key, times] of this.called) {
      if (times < 1) this.called.delete(key)
      else this.called.set(key, times / 2)
    }
  }

  /** One of its spans called that operation, however often. */
  call({ key }: Operation): void {
    const times = this.called.get(key)
    if (times !== undefined) this.called.set(key, times + 1)
    else if (this.called.size < MOST_CALLED) this.called.set(key, 1)
  }

  /**
   * Learns a value, and returns how far it is beyond what was usual before, in spreads (1 is the way from the middle to the outer 5 % on that side): 0
   * where it is usual, or where less than `minSamples` tell what is.
   */
  weigh(measure: number, value: number, minSamples: number): number {
    const place = placeOf(measure, value)
    let beyond = 0
    if (this.totals[measure]! >= minSamples) {
      this.#refresh(measure)
      const quantiles = this.#quantiles
      const at = measure * QUANTILES
      // What is off the scale is at its end.
      if (place > quantiles[at + TO]!)
        beyond = (Math.min(place, this.#binsOf(measure)) - quantiles[at + MIDDLE]!) / quantiles[at + ABOVE]! - USUAL_SPREADS
      else if (place < quantiles[at + FROM]!)
        beyond = (Math.max(place, 0) - quantiles[at + MIDDLE]!) / quantiles[at + BELOW]! + USUAL_SPREADS
    }
    this.#learn(measure, place)
    return beyond
  }

  #binsOf(measure: number): number {
    return this.#offsets[measure + 1]! - this.#offsets[measure]!
  }

  #learn(measure: number, place: number): void {
    const { bins, totals } = this
    const from = this.#offsets[measure]!
    const last = this.#binsOf(measure) - 1
    bins[from + (place >= last ? last : place > 0 ? Math.floor(place) : 0)]!++
    this.#stale[measure]!++
    if (++totals[measure]! >= MOST_SEEN) this.#halve(measure)
  }

  #halve(measure: number): void {
    let total = 0
    for (let bin = this.#offsets[measure]!; bin < this.#offsets[measure + 1]!; bin++) total += this.bins[bin]! >>>= 1
    this.totals[measure] = total
  }

  #refresh(measure: number): void {
    const stale = this.#stale[measure]!
    if (stale === 0 || stale < this.totals[measure]! * STALE_SHARE) return
    this.#stale[measure] = 0
    const quantiles = this.#quantiles
    const at = measure * QUANTILES
    const floor = floorOf(measure)
    const middle = this.#quantile(measure, 0.5)
    const below = Math.max(floor, middle - this.#quantile(measure, 0.05))
    const above = Math.max(floor, this.#quantile(measure, 0.95) - middle)
    quantiles[at + MIDDLE] = middle
    quantiles[at + BELOW] = below
    quantiles[at + ABOVE] = above
    quantiles[at + FROM] = middle - USUAL_SPREADS * below
    quantiles[at + TO] = middle + USUAL_SPREADS * above
  }

  /** A place on the scale, between the bins' edges in proportion. */
  #quantile(measure: number, share: number): number {
    const { bins } = this
    const from = this.#offsets[measure]!
    const wanted = share * this.totals[measure]!
    let below = 0
    for (let bin = from; bin < this.#offsets[measure + 1]!; bin++) {
      const count = bins[bin]!
      if (count > 0 && below + count >= wanted) return bin - from + (wanted - below) / count
      below += count
    }
    return 0
  }

  /** For people: the middle value. */
  usual(measure: number): number {
    this.#refresh(measure)
    return valueAt(measure, this.#quantiles[measure * QUANTILES + MIDDLE]!)
  }

  /** After its bins were filled from elsewhere. */
  restored(): void {
    for (let measure = 0; measure < this.totals.length; measure++) {
      let total = 0
      for (let bin = this.#offsets[measure]!; bin < this.#offsets[measure + 1]!; bin++) total += this.bins[bin]!
      this.totals[measure] = total
      this.#stale[measure] = total
    }
  }
}
