// Attributes as a condition sees them: a map over the columns of the index, which decodes what is asked for and nothing else.

import type { AttributeValue } from '../otlp/any-value.ts'
import { readAnyValue } from '../otlp/any-value.ts'
import { findAttribute, keyBytes } from '../otlp/find-attribute.ts'
import { ATTR_KEY, ATTR_KEY_END, ATTR_STRIDE, ATTR_VALUE, ATTR_VALUE_END, RequestIndex } from '../otlp/request-index.ts'

/** `int_value` in an AnyValue. */
const INT_VALUE = 0x18

/** Where the attributes of somebody lie: moved from item to item. */
export class AttributeRows {
  index: RequestIndex = new RequestIndex()
  first = 0
  end = 0
  /** The evaluator takes a Map and nothing that is derived from it, so this is one whose ways of reading are its own. */
  readonly map: ReadonlyMap<string, unknown> = mapOver(this)

  moveTo(index: RequestIndex, first: number, end: number): void {
    this.index = index
    this.first = first
    this.end = end
  }

  /** Undefined where there is none; the first where there are several. */
  get(key: unknown): unknown {
    if (typeof key !== 'string') return undefined
    const row = findAttribute(this.index, this.first, this.end, keyBytes(key))
    return row < 0 ? undefined : this.#value(row)
  }

  *entries(): IterableIterator<[string, unknown]> {
    const { attributes, bytes } = this.index
    for (let row = this.first; row < this.end; row += ATTR_STRIDE)
      yield [bytes.toString('utf8', attributes[row + ATTR_KEY], attributes[row + ATTR_KEY_END]), this.#value(row)]
  }

  get size(): number {
    return (this.end - this.first) / ATTR_STRIDE
  }

  #value(row: number): unknown {
    const { attributes, bytes } = this.index
    const start = attributes[row + ATTR_VALUE]!
    const value = readAnyValue(bytes, start, attributes[row + ATTR_VALUE_END]!)
    if (typeof value === 'number') return bytes[start] === INT_VALUE ? BigInt(value) : value
    return conditionValue(value)
  }
}

/** As CEL has it: integers are bigints, maps are Maps. Within a list or a map, an integral double counts as an integer. */
export function conditionValue(value: AttributeValue): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(conditionValue)
  return new Map(Object.entries(value as { [key: string]: AttributeValue }).map(([key, inner]) => [key, conditionValue(inner)]))
}

function mapOver(rows: AttributeRows): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>()
  const entries = (): IterableIterator<[string, unknown]> => rows.entries()
  return Object.defineProperties(map, {
    get: { value: (key: unknown) => rows.get(key) },
    has: { value: (key: unknown) => rows.get(key) !== undefined },
    entries: { value: entries },
    [Symbol.iterator]: { value: entries },
    keys: { value: () => [...rows.entries()].map(([key]) => key)[Symbol.iterator]() },
    values: { value: () => [...rows.entries()].map(([, value]) => value)[Symbol.iterator]() },
    size: { get: () => rows.size },
  })
}
