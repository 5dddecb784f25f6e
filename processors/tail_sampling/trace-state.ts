// W3C tracestate: the policy `trace_state`, and the little of OpenTelemetry's consistent sampling that `budget` needs.
// Source: https://www.w3.org/TR/trace-context/#tracestate-header, https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/

import { otlp } from '../../core/index.ts'
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
  readonly #texts = new SpanTexts()

  constructor(cells: Cells, key: string, values: readonly string[]) {
    super(cells)
    this.#key = key
    // What is longer than a tracestate allows never matches.
    this.#values = new Set(values.filter((value) => value !== '' && key.length + value.length < 256))
  }

  protected override holds(index: otlp.RequestIndex, span: number): boolean {
    const text = this.#texts.traceState(index, span)
    return text !== '' && this.#values.has(parseTraceState(text)?.get(this.#key) ?? '')
  }
}

export class TraceFlags extends AnySpan {
  readonly #texts = new SpanTexts()

  protected override holds(index: otlp.RequestIndex, span: number): boolean {
    return (this.#texts.flags(index, span) & 1) === 1
  }
}

/** Fields of a span that have no column. */
export class SpanTexts {
  readonly #edits = new otlp.RequestEdits()
  readonly #cursor = new otlp.SpanCursor(this.#edits, () => {})

  traceState(index: otlp.RequestIndex, span: number): string {
    return this.#at(index, span).traceState
  }

  flags(index: otlp.RequestIndex, span: number): number {
    return this.#at(index, span).flags
  }

  #at(index: otlp.RequestIndex, span: number): otlp.SpanCursor {
    this.#edits.index = index
    this.#cursor.moveTo(span)
    return this.#cursor
  }
}

// ---- consistent probability sampling: a trace is kept where its randomness is not below the threshold, both of 56 bits. Thresholds here
// have 20, so that they are whole numbers and five hex digits; the rest are zeros.

export const ALL: number = 2 ** 20

/** The upper 20 bits of the randomness that the trace id itself has: its last seven bytes. The words are little-endian. */
export function randomnessOf(id: Int32Array): number {
  const word = id[2]!
  return (((word >>> 8) & 0xff) << 12) | (((word >>> 16) & 0xff) << 4) | (word >>> 28)
}

/** The same of an `rv` in the tracestate, which comes before the trace id's; undefined where there is none. */
export function explicitRandomness(traceState: string): number | undefined {
  const rv = otOf(traceState)?.get('rv')
  return rv !== undefined && /^[0-9a-f]{14}$/.test(rv) ? Number.parseInt(rv.slice(0, 5), 16) : undefined
}

/** The tracestate with the threshold in it; a higher one that is there already stays, for it was sampled before. */
export function withThreshold(traceState: string, threshold: number): string {
  const members = parseTraceState(traceState) ?? new Map<string, string>()
  const ot = otOf(traceState) ?? new Map<string, string>()
  const th = threshold.toString(16).padStart(5, '0').replace(/0+$/, '') || '0'
  const before = ot.get('th')
  if (before !== undefined && /^[0-9a-f]{1,14}$/.test(before) && before.padEnd(14, '0') >= th.padEnd(14, '0')) return traceState
  ot.delete('th')
  const written = [['th', th], ...ot].map(([key, value]) => `${key}:${value}`).join(';')
  members.delete('ot')
  // Who changes a member moves it to the front; the last one goes where there would be too many.
  return [`ot=${written}`, ...[...members].slice(0, MOST_MEMBERS - 1).map(([key, value]) => `${key}=${value}`)].join(',')
}

function otOf(traceState: string): Map<string, string> | undefined {
  const ot = traceState === '' ? undefined : parseTraceState(traceState)?.get('ot')
  if (ot === undefined) return undefined
  return new Map(ot.split(';').map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]))
}
