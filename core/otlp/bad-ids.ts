// Ids of log records and exemplars that are none: too short, too long, or all zero. Such an item goes on without them, for the next hop
// might refuse the whole request for one. The walk notes them here, admission cuts them out.

import { fault } from './check.ts'
import { ByteWriter } from './byte-writer.ts'
import { RequestEdits } from './edits.ts'
import { BAD_ID_END, BAD_ID_ITEM, BAD_ID_STRIDE, BAD_ID_TAG, type RequestIndex, grown } from './request-index.ts'
import { next, readUint32, skipValue } from './wire.ts'

/** What one request may hold of them: their edits then take 50 MiB. */
export const MAX_BAD_IDS: number = 1 << 20

/** Notes a field of the item that is being walked. 0, or FAULT where there are too many. */
export function noteBadId(index: RequestIndex, tagAt: number, end: number): number {
  if (index.badIdCount >= MAX_BAD_IDS) return fault(tagAt, `the request holds more than ${MAX_BAD_IDS} ids that are none`)
  const row = index.badIdCount++ * BAD_ID_STRIDE
  index.badIds = grown(index.badIds, row + BAD_ID_STRIDE)
  index.badIds[row + BAD_ID_ITEM] = index.itemCount
  index.badIds[row + BAD_ID_TAG] = tagAt
  index.badIds[row + BAD_ID_END] = end
  return 0
}

export function isZero(view: DataView, p: number, size: number): boolean {
  for (let i = 0; i < size; i += 4) if (view.getInt32(p + i) !== 0) return false
  return true
}

/** Is the value of an id field, [start, end), one? Empty is absent, which is as good. */
export function isGoodId(view: DataView, start: number, end: number, size: number): boolean {
  return start === end || (end - start === size && !isZero(view, start, size))
}

/** `Exemplar { bytes span_id = 4; bytes trace_id = 5; … }`; 0 for any other field. */
function idSize(tag: number): number {
  return tag === 0x22 ? 8 : tag === 0x2a ? 16 : 0
}

/** Are the ids of the checked exemplar in [p, end) good? */
export function hasGoodIds(index: RequestIndex, p: number, end: number): boolean {
  while (p < end) {
    const tag = readUint32(index.bytes, p, end)
    const start = next
    p = skipValue(index.bytes, start, end, tag, 0)
    const size = idSize(tag)
    if (size > 0 && readUint32(index.bytes, start, end) >= 0 && !isGoodId(index.view, next, p, size)) return false
  }
  return true
}

/** The request without them. */
export function withoutBadIds(index: RequestIndex): Buffer {
  const edits = new RequestEdits(index)
  const { badIds } = index
  // From the back, so that each patch becomes the first of its item's list.
  for (let row = (index.badIdCount - 1) * BAD_ID_STRIDE; row >= 0; row -= BAD_ID_STRIDE) {
    const tagAt = badIds[row + BAD_ID_TAG]!
    const end = badIds[row + BAD_ID_END]!
    const from = edits.arena.at
    if (index.signal === 'metrics') writeExemplar(edits.arena, index, tagAt, end)
    edits.patchItem(badIds[row + BAD_ID_ITEM]!, tagAt, end, from, edits.arena.at)
  }
  return edits.build()
}

/** The exemplar whose field is [tagAt, end), without its bad ids. */
function writeExemplar(out: ByteWriter, index: RequestIndex, tagAt: number, end: number): void {
  const { bytes, view } = index
  const body = out.begin(readUint32(bytes, tagAt, end))
  readUint32(bytes, next, end)
  let p = next
  while (p < end) {
    const at = p
    const tag = readUint32(bytes, p, end)
    const start = next
    p = skipValue(bytes, start, end, tag, 0)
    const size = idSize(tag)
    if (size === 0 || readUint32(bytes, start, end) < 0 || isGoodId(view, next, p, size)) out.raw(bytes, at, p)
  }
  out.end(body)
}
