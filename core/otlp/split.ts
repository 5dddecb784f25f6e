// Cuts a traces request in two between spans. The batcher calls it where a batch is larger than a destination takes.

import { TraceEdits } from './trace-edits.ts'
import { indexTraces } from './traces.ts'

/** The first `count` spans of `chunk` as a request of their own, and the rest. `count` is between 1 and the chunk's spans less one. */
export function splitTraces(chunk: Uint8Array, count: number): [head: Buffer, tail: Buffer] {
  const index = indexTraces(chunk)
  const edits = new TraceEdits(index)
  for (let span = count; span < index.spanCount; span++) edits.dropSpan(span)
  const head = edits.build()
  edits.begin(index)
  for (let span = 0; span < count; span++) edits.dropSpan(span)
  return [head, edits.build()]
}
