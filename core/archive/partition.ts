// Cuts requests by what their spans belong to: an hour, or a trace. Nearly all are of one hour, and stay as they are.

import { indexChunk, RequestEdits, type RequestIndex } from '../otlp/index.ts'
import { ITEM_STRIDE, SPAN_TRACE_ID } from '../otlp/request-index.ts'
import { lowerTime, START_TIME, upperTime } from '../traces/span-facts.ts'
import { hourOf } from './places.ts'

export interface Part<K> {
  readonly key: K
  /** A request of the spans of that key alone. */
  readonly chunk: Uint8Array
  readonly count: number
}

/** When a span began, in milliseconds since 1970. */
export function beganMs(index: RequestIndex, span: number): number {
  return ((upperTime(index, span, START_TIME) >>> 0) * 2 ** 32 + (lowerTime(index, span, START_TIME) >>> 0)) / 1e6
}

export function byHour(chunk: Uint8Array): readonly Part<number>[] {
  return partition(chunk, (index, span) => hourOf(beganMs(index, span)))
}

/** Trace ids in hex. */
export function byTrace(chunk: Uint8Array): readonly Part<string>[] {
  return partition(chunk, ({ items, bytes }, span) => {
    const at = items[span * ITEM_STRIDE + SPAN_TRACE_ID]!
    return bytes.toString('hex', at, at + 16)
  })
}

/** It is halved and the halves are halved: cutting out one key after the other would read the rest as often as there are keys. */
function partition<K>(chunk: Uint8Array, keyOf: (index: RequestIndex, span: number) => K): readonly Part<K>[] {
  const index = indexChunk('traces', chunk)
  const { itemCount } = index
  const first = itemCount === 0 ? undefined : keyOf(index, 0)
  let alike = 0
  while (alike < itemCount && keyOf(index, alike) === first) alike++
  if (alike === itemCount) return first === undefined ? [] : [{ key: first, chunk, count: itemCount }]
  const keys = Array.from({ length: itemCount }, (_, span) => keyOf(index, span))
  const distinct = [...new Set(keys)]
  const half = new Set(distinct.slice(0, distinct.length >> 1))
  const halves = [true, false].map((wanted) => {
    const edits = new RequestEdits(index)
    edits.dropEmpty()
    for (let span = 0; span < itemCount; span++) if (half.has(keys[span]!) !== wanted) edits.dropItem(span)
    return edits.build()
  })
  return halves.flatMap((piece) => partition(piece, keyOf))
}
