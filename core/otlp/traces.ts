// The door to the bytes of traces: admit what comes in, index what is here. Receivers admit; everyone else asks for the index.

import { canonicalTraces } from './canonical.ts'
import { TraceEdits } from './trace-edits.ts'
import { TraceIndex } from './trace-index.ts'
import { walkTraces } from './walk-traces.ts'

/** One a thread: see trace-index.ts. */
const scratch: TraceIndex = new TraceIndex()
/** What `scratch` describes: the chunk that was asked for, which differs from its bytes where those were made canonical. */
let indexed: Uint8Array | undefined

export interface Admitted {
  /** A valid request without the refused spans: `body` itself where none was. */
  readonly chunk: Uint8Array
  /** Spans in `chunk`. */
  readonly count: number
  readonly refused: number
  /** Why the first refused span was; empty where none was. */
  readonly reason: string
}

/**
 * Validates what a sender sent. Bad spans are cut out, each alone.
 * @throws MalformedError where the request itself is broken.
 */
export function admitTraces(body: Uint8Array): Admitted {
  indexed = undefined
  walkTraces(body, scratch)
  const { spanCount: count, refusedCount: refused, refusedReason: reason } = scratch
  if (refused === 0) {
    indexed = scratch.odd ? undefined : body
    return { chunk: body, count, refused, reason }
  }
  const edits = new TraceEdits(scratch)
  edits.dropRefused()
  return { chunk: edits.build(), count, refused, reason }
}

/**
 * Where things are in a chunk of a batch. The answer holds until the next call on this thread: use it before the next await. Its
 * `bytes` are the chunk's, or canonical ones where the chunk uses corners of protobuf.
 */
export function indexTraces(chunk: Uint8Array): TraceIndex {
  if (indexed === chunk) return scratch
  indexed = undefined
  walkTraces(chunk, scratch)
  if (scratch.odd) {
    walkTraces(canonicalTraces(scratch), scratch)
    if (scratch.odd) throw new Error('a canonical request is still odd') // its columns would be wrong
  }
  indexed = chunk
  return scratch
}
