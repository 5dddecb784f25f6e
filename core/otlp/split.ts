// Cuts a request in two between items. The batcher calls it where a batch is larger than a destination takes.

import type { Signal } from '../batch.ts'
import { indexChunk } from './requests.ts'
import { TraceEdits } from './trace-edits.ts'

/** The first `count` items of `chunk` as a request of their own, and the rest. `count` is between 1 and the chunk's items less one. */
export function splitChunk(signal: Signal, chunk: Uint8Array, count: number): [head: Buffer, tail: Buffer] {
  const index = indexChunk(signal, chunk)
  const edits = new TraceEdits(index)
  for (let span = count; span < index.spanCount; span++) edits.dropSpan(span)
  const head = edits.build()
  edits.begin(index)
  for (let span = 0; span < count; span++) edits.dropSpan(span)
  return [head, edits.build()]
}
