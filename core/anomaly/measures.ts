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

/** How a measure's values lie on its scale, which a sketch cuts into bins of length 1. */
const BINS = [96, 25, 25, 40, 40, 40, 96, 40] as const
const OWN_BINS = 192
/** The least spread that counts as one, in bins: an operation that never varies would otherwise find everything unusual. */
const FLOORS = [0.8, 2.4, 2.4, 0.6, 0.6, 0.6, 0.8, 0.6] as const
const OWN_FLOOR = 0.6
const LOWEST = Math.log(1000)

export function binsOf(measure: number): number {
  return BINS[measure] ?? OWN_BINS
}
export function floorOf(measure: number): number {
  return FLOORS[measure] ?? OWN_FLOOR
}

/** A value's place on the scale, from 0 to the number of bins for all but the most extreme. */
export function placeOf(measure: number, value: number): number {
  switch (measure) {
    // Nanoseconds: four bins each time they grow 2.7-fold, from a microsecond to some hours.
    case DURATION:
    case GAP:
      return (Math.log(value + 1000) - LOWEST) * 4
    // A share of a whole, 0 … 1.
    case SELF_TIME:
    case CRITICAL_PATH:
      return value * 24
    // Small numbers one by one, those above 8 in steps of a fifth.
    case CHILDREN:
    case REPEATS:
    case FAN_OUT:
    case SPANS:
      return value < 8 ? value + 0.5 : 8.5 + Math.log2(value / 8) * 4
    // Any number: half of the bins are for those below 0.
    default:
      return OWN_BINS / 2 + Math.asinh(value) * 3
  }
}

/** The value at a place: of counts a whole one. */
export function valueAt(measure: number, place: number): number {
  switch (measure) {
    case DURATION:
    case GAP:
      return Math.exp(place / 4 + LOWEST) - 1000
    case SELF_TIME:
    case CRITICAL_PATH:
      return place / 24
    case CHILDREN:
    case REPEATS:
    case FAN_OUT:
    case SPANS:
      return place < 8.5 ? Math.floor(place) : Math.round(8 * 2 ** ((place - 8.5) / 4))
    default:
      return Math.sinh((place - OWN_BINS / 2) / 3)
  }
}

/** Where each measure's bins begin, and behind them where the last one's end. */
export function binOffsets(measures: number): Int32Array {
  const offsets = new Int32Array(measures + 1)
  for (let measure = 0; measure < measures; measure++) offsets[measure + 1] = offsets[measure]! + binsOf(measure)
  return offsets
}
