// Changing span attributes without a cursor: for processors on the hot path, which bring their fields encoded once and for all.

import { type AttributeValue, writeKeyValue } from './any-value.ts'
import { ByteWriter } from './byte-writer.ts'
import { findAttribute } from './find-attribute.ts'
import type { TraceEdits } from './trace-edits.ts'
import {
  ATTR_END,
  ATTR_STRIDE,
  ATTR_TAG,
  ATTR_VALUE,
  ATTR_VALUE_END,
  SPAN_ATTR_END,
  SPAN_ATTR_FIRST,
  SPAN_END,
  SPAN_STRIDE,
  type TraceIndex,
} from './trace-index.ts'

/** `Span.attributes` is field 9. */
const TAG = 0x4a

/** The whole field `attributes = key: value` of a span. Errors are those of `writeAnyValue`. */
export function encodeSpanAttribute(key: string, value: AttributeValue): Buffer {
  const out = new ByteWriter(64)
  const body = out.begin(TAG)
  writeKeyValue(out, key, value)
  out.end(body)
  return out.copy()
}

/** The same, with the body of an AnyValue taken from elsewhere. */
export function writeSpanAttribute(out: ByteWriter, key: Uint8Array, value: Uint8Array, from = 0, to: number = value.length): void {
  const body = out.begin(TAG)
  out.field(0x0a, key)
  out.varint(0x12)
  out.varint(to - from)
  out.raw(value, from, to)
  out.end(body)
}

/** The row of a span's first attribute of that key, or -1. */
export function findSpanAttribute(index: TraceIndex, span: number, key: Uint8Array): number {
  const row = span * SPAN_STRIDE
  return findAttribute(index, index.spans[row + SPAN_ATTR_FIRST]!, index.spans[row + SPAN_ATTR_END]!, key)
}

/** Where the AnyValue of the attribute at `row` begins and ends. */
export function valueStart(index: TraceIndex, row: number): number {
  return index.attributes[row + ATTR_VALUE]!
}
export function valueEnd(index: TraceIndex, row: number): number {
  return index.attributes[row + ATTR_VALUE_END]!
}

/** Puts `field` behind the span's other fields. */
export function addSpanAttribute(edits: TraceEdits, span: number, field: Uint8Array): void {
  const end = edits.index.spans[span * SPAN_STRIDE + SPAN_END]!
  const from = edits.arena.at
  edits.arena.raw(field)
  edits.patchSpan(span, end, end, from, edits.arena.at)
}

/** Puts `field` in the place of the attribute at `row`; any further attribute of that key goes. */
export function replaceSpanAttribute(edits: TraceEdits, span: number, row: number, key: Uint8Array, field: Uint8Array): void {
  const { attributes } = edits.index
  const from = edits.arena.at
  edits.arena.raw(field)
  edits.patchSpan(span, attributes[row + ATTR_TAG]!, attributes[row + ATTR_END]!, from, edits.arena.at)
  deleteSpanAttribute(edits, span, row + ATTR_STRIDE, key)
}

/** Deletes every attribute of that key from `row` on. */
export function deleteSpanAttribute(edits: TraceEdits, span: number, row: number, key: Uint8Array): void {
  const { index } = edits
  const end = index.spans[span * SPAN_STRIDE + SPAN_ATTR_END]!
  for (let at = findAttribute(index, row, end, key); at >= 0; at = findAttribute(index, at + ATTR_STRIDE, end, key))
    edits.patchSpan(span, index.attributes[at + ATTR_TAG]!, index.attributes[at + ATTR_END]!, 0, 0)
}
