// Changing the attributes of items without a cursor, of any signal: for processors on the hot path, which bring their fields encoded once
// and for all.

import { type AttributeValue, writeKeyValue } from './any-value.ts'
import { ByteWriter } from './byte-writer.ts'
import type { RequestEdits } from './edits.ts'
import { findAttribute } from './find-attribute.ts'
import {
  ATTR_END,
  ATTR_STRIDE,
  ATTR_TAG,
  ATTR_VALUE,
  ATTR_VALUE_END,
  ATTRS_END,
  ATTRS_FIRST,
  END,
  EXPONENTIAL_HISTOGRAM,
  HISTOGRAM,
  ITEM_STRIDE,
  METRIC_KIND,
  METRIC_STRIDE,
  PARENT,
  type RequestIndex,
} from './request-index.ts'

/** The tag of `attributes` in an item: field 9 of a span and a histogram's point, 6 of a log record, 7 or 1 of the other points. */
export function attributeTagOf(index: RequestIndex, item: number): number {
  if (index.signal === 'traces') return 0x4a
  if (index.signal === 'logs') return 0x32
  const kind = index.metrics[index.items[item * ITEM_STRIDE + PARENT]! * METRIC_STRIDE + METRIC_KIND]
  return kind === HISTOGRAM ? 0x4a : kind === EXPONENTIAL_HISTOGRAM ? 0x0a : 0x3a
}

/** The whole field `attributes = key: value`. Its tag is that of a span; whoever adds it to an item puts in the item's own. */
export function encodeAttribute(key: string, value: AttributeValue): Buffer {
  const out = new ByteWriter(64)
  const body = out.begin(0x4a)
  writeKeyValue(out, key, value)
  out.end(body)
  return out.copy()
}

/** The same, with the body of an AnyValue taken from elsewhere. */
export function writeAttribute(out: ByteWriter, key: Uint8Array, value: Uint8Array, from = 0, to: number = value.length): void {
  const body = out.begin(0x4a)
  out.field(0x0a, key)
  out.varint(0x12)
  out.varint(to - from)
  out.raw(value, from, to)
  out.end(body)
}

/** The row of an item's first attribute of that key, or -1. */
export function findItemAttribute(index: RequestIndex, item: number, key: Uint8Array): number {
  const row = item * ITEM_STRIDE
  return findAttribute(index, index.items[row + ATTRS_FIRST]!, index.items[row + ATTRS_END]!, key)
}

/** Where the AnyValue of the attribute at `row` begins and ends. */
export function valueStart(index: RequestIndex, row: number): number {
  return index.attributes[row + ATTR_VALUE]!
}
export function valueEnd(index: RequestIndex, row: number): number {
  return index.attributes[row + ATTR_VALUE_END]!
}

/** Puts `field` behind the item's other fields. */
export function addItemAttribute(edits: RequestEdits, item: number, field: Uint8Array): void {
  const end = edits.index.items[item * ITEM_STRIDE + END]!
  const from = put(edits, item, field)
  edits.patchItem(item, end, end, from, edits.arena.at)
}

/** Puts `field` in the place of the attribute at `row`; any further attribute of that key goes. */
export function replaceItemAttribute(edits: RequestEdits, item: number, row: number, key: Uint8Array, field: Uint8Array): void {
  const { attributes } = edits.index
  const from = put(edits, item, field)
  edits.patchItem(item, attributes[row + ATTR_TAG]!, attributes[row + ATTR_END]!, from, edits.arena.at)
  deleteItemAttribute(edits, item, row + ATTR_STRIDE, key)
}

/** Deletes every attribute of that key from `row` on. */
export function deleteItemAttribute(edits: RequestEdits, item: number, row: number, key: Uint8Array): void {
  const { index } = edits
  const end = index.items[item * ITEM_STRIDE + ATTRS_END]!
  for (let at = findAttribute(index, row, end, key); at >= 0; at = findAttribute(index, at + ATTR_STRIDE, end, key))
    edits.patchItem(item, index.attributes[at + ATTR_TAG]!, index.attributes[at + ATTR_END]!, 0, 0)
}

/** Puts the field into the arena, with the item's tag; returns where it begins. */
function put(edits: RequestEdits, item: number, field: Uint8Array): number {
  const { arena } = edits
  const from = arena.at
  arena.raw(field)
  arena.bytes[from] = attributeTagOf(edits.index, item)
  return from
}
