// How much was found, by rule and place: for the metric, and for the notes on what was found in an item. Rules count in one.

import type { MetricAttributes } from '../component.ts'
import { type Place, PLACES } from './places.ts'

export class Tally {
  readonly #rules: readonly string[]
  /** A row a rule, a column a place. */
  readonly #counts: Uint32Array
  /** By rule: what was found in the item, or resource, that is being walked. */
  readonly #inside: Uint32Array
  #any = false

  constructor(rules: readonly string[]) {
    this.#rules = rules
    this.#counts = new Uint32Array(rules.length * PLACES.length)
    this.#inside = new Uint32Array(rules.length)
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
    for (const [at, count] of this.#counts.entries())
      if (count > 0) add(count, { rule: this.#rules[Math.floor(at / PLACES.length)]!, place: PLACES[at % PLACES.length]! })
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
