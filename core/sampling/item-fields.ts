// What samplers read of spans and log records and write into them, on the columns of the index: without a cursor, for it is every item.

import type { RequestEdits } from '../otlp/edits.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { next, readUint32 } from '../otlp/wire.ts'
import type { Randomness } from './bits.ts'

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

/** Replaces or adds `string trace_state = 3` of a span; empty: takes it away. Once a span: the text is not looked at again. */
export function putTraceState(edits: RequestEdits, span: number, text: string): void {
  const { arena } = edits
  const from = arena.at
  if (text !== '') arena.text(TRACE_STATE, text)
  patchTraceState(edits, span, from)
}

/** The field of a tracestate, for a sampler that writes the same into every span, with its randomness in it: `ot=rv:` … `;th:` …. */
export function traceStateField(thresholdText: string, hasRandomness: boolean): Buffer {
  const text = `ot=${hasRandomness ? `rv:${'0'.repeat(RANDOMNESS_DIGITS)};` : ''}th:${thresholdText}`
  return Buffer.from([TRACE_STATE, text.length, ...Buffer.from(text)])
}

/** The same as `putTraceState`, without a text: such a field, with this randomness where it has room for one. */
export function putTraceStateField(edits: RequestEdits, span: number, field: Buffer, randomness?: Randomness): void {
  const { arena } = edits
  const from = arena.at
  arena.raw(field)
  if (randomness !== undefined) {
    writeHalf(arena.bytes, from + RANDOMNESS_AT, randomness.upper)
    writeHalf(arena.bytes, from + RANDOMNESS_AT + RANDOMNESS_DIGITS / 2, randomness.lower)
  }
  patchTraceState(edits, span, from)
}

const RANDOMNESS_DIGITS = 14
/** Behind tag and length, `ot=rv:`. */
const RANDOMNESS_AT = 8
const HEX_DIGITS = Buffer.from('0123456789abcdef')

/** Seven hex digits. */
function writeHalf(bytes: Uint8Array, at: number, half: number): void {
  for (let i = 6, rest = half; i >= 0; i--, rest >>>= 4) bytes[at + i] = HEX_DIGITS[rest & 15]!
}

/** What stands in the arena from `from` on becomes the span's tracestate. */
function patchTraceState(edits: RequestEdits, span: number, from: number): void {
  const { arena, index } = edits
  const row = span * column.ITEM_STRIDE
  const at = index.items[row + column.SPAN_TRACE_STATE_TAG]!
  const behind = index.items[row + column.SPAN_ID]! + 8
  if (at >= 0) edits.patchItem(span, at, endOfField(index, at), from, arena.at)
  else edits.patchItem(span, behind, behind, from, arena.at)
}

function endOfField({ bytes }: RequestIndex, at: number): number {
  const length = readUint32(bytes, at + 1, bytes.length)
  return next + length
}
