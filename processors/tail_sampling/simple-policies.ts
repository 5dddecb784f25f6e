// Policies that look at single spans or at the size of a trace, as the Collector's of the same names decide.

import type { otlp } from '../../core/index.ts'
import { END_TIME, lowerTime, START_TIME, statusCodeOf, upperTime } from '../../core/traces/index.ts'
import { type Cells, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'

export class AlwaysSample implements Policy {
  evaluate(): Vote {
    return SAMPLED
  }
}

export class SpanCount implements Policy {
  readonly #least: number
  readonly #most: number

  constructor(least: number, most: number) {
    this.#least = least
    this.#most = most === 0 ? Infinity : most
  }

  evaluate({ spanCount }: TraceView): Vote {
    return spanCount >= this.#least && spanCount <= this.#most ? SAMPLED : NOT_SAMPLED
  }
}

/** A policy that holds for a trace if something holds for one of its spans: once it did, later spans are not asked. */
export abstract class AnySpan implements Policy {
  protected readonly cell: number

  constructor(cells: Cells) {
    this.cell = cells.take(1)
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    if (cells[at + this.cell] === 0 && this.holds(index, span)) cells[at + this.cell] = 1
  }

  evaluate({ cells, at }: TraceView): Vote {
    return cells[at + this.cell] === 1 ? SAMPLED : NOT_SAMPLED
  }

  protected abstract holds(index: otlp.RequestIndex, span: number): boolean
}

const STATUS_CODES: Readonly<Record<string, number>> = { UNSET: 0, OK: 1, ERROR: 2 }

export class StatusCode extends AnySpan {
  readonly #codes: ReadonlySet<number>

  constructor(cells: Cells, codes: readonly string[]) {
    super(cells)
    this.#codes = new Set(codes.map((code) => STATUS_CODES[code]!))
  }

  protected override holds(index: otlp.RequestIndex, span: number): boolean {
    return this.#codes.has(statusCodeOf(index, span))
  }
}

/** Offsets from the policy's first cell: the earliest start and the latest end so far, in halves, and whether it held. */
const START_UPPER = 0
const START_LOWER = 1
const END_UPPER = 2
const END_LOWER = 3
const HELD = 4

/**
 * From the earliest start to the latest end. As in the Collector, a time of 0 counts as none, and it is enough that the bounds hold after
 * some of the spans, in the order in which they came.
 */
export class Latency implements Policy {
  readonly #cell: number
  readonly #thresholdMs: number
  readonly #upperMs: number

  constructor(cells: Cells, thresholdMs: number, upperMs: number) {
    this.#cell = cells.take(5)
    this.#thresholdMs = thresholdMs
    this.#upperMs = upperMs
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    const first = at + this.#cell
    if (cells[first + HELD] === 1) return
    const startUpper = upperTime(index, span, START_TIME)
    const startLower = lowerTime(index, span, START_TIME)
    if (isNone(cells, first + START_UPPER) || isLess(startUpper, startLower, cells[first + START_UPPER]!, cells[first + START_LOWER]!)) {
      cells[first + START_UPPER] = startUpper
      cells[first + START_LOWER] = startLower
    }
    const endUpper = upperTime(index, span, END_TIME)
    const endLower = lowerTime(index, span, END_TIME)
    if (isNone(cells, first + END_UPPER) || isLess(cells[first + END_UPPER]!, cells[first + END_LOWER]!, endUpper, endLower)) {
      cells[first + END_UPPER] = endUpper
      cells[first + END_LOWER] = endLower
    }
    if (this.#holds(durationMs(cells, first))) cells[first + HELD] = 1
  }

  #holds(ms: number): boolean {
    return this.#upperMs === 0 ? ms >= this.#thresholdMs : this.#thresholdMs < ms && ms <= this.#upperMs
  }

  evaluate({ cells, at }: TraceView): Vote {
    return cells[at + this.#cell + HELD] === 1 ? SAMPLED : NOT_SAMPLED
  }
}

function isNone(cells: Int32Array, upper: number): boolean {
  return cells[upper] === 0 && cells[upper + 1] === 0
}

function isLess(upper: number, lower: number, otherUpper: number, otherLower: number): boolean {
  return upper === otherUpper ? lower >>> 0 < otherLower >>> 0 : upper >>> 0 < otherUpper >>> 0
}

/** Whole milliseconds, towards zero. Exact for up to a hundred days. */
function durationMs(cells: Int32Array, first: number): number {
  const upper = cells[first + END_UPPER]! - cells[first + START_UPPER]!
  return Math.trunc((upper * 2 ** 32 + ((cells[first + END_LOWER]! >>> 0) - (cells[first + START_LOWER]! >>> 0))) / 1e6)
}
