// The operations that were seen lately, each with what is usual for it; bounded, for names come from outside. One for spans, one for traces.

import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { readAnyValue } from '../otlp/any-value.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { resourceAttribute } from '../traces/span-facts.ts'
import { binOffsets } from './measures.ts'
import { Operation } from './operation.ts'

/** In characters: a line can hold it. */
const LONGEST_NAME = 120
const SERVICE_NAME = Buffer.from('service.name')

export interface BaselinesOptions {
  readonly maxOperations: number
  readonly measures: number
  /** So many spans of an operation make it known. */
  readonly minSamples: number
}

export class Baselines {
  readonly options: BaselinesOptions
  readonly #offsets: Int32Array
  readonly #operations: LRUCache<number, Operation>
  /** By number, those that are forgotten but still named by records as well. Half a million records would be as many references to trace otherwise. */
  readonly #byNumber: (Operation | undefined)[] = []
  readonly #free: number[] = []
  /** Secret, or whoever chooses names could choose two that share a baseline. Saved with them. */
  seeds: Int32Array = new Int32Array(new Uint8Array(randomBytes(8)).buffer)
  /** The service's part of the hash, for the resource it was read of last. */
  #resource = -1
  #bytes: Uint8Array | undefined
  #high = 0
  #low = 0

  constructor(options: BaselinesOptions) {
    this.options = options
    this.#offsets = binOffsets(options.measures)
    this.#operations = new LRUCache({ max: options.maxOperations, dispose: (operation) => this.#forget(operation) })
  }

  get size(): number {
    return this.#operations.size
  }

  isKnown(operation: Operation): boolean {
    return operation.seen >= this.options.minSamples
  }

  /** The operation of a span: its service and its name. */
  of(index: RequestIndex, span: number): Operation {
    const key = this.#keyOf(index, span)
    let operation = this.#operations.get(key)
    if (operation === undefined) operation = this.restore(key)
    if (operation.name === '') operation.name = nameOf(index, span)
    return operation
  }

  #keyOf(index: RequestIndex, span: number): number {
    const { items, bytes } = index
    const resource = index.resourceOf(span)
    if (resource !== this.#resource || bytes !== this.#bytes) this.#service(index, resource)
    const row = span * column.ITEM_STRIDE
    let high = this.#high
    let low = this.#low
    for (let i = items[row + column.SPAN_NAME_START]!, end = items[row + column.SPAN_NAME_END]!; i < end; i++) {
      const byte = bytes[i]!
      high = Math.imul(high ^ byte, 0x0100_0193)
      low = Math.imul(low + byte, 0x9e37_79b1) ^ (low >>> 15)
    }
    return (high >>> 6) * 2 ** 26 + (low >>> 6)
  }

  #service(index: RequestIndex, resource: number): void {
    const { bytes, attributes } = index
    this.#resource = resource
    this.#bytes = bytes
    let high = this.seeds[0]!
    let low = this.seeds[1]!
    const row = resourceAttribute(index, resource, SERVICE_NAME)
    if (row >= 0)
      for (let i = attributes[row + column.ATTR_VALUE]!; i < attributes[row + column.ATTR_VALUE_END]!; i++) {
        high = Math.imul(high ^ bytes[i]!, 0x0100_0193)
        low = Math.imul(low + bytes[i]!, 0x9e37_79b1) ^ (low >>> 15)
      }
    this.#high = Math.imul(high ^ 0xff, 0x0100_0193)
    this.#low = Math.imul(low + 0xff, 0x9e37_79b1) ^ (low >>> 15)
  }

  /** All of them, the one used longest ago first. */
  *all(): Iterable<Operation> {
    for (const operation of this.#operations.rvalues()) if (operation !== undefined) yield operation
  }

  /** Of a record that has it. */
  at(number: number): Operation {
    return this.#byNumber[number]!
  }
  /** A record that named it is gone. */
  release(number: number): void {
    const operation = this.#byNumber[number]!
    if (--operation.uses === 0 && operation.isForgotten) this.#vacate(number)
  }
  #forget(operation: Operation): void {
    operation.isForgotten = true
    if (operation.uses === 0) this.#vacate(operation.number)
  }
  #vacate(number: number): void {
    this.#byNumber[number] = undefined
    this.#free.push(number)
  }

  /** A new one, or one that was saved. Its name is known once a span of it comes: names are not saved. */
  restore(key: number): Operation {
    const number = this.#free.pop() ?? this.#byNumber.length
    const operation = new Operation(key, number, this.#offsets)
    this.#byNumber[number] = operation
    this.#operations.set(key, operation)
    return operation
  }
  find(key: number): Operation | undefined {
    return this.#operations.peek(key)
  }
}

function nameOf(index: RequestIndex, span: number): string {
  const { items, attributes, bytes } = index
  const row = span * column.ITEM_STRIDE
  const service = resourceAttribute(index, index.resourceOf(span), SERVICE_NAME)
  const value =
    service < 0 ? '' : readAnyValue(bytes, attributes[service + column.ATTR_VALUE]!, attributes[service + column.ATTR_VALUE_END]!)
  const of = typeof value === 'string' ? cut(value) : ''
  const from = items[row + column.SPAN_NAME_START]!
  // No character has more than four bytes.
  const name = cut(bytes.toString('utf8', from, Math.min(items[row + column.SPAN_NAME_END]!, from + 4 * LONGEST_NAME)))
  return of === '' ? name || '(no name)' : `${of} ${name}`
}

/** Not within a character. */
function cut(name: string): string {
  const { length } = name
  if (length <= LONGEST_NAME) return name
  const isSplit = (name.charCodeAt(LONGEST_NAME - 1) & 0xfc00) === 0xd800
  return name.slice(0, isSplit ? LONGEST_NAME - 1 : LONGEST_NAME)
}
