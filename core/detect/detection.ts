// Several detectors as one: a pass over the bytes of a chunk that says where to look, and what is found in a string there. Whoever masks or
// classifies holds one.

import { AnchorBits, BIT } from './anchor-bits.ts'
import { AnchorScan } from './anchor-scan.ts'
import type { Detector, Found } from './detector.ts'

export class Detection {
  /**
   * The pass. `scan(bytes)` fills its columns with places, in the order of their starts; what a detector can find overlaps one of them that
   * has its bits. A place may reach across strings, and then each of them has to be looked at.
   */
  readonly anchors: AnchorScan
  /** Some detector has no anchor: every string has to be looked at, with `everyStringBits` where the pass saw nothing in it. */
  readonly everyString: boolean
  readonly everyStringBits: number = BIT.any
  readonly #detectors: readonly Detector[]
  /** For each detector, the bits that call for it. */
  readonly #bits: readonly number[]

  /** Where findings overlap, the detector that stands first names them. */
  constructor(detectors: readonly Detector[]) {
    const numbers = new AnchorBits()
    this.#detectors = detectors
    this.#bits = detectors.map(({ anchors }) => numbers.of(anchors))
    const wanted = this.#bits.reduce((all, bits) => all | bits, 0)
    this.everyString = (wanted & BIT.any) !== 0
    this.anchors = new AnchorScan(wanted, numbers.literals)
  }

  /**
   * What is found in a string where the pass saw `bits` (all places in it together), in order, not overlapping: together they cover all that
   * any detector found. -1 asks all detectors.
   */
  find(text: string, bits = -1): readonly Found[] {
    let found: Found[] | undefined
    const called = bits | BIT.any
    for (let at = 0; at < this.#detectors.length; at++) {
      if ((this.#bits[at]! & called) === 0) continue
      const detector = this.#detectors[at]!
      for (const { start, end } of detector.find(text)) (found ??= []).push({ start, end, detector })
    }
    return found === undefined ? NOTHING : found.length === 1 ? found : this.#apart(found)
  }

  /** The detector to which this number is a finding, if there is one. The pass saw `integer` where it stands. */
  findNumber(value: bigint): Detector | undefined {
    return this.#detectors.find((detector) => detector.isNumber?.(value) === true)
  }

  /** What overlaps becomes one. */
  #apart(found: Found[]): readonly Found[] {
    const rank = (one: Found): number => this.#detectors.indexOf(one.detector)
    found.sort((a, b) => a.start - b.start || b.end - a.end)
    const apart: Found[] = []
    for (const next of found) {
      const last = apart.at(-1)
      if (last === undefined || next.start >= last.end) apart.push(next)
      else {
        const detector = rank(next) < rank(last) ? next.detector : last.detector
        apart[apart.length - 1] = { start: last.start, end: Math.max(last.end, next.end), detector }
      }
    }
    return apart
  }
}

const NOTHING: readonly Found[] = []
