// The door to the bytes of requests, by signal: admit what comes in, index what is here. Receivers admit; everyone else asks for the index.

import type { Signal } from '../batch.ts'
import { withoutBadIds } from './bad-ids.ts'
import { canonicalRequest } from './canonical.ts'
import { RequestEdits } from './edits.ts'
import { RequestIndex } from './request-index.ts'
import { walkRequest } from './walk-request.ts'

/** One a thread: see request-index.ts. */
const scratch: RequestIndex = new RequestIndex()
/** What `scratch` describes: the chunk that was asked for, which differs from its bytes where those were made canonical. */
let indexed: Uint8Array | undefined

export interface Admitted {
  /** A valid request without the refused items: `body` itself where nothing had to go. */
  readonly chunk: Uint8Array
  /** Items in `chunk`: spans, data points or log records. */
  readonly count: number
  readonly refused: number
  /** Why the first refused item was; empty where none was. */
  readonly reason: string
}

/**
 * Validates what a sender sent. Bad items are cut out, each alone; a metric that is broken outside of its points goes with all of them.
 * Log records and exemplars lose ids that are none.
 * @throws MalformedError where the request itself is broken.
 */
export function admit(signal: Signal, body: Uint8Array): Admitted {
  indexed = undefined
  walkRequest(signal, body, scratch)
  const { itemCount: count, refusedCount: refused, refusedReason: reason } = scratch
  const badIds = scratch.badIdCount > 0 || scratch.oddIds
  let chunk = body
  if (refused > 0) {
    const edits = new RequestEdits(scratch)
    edits.dropRefused()
    chunk = edits.build()
  } else if (!scratch.odd) indexed = body
  if (badIds) chunk = mended(signal, chunk)
  return { chunk, count, refused, reason }
}

/** Where it was odd, the canonical form shows which ids count. */
function mended(signal: Signal, chunk: Uint8Array): Uint8Array {
  const index = indexChunk(signal, chunk)
  if (index.badIdCount === 0) return chunk
  indexed = undefined
  return withoutBadIds(index)
}

/**
 * Where things are in a chunk of a batch. The answer holds until the next call on this thread: use it before the next await. Its
 * `bytes` are the chunk's, or canonical ones where the chunk uses corners of protobuf.
 */
export function indexChunk(signal: Signal, chunk: Uint8Array): RequestIndex {
  if (indexed === chunk && scratch.signal === signal) return scratch
  indexed = undefined
  walkRequest(signal, chunk, scratch, true)
  if (scratch.odd) {
    walkRequest(signal, canonicalRequest(scratch), scratch)
    if (scratch.odd) throw new Error('a canonical request is still odd') // its columns would be wrong
  }
  indexed = chunk
  return scratch
}
