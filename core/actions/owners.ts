// Whose attributes actions change: those of every item of a request, or those of its resources. actions.ts is written for either.

import type { RequestEdits } from '../otlp/edits.ts'
import { findAttribute } from '../otlp/find-attribute.ts'
import * as items from '../otlp/item-attributes.ts'
import {
  ATTR_END,
  ATTR_STRIDE,
  ATTR_TAG,
  ATTRS_END,
  ATTRS_FIRST,
  ENVELOPE_STRIDE,
  ITEM_STRIDE,
  MESSAGE_END,
  type RequestIndex,
  START,
} from '../otlp/request-index.ts'

/** Numbers are those of items or of resources; rows are offsets into the columns of attributes. */
export interface Owner {
  count(index: RequestIndex): number
  first(index: RequestIndex, number: number): number
  end(index: RequestIndex, number: number): number
  /** Puts a whole field behind the others. */
  add(edits: RequestEdits, number: number, field: Uint8Array): void
  /** Puts it in the place of the attribute at `row`; any further one of that key goes. */
  replace(edits: RequestEdits, number: number, row: number, key: Uint8Array, field: Uint8Array): void
  /** Deletes every attribute of that key from `row` on. */
  delete(edits: RequestEdits, number: number, row: number, key: Uint8Array): void
}

export const ITEMS: Owner = {
  count: (index) => index.itemCount,
  first: (index, item) => index.items[item * ITEM_STRIDE + ATTRS_FIRST]!,
  end: (index, item) => index.items[item * ITEM_STRIDE + ATTRS_END]!,
  add: items.addItemAttribute,
  replace: items.replaceItemAttribute,
  delete: items.deleteItemAttribute,
}

/** `Resource { repeated KeyValue attributes = 1; … }` */
const RESOURCE_TAG = 0x0a

export const RESOURCES: Owner = {
  count: (index) => index.resourceCount,
  first: (index, resource) => index.resources[resource * ENVELOPE_STRIDE + ATTRS_FIRST]!,
  end: (index, resource) => index.resources[resource * ENVELOPE_STRIDE + ATTRS_END]!,
  add(edits, resource, field) {
    const row = resource * ENVELOPE_STRIDE
    const end = edits.index.resources[row + MESSAGE_END]!
    // Where there is no resource, splicing makes one.
    const at = end >= 0 ? end : edits.index.resources[row + START]!
    edits.patchResource(resource, at, at, putResource(edits, field), edits.arena.at)
  },
  replace(edits, resource, row, key, field) {
    const { attributes } = edits.index
    const from = putResource(edits, field)
    edits.patchResource(resource, attributes[row + ATTR_TAG]!, attributes[row + ATTR_END]!, from, edits.arena.at)
    this.delete(edits, resource, row + ATTR_STRIDE, key)
  },
  delete(edits, resource, row, key) {
    const { index } = edits
    const end = this.end(index, resource)
    for (let at = findAttribute(index, row, end, key); at >= 0; at = findAttribute(index, at + ATTR_STRIDE, end, key))
      edits.patchResource(resource, index.attributes[at + ATTR_TAG]!, index.attributes[at + ATTR_END]!, 0, 0)
  },
}

function putResource({ arena }: RequestEdits, field: Uint8Array): number {
  const from = arena.at
  arena.raw(field)
  arena.bytes[from] = RESOURCE_TAG
  return from
}
