// Counters in memory: what components count until it is exported. `run` makes one for a service; tests read it.

import type { Meter } from '../component.ts'

type Attributes = Readonly<Record<string, string>>

/** One counter with one set of attributes. */
export interface Reading {
  readonly name: string
  readonly unit: string
  readonly help: string
  readonly attributes: Attributes
  readonly value: number
}

/** As in OpenTelemetry's SDKs: a counter whose attributes come from outside must not grow without end. */
const MAX_ATTRIBUTE_SETS = 2000
const OVERFLOW: Attributes = { 'otel.metric.overflow': 'true' }
const NONE: Attributes = {}

export class MemoryMeter implements Meter {
  readonly #counters = new Map<string, Counter>()

  /** Whoever asks for a name again gets the same counter. */
  counter(name: string, unit: string, help: string): (n: number, attributes?: Attributes) => void {
    const counter = this.#counters.get(name) ?? new Counter(name, unit, help)
    this.#counters.set(name, counter)
    return (n, attributes) => counter.add(n, attributes ?? NONE)
  }

  /** 0 for what was never counted. */
  value(name: string, attributes: Attributes = NONE): number {
    return this.#counters.get(name)?.value(attributes) ?? 0
  }

  /** Everything that was counted, in the order in which it first was. */
  readings(): readonly Reading[] {
    return [...this.#counters.values()].flatMap((counter) => counter.readings())
  }
}

class Counter {
  readonly #name: string
  readonly #unit: string
  readonly #help: string
  readonly #sums = new Map<string, { readonly attributes: Attributes; value: number }>()
  /** By identity: callers that pass the same object each time pay no sorting. */
  #last: Attributes | undefined
  #lastSum: { value: number } | undefined

  constructor(name: string, unit: string, help: string) {
    this.#name = name
    this.#unit = unit
    this.#help = help
  }

  add(n: number, attributes: Attributes): void {
    if (attributes !== this.#last || !Object.isFrozen(attributes)) this.#lastSum = this.#sum(attributes)
    this.#last = attributes
    this.#lastSum!.value += n
  }

  value(attributes: Attributes): number {
    return this.#sums.get(keyOf(attributes))?.value ?? 0
  }

  readings(): readonly Reading[] {
    const [name, unit, help] = [this.#name, this.#unit, this.#help]
    return [...this.#sums.values()].map(({ attributes, value }) => ({ name, unit, help, attributes, value }))
  }

  #sum(attributes: Attributes): { value: number } {
    const key = keyOf(attributes)
    const known = this.#sums.get(key)
    if (known !== undefined) return known
    if (this.#sums.size >= MAX_ATTRIBUTE_SETS && attributes !== OVERFLOW) return this.#sum(OVERFLOW)
    const made = { attributes: { ...attributes }, value: 0 }
    this.#sums.set(key, made)
    return made
  }
}

/** The same for the same attributes in any order. */
function keyOf(attributes: Attributes): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
}
