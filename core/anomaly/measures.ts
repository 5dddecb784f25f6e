// What is measured of a span, and the scale on which a baseline keeps it. Baselines and features both read this table.

/** Numbers of measures; a user's own numeric attributes follow from OWN on. */
export const DURATION = 0
export const SELF_TIME = 1
export const CRITICAL_PATH = 2
export const CHILDREN = 3
export const REPEATS = 4
export const FAN_OUT = 5
export const GAP = 6
export const SPANS = 7
export const OWN = 8

export interface Scale {
  /** A value's place on the scale, in bins; the baseline cuts off what is outside of 0 … bins. */
  place(value: number): number
  /** The value at a place. */
  value(place: number): number
  readonly bins: number
  /** The least spread that counts as one, in bins: an operation that never varies would otherwise find everything unusual. */
  readonly floor: number
}

const LOWEST = Math.log(1000)
/** Nanoseconds: four bins each time they grow 2.7-fold, from a microsecond to some hours. */
const NANOSECONDS: Scale = {
  place: (ns) => (Math.log(ns + 1000) - LOWEST) * 4,
  value: (place) => Math.exp(place / 4 + LOWEST) - 1000,
  bins: 96,
  floor: 0.8,
}
/** A share of a whole, 0 … 1. */
const SHARE: Scale = { place: (share) => share * 24, value: (place) => place / 24, bins: 25, floor: 2.4 }
/** Small numbers one by one, those above 8 in steps of a fifth. */
const COUNT: Scale = {
  place: (n) => (n < 8 ? n + 0.5 : 8.5 + Math.log2(n / 8) * 4),
  value: (place) => (place < 8.5 ? Math.floor(place) : Math.round(8 * 2 ** ((place - 8.5) / 4))),
  bins: 40,
  floor: 0.6,
}
/** Any number: half of the bins are for those below 0. */
const ANY: Scale = { place: (x) => 96 + Math.asinh(x) * 3, value: (place) => Math.sinh((place - 96) / 3), bins: 192, floor: 0.6 }

const SCALES: readonly Scale[] = [NANOSECONDS, SHARE, SHARE, COUNT, COUNT, COUNT, NANOSECONDS, COUNT]

export function scaleOf(measure: number): Scale {
  return SCALES[measure] ?? ANY
}

/** Where each measure's bins begin, and behind them where the last one's end. */
export function binOffsets(measures: number): Int32Array {
  const offsets = new Int32Array(measures + 1)
  for (let measure = 0; measure < measures; measure++) offsets[measure + 1] = offsets[measure]! + scaleOf(measure).bins
  return offsets
}
