// What samplers read of spans and log records and write into them, on the columns of the index: without a cursor, for it is every item.

import type { RequestEdits } from '../otlp/edits.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { next, readUint32 } from '../otlp/wire.ts'

const TRACE_STATE = 0x1a

/** Where the trace id of a span or a log record begins; -1 where a record has none. */
export function traceIdAt({ items, signal }: RequestIndex, item: number): number {
  return items[item * column.ITEM_STRIDE + (signal === 'traces' ? column.SPAN_TRACE_ID : column.LOG_TRACE_ID)]!
}

export function hasTraceState({ items }: RequestIndex, span: number): boolean {
  return items[span * column.ITEM_STRIDE + column.SPAN_TRACE_STATE_TAG]! >= 0
}

/** A span's tracestate; empty where there is none. What is not ASCII comes out as something else, and is no tracestate either way. */
export function traceStateOf({ items, bytes }: RequestIndex, span: number): string {
  const at = items[span * column.ITEM_STRIDE + column.SPAN_TRACE_STATE_TAG]!
  if (at < 0) return ''
  const length = readUint32(bytes, at + 1, bytes.length)
  return bytes.toString('latin1', next, next + length)
}

/** Replaces or adds `string trace_state = 3` of a span. Once a span: the text is not looked at again. */
export function putTraceState(edits: RequestEdits, span: number, text: string): void {
  const { arena, index } = edits
  const row = span * column.ITEM_STRIDE
  const at = index.items[row + column.SPAN_TRACE_STATE_TAG]!
  const from = arena.at
  if (text !== '') arena.text(TRACE_STATE, text)
  if (at >= 0) edits.patchItem(span, at, endOfField(index, at), from, arena.at)
  else {
    const behind = index.items[row + column.SPAN_ID]! + 8
    edits.patchItem(span, behind, behind, from, arena.at)
  }
}

function endOfField({ bytes }: RequestIndex, at: number): number {
  const length = readUint32(bytes, at + 1, bytes.length)
  return next + length
}
