// W3C tracestate: the policies `trace_state` and `trace_flags`, and what `budget` needs of consistent probability sampling.
// Source: https://www.w3.org/TR/trace-context/#tracestate-header, https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/

import { otlp } from '../../core/index.ts'
import {
  isHigher,
  NO_TRACE_STATE,
  parseTraceState as parse,
  textOfThreshold,
  type TraceState as Sampled,
  traceStateOf,
  writeTraceState,
} from '../../core/sampling/index.ts'
import type { Cells } from './policy.ts'
import { AnySpan } from './simple-policies.ts'

const KEY = /^(?:[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})$/
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const MOST_MEMBERS = 32

/** The members of a tracestate; undefined where it is none, as a whole: then nothing of it counts. */
export function parseTraceState(text: string): Map<string, string> | undefined {
  const members = new Map<string, string>()
  for (const member of text.split(',')) {
    if (member === '') continue
    const equals = member.indexOf('=')
    const key = member.slice(0, equals).replace(/^[ \t]+/, '')
    const value = member.slice(equals + 1).replace(/[ \t]+$/, '')
    if (equals < 0 || !KEY.test(key) || !VALUE.test(value) || members.has(key)) return undefined
    members.set(key, value)
    if (members.size > MOST_MEMBERS) return undefined
  }
  return members
}

export class TraceState extends AnySpan {
  readonly #key: string
  readonly #values: ReadonlySet<string>

  constructor(cells: Cells, key: string, values: readonly string[]) {
    super(cells)
    this.#key = key
    // What is longer than a tracestate allows never matches.
    this.#values = new Set(values.filter((value) => value !== '' && key.length + value.length < 256))
  }

  protected override holds(index: otlp.RequestIndex, span: number): boolean {
    const text = traceStateOf(index, span)
    return text !== '' && this.#values.has(parseTraceState(text)?.get(this.#key) ?? '')
  }
}

export class TraceFlags extends AnySpan {
  readonly #edits = new otlp.RequestEdits()
  readonly #cursor = new otlp.SpanCursor(this.#edits, () => {})

  protected override holds(index: otlp.RequestIndex, span: number): boolean {
    this.#edits.index = index
    this.#cursor.moveTo(span)
    return (this.#cursor.flags & 1) === 1
  }
}

// ---- consistent probability sampling, as core/sampling has it. Thresholds here have 20 of the 56 bits, so that they are whole numbers and
// five hex digits; the rest are zeros.

const BITS = 20
export const ALL: number = 2 ** BITS
/** From the upper 28 bits to those 20. */
const SHIFT = 8

/** The upper 20 bits of the randomness that the trace id itself has: its last seven bytes. The words are little-endian. */
export function randomnessOf(id: Int32Array): number {
  const word = id[2]!
  return (((word >>> 8) & 0xff) << 12) | (((word >>> 16) & 0xff) << 4) | (word >>> 28)
}

/** The same of an `rv` in the tracestate, which comes before the trace id's; undefined where there is none. */
export function explicitRandomness(traceState: string): number | undefined {
  const { randomness } = stateOf(traceState)
  return randomness === undefined ? undefined : randomness.upper >>> SHIFT
}

/** By which threshold a span with that tracestate came so far. */
export function thresholdBefore(traceState: string): number {
  return (stateOf(traceState).threshold?.upper ?? 0) >>> SHIFT
}

/** The tracestate with the threshold in it; a higher one that is there already stays, for it was sampled before. */
export function withThreshold(traceState: string, threshold: number): string {
  const state = stateOf(traceState)
  const written = { upper: threshold << SHIFT, lower: 0 }
  if (state.threshold !== undefined && !isHigher(written, state.threshold)) return traceState
  return writeTraceState(state, textOfThreshold(written), state.randomnessText) ?? traceState
}

/** Of what is none, nothing counts. */
function stateOf(traceState: string): Sampled {
  const state = traceState === '' ? NO_TRACE_STATE : parse(traceState)
  return typeof state === 'string' ? NO_TRACE_STATE : state
}
