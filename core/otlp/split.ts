// Cuts requests between items. The batcher calls it where a batch is larger than a destination takes.

import type { Signal } from '../batch.ts'
import { PermanentError } from '../errors.ts'
import { RequestEdits } from './edits.ts'
import { indexChunk } from './requests.ts'

/** What the pieces of one request may have together, beside twice its own size, in bytes: each repeats its resources and scopes. */
const MAX_REPEATED_BYTES = 64 * 1024 * 1024

/**
 * The first `count` items of `chunk` as a request of their own, and the rest. `count` is between 1 and the chunk's items less one. What
 * came without items (a metric, a scope) is in the first. `edits` is scratch.
 */
export function splitChunk(
  signal: Signal,
  chunk: Uint8Array,
  count: number,
  edits: RequestEdits = new RequestEdits(),
): [head: Buffer, tail: Buffer] {
  const index = indexChunk(signal, chunk)
  edits.begin(index)
  for (let item = count; item < index.itemCount; item++) edits.dropItem(item)
  const head = edits.build()
  edits.begin(index)
  edits.dropEmpty()
  for (let item = 0; item < count; item++) edits.dropItem(item)
  return [head, edits.build()]
}

/** A request, and how many items it holds. */
export interface Piece {
  readonly chunk: Uint8Array
  readonly count: number
}

/**
 * A request of `count` items as requests of at most `size`; the first has at most `first`. It is halved and the halves are halved:
 * cutting off one piece after the other would write the rest as often as there are pieces.
 * @throws PermanentError where resources and scopes, which every piece repeats, would come to many times the request.
 */
export function piecesOf(signal: Signal, { chunk, count }: Piece, first: number, size: number): Piece[] {
  const edits = new RequestEdits()
  const pieces: Piece[] = []
  let leftBytes = 2 * chunk.length + MAX_REPEATED_BYTES
  const cut = (piece: Piece, room: number): void => {
    if (piece.count <= room) {
      leftBytes -= piece.chunk.length
      if (leftBytes < 0) throw new PermanentError(tooMuch(chunk, count, size))
      pieces.push(piece)
      return
    }
    const further = Math.ceil((piece.count - room) / size)
    const middle = room + Math.floor(further / 2) * size
    const [head, tail] = splitChunk(signal, piece.chunk, middle, edits)
    cut({ chunk: head, count: middle }, room)
    cut({ chunk: tail, count: piece.count - middle }, size)
  }
  cut({ chunk, count }, first)
  return pieces
}

function tooMuch(chunk: Uint8Array, count: number, size: number): string {
  return `a request of ${chunk.length} bytes and ${count} items, cut into requests of ${size}, would repeat its resources too often`
}
