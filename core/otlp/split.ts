// Cuts a request in two between items. The batcher calls it where a batch is larger than a destination takes.

import type { Signal } from '../batch.ts'
import { RequestEdits } from './edits.ts'
import { indexChunk } from './requests.ts'

/**
 * The first `count` items of `chunk` as a request of their own, and the rest. `count` is between 1 and the chunk's items less one. What
 * came without items (a metric, a scope) is in both.
 */
export function splitChunk(signal: Signal, chunk: Uint8Array, count: number): [head: Buffer, tail: Buffer] {
  const index = indexChunk(signal, chunk)
  const edits = new RequestEdits(index)
  for (let item = count; item < index.itemCount; item++) edits.dropItem(item)
  const head = edits.build()
  edits.begin(index)
  for (let item = 0; item < count; item++) edits.dropItem(item)
  return [head, edits.build()]
}
