// The attributes that tell series apart, as the configuration names them: where each stands for one span, and what of it goes into a key and
// into the attributes of a data point. span-metrics.ts asks for every span.

import type { otlp } from '../../core/index.ts'
import { column, type KeyTable, type Label } from '../../core/series/index.ts'
import { type FoundAttribute, resourceAttribute, spanAttribute } from '../../core/traces/index.ts'
import { globPattern } from './glob.ts'
import type { DimensionConfig } from './schema.ts'

/** A dimension of one metric: the number of its name, and what it is otherwise. */
interface Named {
  readonly name: number
  readonly otherwise: string | undefined
}
/** What tells the series of one metric apart. */
export interface Dimensions {
  readonly named: readonly Named[]
  readonly globs: readonly RegExp[]
}

/** Verdicts of globs on keys that are remembered: keys may be made from traffic. */
const MOST_VERDICTS = 10_000

/** The names of all metrics, each once, and where their values are for the span that was looked at last. */
export class Names {
  readonly keys: Buffer[] = []
  /** By name: where its value begins and ends, or -1. */
  readonly from: number[] = []
  readonly to: number[] = []
  /** The rows of the resource's attributes, by name. */
  readonly #ofResource: number[] = []
  readonly #globs: RegExp[] = []
  readonly #verdicts = new Map<string, boolean>()
  /** Attributes that some glob matches: the span's in their order, then the resource's that the span has not. */
  matched: FoundAttribute[] = []
  #ofSpan: FoundAttribute[] = []

  /** Of two lists of one metric the later rules, where both have a name. */
  dimensions(...lists: readonly (readonly DimensionConfig[])[]): Dimensions {
    const named = new Map<number, Named>()
    const globs: RegExp[] = []
    for (const { name, glob, default: value } of lists.flat()) {
      if (name !== undefined) {
        const number = this.#numberOf(name)
        named.delete(number)
        named.set(number, { name: number, otherwise: value })
      } else globs.push(globPattern(glob!))
    }
    this.#globs.push(...globs)
    return { named: [...named.values()], globs }
  }

  #numberOf(name: string): number {
    const key = Buffer.from(name)
    const known = this.keys.findIndex((other) => other.equals(key))
    if (known >= 0) return known
    this.from.push(-1)
    this.to.push(-1)
    return this.keys.push(key) - 1
  }

  moveToResource(index: otlp.RequestIndex, resource: number): void {
    for (let i = 0; i < this.keys.length; i++) this.#ofResource[i] = resourceAttribute(index, resource, this.keys[i]!)
  }

  /** The span's own attributes come before its resource's. */
  moveToSpan(index: otlp.RequestIndex, span: number): void {
    const { attributes } = index
    const { keys, from, to } = this
    for (let i = 0; i < keys.length; i++) {
      let row = spanAttribute(index, span, keys[i]!)
      if (row < 0) row = this.#ofResource[i]!
      from[i] = row < 0 ? -1 : attributes[row + column.ATTR_VALUE]!
      to[i] = row < 0 ? -1 : attributes[row + column.ATTR_VALUE_END]!
    }
    if (this.hasGlobs) this.#match(index, span)
  }

  get hasGlobs(): boolean {
    return this.#globs.length > 0
  }

  /** The attributes of an event come before those of the span's resource, and behind the span's own. */
  moveToEvent(index: otlp.RequestIndex, span: number, attributes: readonly FoundAttribute[]): void {
    this.moveToSpan(index, span)
    for (let i = 0; i < this.keys.length; i++) {
      if (spanAttribute(index, span, this.keys[i]!) >= 0) continue
      const key = this.keys[i]!.toString()
      const found = attributes.findLast((attribute) => attribute.key === key)
      if (found === undefined) continue
      this.from[i] = found.from
      this.to[i] = found.to
    }
    if (!this.hasGlobs) return
    const more = attributes.filter(({ key }) => this.#isMatched(key) && !this.#ofSpan.some((own) => own.key === key))
    this.matched = [...this.matched.filter(({ key }) => !more.some((other) => other.key === key)), ...more]
  }

  /** Into the key of a span's series. */
  writeMatched(table: KeyTable, bytes: Buffer): void {
    for (const { key, from, to } of this.matched) {
      const name = Buffer.from(key)
      table.part(name, 0, name.length)
      table.part(bytes, from, to)
    }
  }

  #match(index: otlp.RequestIndex, span: number): void {
    const { items, resources } = index
    const own = span * column.ITEM_STRIDE
    const resource = index.resourceOf(span) * column.ENVELOPE_STRIDE
    const ofSpan = (this.#ofSpan = this.#matching(index, items[own + column.ATTRS_FIRST]!, items[own + column.ATTRS_END]!))
    const ofResource = this.#matching(index, resources[resource + column.ATTRS_FIRST]!, resources[resource + column.ATTRS_END]!)
    this.matched = [...ofSpan, ...ofResource.filter(({ key }) => !ofSpan.some((other) => other.key === key))]
  }

  #matching({ attributes, bytes }: otlp.RequestIndex, first: number, end: number): FoundAttribute[] {
    const found: FoundAttribute[] = []
    for (let row = first; row < end; row += column.ATTR_STRIDE) {
      const key = bytes.toString('utf8', attributes[row + column.ATTR_KEY], attributes[row + column.ATTR_KEY_END])
      if (!this.#isMatched(key) || found.some((other) => other.key === key)) continue
      found.push({ key, from: attributes[row + column.ATTR_VALUE]!, to: attributes[row + column.ATTR_VALUE_END]! })
    }
    return found
  }

  #isMatched(key: string): boolean {
    const known = this.#verdicts.get(key)
    if (known !== undefined) return known
    const verdict = this.#globs.some((glob) => glob.test(key))
    if (this.#verdicts.size >= MOST_VERDICTS) this.#verdicts.clear()
    this.#verdicts.set(key, verdict)
    return verdict
  }

  /** The dimensions of one metric that the span has, or that have a default. */
  *of({ named, globs }: Dimensions, bytes: Buffer): Generator<Label> {
    for (const { name, otherwise } of named) {
      const value = this.from[name]! < 0 ? otherwise : bytes.subarray(this.from[name], this.to[name])
      if (value !== undefined) yield [this.keys[name]!.toString(), value]
    }
    if (globs.length === 0) return
    for (const { key, from, to } of this.matched.toSorted((a, b) => (a.key < b.key ? -1 : 1)))
      if (globs.some((glob) => glob.test(key))) yield [key, bytes.subarray(from, to)]
  }
}
