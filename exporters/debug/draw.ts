// Draws traces as trees of text. Names come from outside: control characters are escaped, so nothing can move the cursor of a terminal.

import { type Batch, printable } from '../../core/index.ts'
import { type SeenSpan, showPairs, tracesOf } from './seen-span.ts'

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer']
/** Deeper spans are drawn, but no longer further to the right. */
const MAX_INDENT = 40

export function summarize(spans: readonly SeenSpan[], batch: Batch): string {
  const services = new Set(spans.map(({ service }) => service))
  const errors = spans.filter(({ span }) => span.status?.code === 2).length
  const bytes = batch.chunks.reduce((sum, { length }) => sum + length, 0)
  return `traces: ${count(batch.count, 'span')} of ${count(tracesOf(spans).size, 'trace')}, ${count(services.size, 'service')}, ${count(errors, 'error')}, ${count(bytes, 'byte')}`
}

/** One trace: a heading, and its spans as far as they came in one batch. Spans whose parent did not come are drawn as roots. */
export function drawTrace(traceId: string, spans: readonly SeenSpan[], detailed: boolean): string {
  const services = [...new Set(spans.map(({ service }) => service))]
  const lines = [`trace ${traceId}  ${count(spans.length, 'span')}  ${printable(services.join(', '))}`]
  const children = childrenOf(spans)
  const drawn = new Set<SeenSpan>()
  const first = spans.reduce((least, { startNanos }) => (startNanos < least ? startNanos : least), spans[0]!.startNanos)
  // A list instead of recursion: a hostile trace may be as deep as it has spans.
  const waiting: Place[] = []
  const push = (list: readonly SeenSpan[], prefix: string): void => {
    const ordered = [...list].sort(byStart)
    for (let i = ordered.length - 1; i >= 0; i--) waiting.push({ seen: ordered[i]!, prefix, last: i === ordered.length - 1 })
  }
  const drain = (): void => {
    for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
      const { seen, prefix, last } = place
      if (drawn.has(seen)) continue // a span that is its own ancestor
      drawn.add(seen)
      lines.push(`${prefix}${last ? '└─' : '├─'} ${heading(seen, first)}`)
      const inner = prefix.length < MAX_INDENT * 3 ? `${prefix}${last ? '   ' : '│  '}` : prefix
      const below = children.get(seen.span.spanId) ?? []
      if (detailed) for (const line of details(seen)) lines.push(`${inner}${below.length > 0 ? '│' : ' '}    ${line}`)
      push(below, inner)
    }
  }
  push(
    spans.filter((seen) => isRoot(seen, spans)),
    '',
  )
  drain()
  // Cycles have no root: each is entered somewhere.
  for (const seen of spans)
    if (!drawn.has(seen)) {
      push([seen], '')
      drain()
    }
  return `${lines.join('\n')}\n`
}

interface Place {
  readonly seen: SeenSpan
  readonly prefix: string
  readonly last: boolean
}

function childrenOf(spans: readonly SeenSpan[]): Map<string, SeenSpan[]> {
  const children = new Map<string, SeenSpan[]>()
  for (const seen of spans) {
    const parent = seen.span.parentSpanId ?? ''
    const list = children.get(parent)
    if (list === undefined) children.set(parent, [seen])
    else list.push(seen)
  }
  return children
}

const idsOf = new WeakMap<readonly SeenSpan[], Set<string>>()

function isRoot({ span }: SeenSpan, spans: readonly SeenSpan[]): boolean {
  let ids = idsOf.get(spans)
  if (ids === undefined) idsOf.set(spans, (ids = new Set(spans.map((seen) => seen.span.spanId))))
  return span.parentSpanId === undefined || span.parentSpanId === '' || !ids.has(span.parentSpanId)
}

function byStart(a: SeenSpan, b: SeenSpan): number {
  return a.startNanos < b.startNanos ? -1 : a.startNanos > b.startNanos ? 1 : 0
}

/** `GET /orders  shop  server  +1.2 ms  12.3 ms  ERROR boom`: name, service, kind, start within the trace, duration, status. */
function heading({ span, service, startNanos, durationNanos }: SeenSpan, first: bigint): string {
  const parts = [span.name ?? '(no name)', service, KINDS[span.kind ?? 0] ?? `kind ${span.kind}`]
  if (startNanos > first) parts.push(`+${duration(startNanos - first)}`)
  parts.push(duration(durationNanos))
  if (span.status?.code === 2) parts.push(`ERROR ${span.status.message ?? ''}`.trimEnd())
  return printable(parts.filter((part) => part !== '').join('  '), 400)
}

function* details({ span, scope, resource, startNanos }: SeenSpan): Generator<string> {
  const long = (text: string): string => printable(text, 1000)
  yield `span ${span.spanId}${span.parentSpanId === undefined ? '' : ` of ${span.parentSpanId}`}, ${time(startNanos)}${scope === '' ? '' : `, scope ${long(scope)}`}`
  if (span.traceState !== undefined) yield `tracestate ${long(span.traceState)}`
  for (const pair of showPairs(span.attributes)) yield long(pair)
  for (const one of span.events ?? []) {
    yield `event ${long(one.name ?? '')} +${duration(BigInt(one.timeUnixNano ?? 0) - startNanos)}`
    for (const pair of showPairs(one.attributes)) yield `  ${long(pair)}`
  }
  for (const link of span.links ?? []) {
    yield `link to span ${link.spanId ?? ''} of trace ${link.traceId ?? ''}`
    for (const pair of showPairs(link.attributes)) yield `  ${long(pair)}`
  }
  const shared = showPairs(resource)
  if (shared.length > 0) yield `resource ${long(shared.join(', '))}`
}

export function duration(nanos: bigint): string {
  const milliseconds = Number(nanos) / 1e6
  const size = Math.abs(milliseconds)
  if (size >= 60_000) return `${(milliseconds / 1000).toFixed(0)} s`
  if (size >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`
  return size >= 1 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds * 1000).toFixed(0)} µs`
}

/** RFC 3339; times past the year 275,760, which a Date cannot hold, as they are. */
export function time(nanos: bigint): string {
  const date = new Date(Number(nanos / 1_000_000n))
  return Number.isNaN(date.getTime()) ? `${nanos} ns` : date.toISOString()
}

export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
