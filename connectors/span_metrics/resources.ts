// The resources that have series: one group of series each, found by the bytes of the resource. Bounded: what is too much is counted in a group
// without a resource.

import type { Origin } from '../../core/index.ts'
import { ANONYMOUS, otlp } from '../../core/index.ts'
import { asText, column, type Count, KeyTable, OriginKeys, type Series } from '../../core/series/index.ts'

/** The series of one resource of one sender. */
export interface Resource {
  /** Never used again for another. */
  readonly number: number
  readonly key: string
  readonly origin: Origin
  /** Of equal origins the same. */
  readonly originKey: string
  /** The body of its Resource. */
  readonly body: Buffer
  readonly calls: Map<string, Count>
  readonly durations: Map<string, Series>
  readonly events: Map<string, Count>
  lastSeenMs: number
  /** When all that it had so far was written, on the monotonic clock. */
  writtenMs: number
  /** What has no series of its own has one in here; it is of the resource that stands for all that are too many. */
  readonly isOverflow: boolean
}

export interface ResourcesOptions {
  readonly most: number
  /** Attributes by which resources are told apart; empty: by all. */
  readonly keyAttributes: readonly string[]
  /** Without attributes all resources are one. */
  readonly isAttributed: boolean
}

const NOBODY = Buffer.alloc(0)
/** In bytes: a larger resource gets no series of its own. */
const LARGEST_BODY = 65_536

export class Resources {
  readonly #options: ResourcesOptions
  /** By key, the one seen least recently first. */
  readonly #byKey = new Map<string, Resource>()
  readonly #byBytes = new KeyTable()
  readonly #byNumber = new Map<number, Resource>()
  #overflow: Resource | undefined
  #numbers = 0
  /** Series of those that were forgotten are worth nothing any more: whoever remembers some forgets them. */
  readonly #onForgotten: (resource: Resource) => void
  readonly #origins = new OriginKeys()

  constructor(options: ResourcesOptions, onForgotten: (resource: Resource) => void) {
    this.#options = options
    this.#onForgotten = onForgotten
  }

  *all(): Generator<Resource> {
    yield* this.#byKey.values()
    if (this.#overflow !== undefined) yield this.#overflow
  }

  get size(): number {
    return this.#byKey.size
  }

  /** That of a request, seen now. */
  of(index: otlp.RequestIndex, resource: number, origin: Origin, nowMs: number): Resource {
    const found = this.#find(index, resource, origin, nowMs)
    found.lastSeenMs = nowMs
    return found
  }

  #find(index: otlp.RequestIndex, resource: number, origin: Origin, nowMs: number): Resource {
    const row = resource * column.ENVELOPE_STRIDE
    const start = index.resources[row + column.MESSAGE_START]!
    const end = index.resources[row + column.MESSAGE_END]!
    const ofOrigin = this.#origins.of(origin)
    const table = this.#byBytes
    table.begin()
    if (ofOrigin !== '') {
      const bytes = Buffer.from(ofOrigin)
      table.part(bytes, 0, bytes.length)
    }
    table.part(index.bytes, start, end)
    const known = this.#byNumber.get(table.find())
    if (known !== undefined) return known
    const key = ofOrigin + this.#keyOf(index, resource)
    const found = this.#byKey.get(key) ?? this.#add(key, origin, index.bytes.subarray(start, end), nowMs)
    if (!found.isOverflow) table.set(found.number)
    return found
  }

  #add(key: string, origin: Origin, body: Buffer, nowMs: number): Resource {
    const { length } = body
    if (length > LARGEST_BODY || (this.#byKey.size >= this.#options.most && !this.#makeRoom()))
      return (this.#overflow ??= this.#make('', ANONYMOUS, NOBODY, nowMs, true))
    const added = this.#make(key, origin, this.#options.isAttributed ? Buffer.from(body) : NOBODY, nowMs, false)
    this.#byKey.set(key, added)
    this.#byNumber.set(added.number, added)
    return added
  }

  #make(key: string, origin: Origin, body: Buffer, nowMs: number, isOverflow: boolean): Resource {
    const series = { calls: new Map(), durations: new Map(), events: new Map() }
    const originKey = this.#origins.of(origin)
    return { number: ++this.#numbers, key, origin, originKey, body, ...series, lastSeenMs: nowMs, writtenMs: -Infinity, isOverflow }
  }

  /** Forgets the one seen least recently, unless there is something of it still to be written. */
  #makeRoom(): boolean {
    let oldest: Resource | undefined
    for (const one of this.#byKey.values()) if (oldest === undefined || one.lastSeenMs < oldest.lastSeenMs) oldest = one
    if (oldest === undefined || oldest.writtenMs <= oldest.lastSeenMs) return false
    this.forget(oldest)
    return true
  }

  forget(resource: Resource): void {
    if (resource.isOverflow) this.#overflow = undefined
    this.#byKey.delete(resource.key)
    this.#byNumber.delete(resource.number)
    this.#onForgotten(resource)
  }

  /** What tells resources apart, whatever the order of their attributes. */
  #keyOf({ bytes, attributes, resources }: otlp.RequestIndex, resource: number): string {
    const { keyAttributes, isAttributed } = this.#options
    if (!isAttributed) return ''
    const row = resource * column.ENVELOPE_STRIDE
    const parts = new Map<string, string>()
    for (let at = resources[row + column.ATTRS_FIRST]!; at < resources[row + column.ATTRS_END]!; at += column.ATTR_STRIDE) {
      const key = bytes.toString('utf8', attributes[at + column.ATTR_KEY], attributes[at + column.ATTR_KEY_END])
      if (parts.has(key) || (keyAttributes.length > 0 && !keyAttributes.includes(key))) continue
      parts.set(key, asText(bytes.subarray(attributes[at + column.ATTR_VALUE], attributes[at + column.ATTR_VALUE_END])))
    }
    return JSON.stringify([...parts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
