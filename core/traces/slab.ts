// A slab: bytes of spans, resources and scopes, and rows of numbers that say where they are. SpanSlabs fills it, slab-request.ts reads it.

import * as column from '../otlp/request-index.ts'

/** Room for about two thousand spans. */
export const SLAB_BYTES: number = 1024 * 1024
/** A reference is the number of a slab above this many bits, and the span's row in it below. */
export const ROW_BITS = 16
export const MAX_ROWS: number = 1 << ROW_BITS
export const ROW: number = MAX_ROWS - 1
/** So many slabs can be told apart. */
export const MAX_SLABS: number = 1 << (31 - ROW_BITS)
/**
 * So many empty slabs are kept for what comes next, unless their rows are more than usual, and as many more as this part of those in use: traces that are due
 * together leave as many at once. What is given up instead is old to V8, and marking its whole heap is how it gets that memory back.
 */
export const SPARE = 2
export const SPARE_SHARE: number = 1 / 4
export const USUAL_ROWS = 2560
/** What the rows of a slab usually take. */
export const ROWS_BYTES = 65_536

/**
 * Columns of a span in its slab: its whole field, the row of its scope, the reference of the next span of its trace or -1, and the number of
 * the batch it came in, for whoever keeps a journal.
 */
export const SPAN_FROM = 0
export const SPAN_TO = 1
export const SPAN_SCOPE = 2
export const SPAN_NEXT = 3
export const SPAN_BATCH = 4
export const SPAN_STRIDE = 5
/** Columns of a scope: what ScopeSpans holds but for its spans, and the same of its ResourceSpans; equal ranges are one resource. */
export const SCOPE_FROM = 0
export const SCOPE_TO = 1
export const RESOURCE_FROM = 2
export const RESOURCE_TO = 3
export const SCOPE_STRIDE = 4

export interface Slab {
  readonly bytes: Buffer
  at: number
  spans: Int32Array
  spanCount: number
  scopes: Int32Array
  scopeCount: number
  /** Spans that somebody still refers to. */
  live: number
}

export function emptySlab(capacity: number): Slab {
  return {
    bytes: Buffer.allocUnsafeSlow(capacity),
    at: 0,
    spans: new Int32Array(USUAL_ROWS * SPAN_STRIDE),
    spanCount: 0,
    scopes: new Int32Array(64 * SCOPE_STRIDE),
    scopeCount: 0,
    live: 0,
  }
}

export function sizeOf({ bytes, spans, scopes }: Slab): number {
  return bytes.length + spans.byteLength + scopes.byteLength
}

/** How many bytes an envelope (ResourceSpans, ScopeSpans) has beside its children, whose rows are `stride` long. */
export function restBytes(table: Int32Array, number: number, children: Int32Array, stride: number = column.ENVELOPE_STRIDE): number {
  const row = number * column.ENVELOPE_STRIDE
  let rest = table[row + column.END]! - table[row + column.START]!
  const end = table[row + column.CHILD_END]!
  for (let child = table[row + column.CHILD_FIRST]!; child < end; child++)
    rest -= children[child * stride + column.END]! - children[child * stride + column.TAG]!
  return rest
}

export function copyRest(
  bytes: Buffer,
  slab: Slab,
  table: Int32Array,
  number: number,
  children: Int32Array,
  stride: number = column.ENVELOPE_STRIDE,
): void {
  const row = number * column.ENVELOPE_STRIDE
  let from = table[row + column.START]!
  const end = table[row + column.CHILD_END]!
  for (let child = table[row + column.CHILD_FIRST]!; child < end; child++) {
    const to = children[child * stride + column.TAG]!
    if (to > from) slab.at += bytes.copy(slab.bytes, slab.at, from, to)
    from = children[child * stride + column.END]!
  }
  slab.at += bytes.copy(slab.bytes, slab.at, from, table[row + column.END])
}
