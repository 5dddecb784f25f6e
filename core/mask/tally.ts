// How much was found, by rule and place: for the metric, and for the notes on what was found in an item. Rules count in one.

import type { MetricAttributes } from '../component.ts'
import { type Place, PLACES } from './places.ts'

export class Tally {
  readonly #rules: readonly string[]
  /** A row a rule, a column a place. */
  readonly #counts: Uint32Array
  /** By rule: what was found in the item, or resource, that is being walked. */
  readonly #inside: Uint32Array
  /** Of each count, the same frozen object every time: meters know it again. */
  readonly #attributes: readonly MetricAttributes[]
  #any = false

  constructor(rules: readonly string[]) {
    this.#rules = rules
    this.#counts = new Uint32Array(rules.length * PLACES.length)
    this.#inside = new Uint32Array(rules.length)
    this.#attributes = rules.flatMap((rule) => PLACES.map((place) => Object.freeze({ rule, place })))
  }

  add(rule: number, place: Place): void {
    this.#counts[rule * PLACES.length + PLACES.indexOf(place)]!++
    this.#inside[rule]!++
    this.#any = true
  }

  /** Hands over what was counted since the last time. */
  flush(add: (n: number, attributes: MetricAttributes) => void): void {
    if (!this.#any) return
    this.#any = false
    for (let at = 0; at < this.#counts.length; at++) if (this.#counts[at]! > 0) add(this.#counts[at]!, this.#attributes[at]!)
    this.#counts.fill(0)
  }

  /** A new item begins. */
  enter(): void {
    this.#inside.fill(0)
  }

  /** What was found since `enter`. */
  inside(): readonly (readonly [rule: string, count: number])[] {
    return this.#rules.map((rule, at) => [rule, this.#inside[at]!] as const).filter(([, count]) => count > 0)
  }
}
