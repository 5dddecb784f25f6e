// What every walk shares, outside of items: reading tags and lengths of what holds them, and noting items that are refused or odd. What
// reads here throws: outside of an item's own length there is nobody else to refuse.

import { FAULT, ODD, checkMessage, faultOffset, faultReason } from './check.ts'
import * as column from './request-index.ts'
import { type RequestIndex, grown } from './request-index.ts'
import type { Message } from './schema.ts'
import { MalformedError, next, readUint32, skipValue } from './wire.ts'

/**
 * Items, good and bad, that one request may hold; and metrics, scopes and resources. At two million empty ones in 4 MB this bounds the columns, not any real
 * sender.
 */
export const MAX_ITEMS: number = 1 << 20

/** Refuses the request where it holds more items than the columns may. */
export function countOne(index: RequestIndex, at: number): void {
  if (index.itemCount + index.refusedCount >= MAX_ITEMS) throw new MalformedError(at, `the request holds more than ${MAX_ITEMS} items`)
}

/** Counts a legal item whose columns could not be noted. */
export function noteOdd(index: RequestIndex, parent: number): void {
  index.odd = true
  const row = index.itemCount++ * column.ITEM_STRIDE
  index.items = grown(index.items, row + column.ITEM_STRIDE)
  index.items.fill(-1, row, row + column.ITEM_STRIDE)
  index.items[row + column.PARENT] = parent
}

/**
 * Notes the item in `[tagAt, end)`, of what stands at `row` of `holders`, as refused. Neighbours share one range, so a flood of bad items
 * takes no memory.
 */
export function noteRefused(index: RequestIndex, tagAt: number, end: number, parent: number, holders: Int32Array, row: number): void {
  if (index.refusedCount++ === 0) index.refusedReason = `${faultReason} at byte ${faultOffset}`
  holders[row + column.REFUSED]!++
  const last = (index.refusedRanges - 1) * column.RANGE_STRIDE
  if (last >= 0 && index.refused[last + column.RANGE_END] === tagAt && index.refused[last + column.RANGE_PARENT] === parent) {
    index.refused[last + column.RANGE_END] = end
    return
  }
  const at = index.refusedRanges++ * column.RANGE_STRIDE
  index.refused = grown(index.refused, at + column.RANGE_STRIDE)
  index.refused[at + column.RANGE_TAG] = tagAt
  index.refused[at + column.RANGE_END] = end
  index.refused[at + column.RANGE_PARENT] = parent
}

export function readTag(bytes: Uint8Array, p: number, end: number): number {
  const tag = readUint32(bytes, p, end)
  if (tag < 8) throw new MalformedError(p, 'no field begins')
  return tag
}

/** The end of the message whose length is at `p`; its start is in `next`. */
export function endOfMessage(bytes: Uint8Array, p: number, end: number): number {
  const length = readUint32(bytes, p, end)
  if (length < 0 || next + length > end) throw new MalformedError(p, 'a message is longer than what holds it')
  return next + length
}

export function endOfValue(bytes: Uint8Array, p: number, end: number, tag: number, depth: number): number {
  const after = skipValue(bytes, p, end, tag, depth)
  if (after < 0) throw new MalformedError(p, 'a field runs out of what holds it')
  return after
}

/** A known field arrives here only with a wire type that is not its own. */
export function refuseKnown(shape: Message, tag: number, at: number): void {
  const field = shape.fields[tag >>> 3]
  if (field !== undefined) throw new MalformedError(at, `${shape.name}.${field.json} has wire type ${tag & 7} instead of ${field.wire}`)
}

export function checkPart(index: RequestIndex, start: number, end: number, shape: Message, depth: number): void {
  const result = checkMessage(index.bytes, index.view, start, end, shape, depth)
  if (result === FAULT) throw new MalformedError(faultOffset, faultReason)
  if (result === ODD) index.odd = true
}
