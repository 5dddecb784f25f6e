// The door to the bytes of requests, by signal: admit what comes in, index what is here. Receivers admit; everyone else asks for the index.

import type { Signal } from '../batch.ts'
import type { TraceIndex } from './trace-index.ts'
import { type Admitted, admitTraces, indexTraces } from './traces.ts'

/**
 * Validates what a sender sent. Bad items are cut out, each alone.
 * @throws MalformedError where the request itself is broken.
 */
export function admit(signal: Signal, body: Uint8Array): Admitted {
  onlyTraces(signal)
  return admitTraces(body)
}

/**
 * Where things are in a chunk of a batch. The answer holds until the next call on this thread: use it before the next await. Its
 * `bytes` are the chunk's, or canonical ones where the chunk uses corners of protobuf.
 */
export function indexChunk(signal: Signal, chunk: Uint8Array): TraceIndex {
  onlyTraces(signal)
  return indexTraces(chunk)
}

export function onlyTraces(signal: Signal): void {
  if (signal !== 'traces') throw new Error(`${signal} cannot be read yet`)
}
