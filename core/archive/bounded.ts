// Cuts requests that would make a frame which nobody can read back: what is written has to be readable. The archivers call it before they answer, so that
// a span that cannot be written is refused, and not lost.

import type { Batch } from '../batch.ts'
import { PartialError, PermanentError } from '../errors.ts'
import { indexChunk, RequestEdits, toJson } from '../otlp/index.ts'
import type { Encoding } from './places.ts'

/** What one request may take in a frame, in bytes before compression. */
export const MAX_REQUEST_BYTES: number = 128 * 1024 * 1024
/** What a reader takes for a frame: one of those requests, and what stood before it. The rest is for what others write by the format. */
export const MAX_FRAME_BYTES: number = 160 * 1024 * 1024
/** JSON is at most so many times as large as the protobuf that it is made of: `{"droppedAttributesCount":1},` stands for four bytes. */
const JSON_GROWTH = 8

export interface Bounded {
  /** Requests that can be written and read back. */
  readonly chunks: readonly Uint8Array[]
  /** Spans that cannot. */
  readonly refused: number
}

/** `mostBytes` is for tests. */
export function bounded(chunk: Uint8Array, encoding: Encoding, mostBytes: number = MAX_REQUEST_BYTES): Bounded {
  const small = encoding === 'otlp_json' ? mostBytes / JSON_GROWTH : mostBytes
  if (chunk.length <= small) return { chunks: [chunk], refused: 0 }
  const halves = halvesOf(chunk)
  if (halves === undefined)
    return isWritable(chunk, encoding, mostBytes)
      ? { chunks: [chunk], refused: 0 }
      : { chunks: [], refused: indexChunk('traces', chunk).itemCount }
  const parts = halves.map((half) => bounded(half, encoding, mostBytes))
  return { chunks: parts.flatMap((part) => part.chunks), refused: parts.reduce((sum, part) => sum + part.refused, 0) }
}

/**
 * The same of all chunks of a batch, which is refused as a whole where it has several and one cannot be written: then it is offered again chunk by chunk.
 * `taken` is called for what can be written. @throws PartialError, PermanentError for what cannot.
 */
export async function takeBounded(
  { chunks }: Batch,
  encoding: Encoding,
  taken: (chunks: readonly Uint8Array[]) => Promise<void>,
): Promise<void> {
  const parts = chunks.map((chunk) => bounded(chunk, encoding))
  const refused = parts.reduce((sum, part) => sum + part.refused, 0)
  const writable = parts.flatMap((part) => part.chunks)
  if (refused === 0) return taken(writable)
  const message = `${refused} spans are too large to be archived: each takes more than ${MAX_REQUEST_BYTES} bytes as ${encoding}, its resource and scope included`
  if (chunks.length > 1 || writable.length === 0) throw new PermanentError(message)
  await taken(writable)
  throw new PartialError(refused, message)
}

/** Undefined where there is nothing to halve: one span, or a resource or scope in both halves that is most of it. */
function halvesOf(chunk: Uint8Array): readonly Uint8Array[] | undefined {
  const { itemCount } = indexChunk('traces', chunk)
  if (itemCount < 2) return undefined
  const middle = itemCount >> 1
  const halves = [true, false].map((isFirst) => {
    const edits = new RequestEdits(indexChunk('traces', chunk))
    edits.dropEmpty()
    for (let span = 0; span < itemCount; span++) if (span < middle !== isFirst) edits.dropItem(span)
    return edits.build()
  })
  const bytes = halves.reduce((sum, { length }) => sum + length, 0)
  return bytes > chunk.length * 1.5 ? undefined : halves
}

function isWritable(chunk: Uint8Array, encoding: Encoding, mostBytes: number): boolean {
  if (encoding === 'otlp_proto') return false
  try {
    return Buffer.byteLength(toJson('traces', chunk)) < mostBytes
  } catch (error) {
    // No text of V8 is so long.
    if (error instanceof RangeError) return false
    throw error
  }
}
