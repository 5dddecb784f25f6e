// Policies on an attribute of a span or of its resource, as the Collector's of the same names decide: a value of another type counts as 0,
// as false, as the empty text; inverted, they hold for traces in which nothing matches.

import { LRUCache } from 'lru-cache'
import type { otlp } from '../../core/index.ts'
import { attributeValue, isInteger, resourceAttribute, spanAttribute } from '../../core/traces/index.ts'
import { type Cells, NOT_SAMPLED, SAMPLED, type TraceView, type Vote } from './policy.ts'
import { AnySpan } from './simple-policies.ts'

abstract class AttributePolicy extends AnySpan {
  readonly #key: Buffer
  readonly #invert: boolean
  /** The resource that was asked last: its spans mostly come together. */
  #bytes: Uint8Array | undefined
  #resource = -1
  #resourceHolds = false

  constructor(cells: Cells, key: string, invert: boolean) {
    super(cells)
    this.#key = Buffer.from(key)
    this.#invert = invert
  }

  protected override holds(index: otlp.RequestIndex, span: number): boolean {
    const resource = index.resourceOf(span)
    if (resource !== this.#resource || index.bytes !== this.#bytes) {
      this.#bytes = index.bytes
      this.#resource = resource
      const row = resourceAttribute(index, resource, this.#key)
      this.#resourceHolds = row >= 0 && this.matches(index, row, false)
    }
    if (this.#resourceHolds) return true
    const row = spanAttribute(index, span, this.#key)
    return row >= 0 && this.matches(index, row, true)
  }

  override evaluate({ cells, at }: TraceView): Vote {
    return (cells[at + this.cell] === 1) === this.#invert ? NOT_SAMPLED : SAMPLED
  }

  protected abstract matches(index: otlp.RequestIndex, row: number, isSpan: boolean): boolean
}

export class NumericAttribute extends AttributePolicy {
  readonly #least: number
  readonly #most: number

  /** 0 is no bound. */
  constructor(cells: Cells, key: string, least: number, most: number, invert: boolean) {
    super(cells, key, invert)
    this.#least = least === 0 ? -Infinity : least
    this.#most = most === 0 ? Infinity : most
  }

  protected override matches(index: otlp.RequestIndex, row: number): boolean {
    const number = isInteger(index, row) ? (attributeValue(index, row) as number | bigint) : 0
    return number >= this.#least && number <= this.#most
  }
}

export class BooleanAttribute extends AttributePolicy {
  readonly #value: boolean

  constructor(cells: Cells, key: string, value: boolean, invert: boolean) {
    super(cells, key, invert)
    this.#value = value
  }

  protected override matches(index: otlp.RequestIndex, row: number): boolean {
    return (attributeValue(index, row) === true) === this.#value
  }
}

export class StringAttribute extends AttributePolicy {
  readonly #matcher: (text: string) => boolean

  constructor(cells: Cells, key: string, matcher: (text: string) => boolean, invert: boolean) {
    super(cells, key, invert)
    this.#matcher = matcher
  }

  protected override matches(index: otlp.RequestIndex, row: number, isSpan: boolean): boolean {
    const value = attributeValue(index, row)
    const text = typeof value === 'string' ? value : ''
    return (text !== '' || !isSpan) && this.#matcher(text)
  }
}

export function oneOfTexts(values: readonly string[]): (text: string) => boolean {
  const texts = new Set(values.filter((value) => value !== ''))
  return (text) => texts.has(text)
}

/** What was found for a text is remembered, for so many of them. */
export function oneOfPatterns(patterns: readonly RegExp[], remembered: number): (text: string) => boolean {
  const known = new LRUCache<string, boolean>({ max: remembered })
  return (text) => {
    let found = known.get(text)
    if (found === undefined) {
      found = patterns.some((pattern) => pattern.test(text))
      known.set(text, found)
    }
    return found
  }
}
