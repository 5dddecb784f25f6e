// What features need of the spans that wait for theirs: numbers in columns, a trace's linked to one another. Who holds spans back, or has a
// batch in hand, notes them here; the scorer reads them.

import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { attributeValue, END_TIME, lowerTime, spanAttribute, START_TIME, statusCodeOf, upperTime } from '../traces/span-facts.ts'
import type { Baselines } from './baselines.ts'
import type { Operation } from './operation.ts'

const ERROR = 2
/** Columns of the integers of a record: the ids as they stand in the span, the next record of its trace or -1, and the caller's own number. */
export const ID_A = 0
export const ID_B = 1
export const PARENT_A = 2
export const PARENT_B = 3
export const NEXT = 4
export const ORDINAL = 5
/** Bits: an error, a parent. */
export const FLAGS = 6
/** The operation's number among the baselines. */
export const OPERATION = 7
export const RECORD = 8
export const HAS_ERROR = 1
export const HAS_PARENT = 2

/** Longer is no span's duration, and more than every scale can tell. In nanoseconds: about eleven days. */
const LONGEST_NS = 1e15

export class SpanRecords {
  cells: Int32Array = new Int32Array(1024 * RECORD)
  /** In nanoseconds, starts from some origin: exact, unless they are a hundred days from one another. */
  starts: Float64Array = new Float64Array(1024)
  durations: Float64Array = new Float64Array(1024)
  /** The user's own attributes, as many for each as there are; NaN where a span has none. */
  own: Float64Array
  /** Records in use. */
  count = 0
  readonly keys: readonly Buffer[]
  readonly #baselines: Baselines
  /** Upper half of the first start that was seen: times are counted from there, or a double would not hold them exactly. */
  #base = -1
  #fresh = 0
  #free = -1

  constructor(baselines: Baselines, attributes: readonly string[]) {
    this.#baselines = baselines
    this.keys = attributes.map((key) => Buffer.from(key))
    this.own = new Float64Array(1024 * this.keys.length)
  }

  /** What each takes. */
  get recordBytes(): number {
    return RECORD * 4 + 16 + this.keys.length * 8
  }

  /** The memory they take. */
  get bytes(): number {
    return this.cells.byteLength + this.starts.byteLength * 2 + this.own.byteLength
  }

  /** Notes a span before those of its trace that were noted already, of which `first` is the first (-1: none). Returns the new first. */
  add(index: RequestIndex, span: number, first: number, ordinal = 0): number {
    const record = this.#take()
    const { items, view } = index
    const row = span * column.ITEM_STRIDE
    const { cells } = this
    const at = record * RECORD
    const id = items[row + column.SPAN_ID]!
    cells[at + ID_A] = id < 0 ? 0 : view.getInt32(id, true)
    cells[at + ID_B] = id < 0 ? 0 : view.getInt32(id + 4, true)
    const parent = items[row + column.SPAN_PARENT_ID]!
    cells[at + PARENT_A] = parent < 0 ? 0 : view.getInt32(parent, true)
    cells[at + PARENT_B] = parent < 0 ? 0 : view.getInt32(parent + 4, true)
    cells[at + NEXT] = first
    cells[at + ORDINAL] = ordinal
    cells[at + FLAGS] = (statusCodeOf(index, span) === ERROR ? HAS_ERROR : 0) | (parent < 0 ? 0 : HAS_PARENT)
    const upper = upperTime(index, span, START_TIME) >>> 0
    const lower = lowerTime(index, span, START_TIME) >>> 0
    if (this.#base < 0) this.#base = upper
    this.starts[record] = (upper - this.#base) * 2 ** 32 + lower
    const ns = ((upperTime(index, span, END_TIME) >>> 0) - upper) * 2 ** 32 + ((lowerTime(index, span, END_TIME) >>> 0) - lower)
    this.durations[record] = ns > 0 ? Math.min(ns, LONGEST_NS) : 0
    const operation = this.#baselines.of(index, span)
    operation.uses++
    cells[at + OPERATION] = operation.number
    for (let i = 0; i < this.keys.length; i++) this.own[record * this.keys.length + i] = numberOf(index, span, this.keys[i]!)
    return record
  }

  operationOf(record: number): Operation {
    return this.#baselines.at(this.cells[record * RECORD + OPERATION]!)
  }

  #take(): number {
    this.count++
    const free = this.#free
    if (free >= 0) {
      this.#free = this.cells[free * RECORD + NEXT]!
      return free
    }
    if (this.#fresh === this.starts.length) this.#grow()
    return this.#fresh++
  }

  #grow(): void {
    const capacity = this.starts.length * 2
    const cells = new Int32Array(capacity * RECORD)
    cells.set(this.cells)
    this.cells = cells
    const larger = (from: Float64Array, length: number): Float64Array => {
      const to = new Float64Array(length)
      to.set(from)
      return to
    }
    this.starts = larger(this.starts, capacity)
    this.durations = larger(this.durations, capacity)
    this.own = larger(this.own, capacity * this.keys.length)
  }

  /** Nobody asks for that trace's records any more. */
  release(first: number): void {
    for (let record = first; record >= 0;) {
      const next = this.cells[record * RECORD + NEXT]!
      this.#baselines.release(this.cells[record * RECORD + OPERATION]!)
      this.cells[record * RECORD + NEXT] = this.#free
      this.#free = record
      this.count--
      record = next
    }
  }
}

/** A number that is one: what is infinite, or text, is none. */
function numberOf(index: RequestIndex, span: number, key: Buffer): number {
  const row = spanAttribute(index, span, key)
  if (row < 0) return NaN
  const value = attributeValue(index, row)
  const number = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : NaN
  return Number.isFinite(number) ? number : NaN
}
