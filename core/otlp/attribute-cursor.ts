// The attributes of an item, a resource or a scope, as plugins see them: a cursor over the bytes and over the edits made so far.

import { type AttributeValue, readAnyValue, writeKeyValue } from './any-value.ts'
import type { RequestEdits } from './edits.ts'
import { equalsKey, findAttribute, keyBytes } from './find-attribute.ts'
import { attributeTagOf } from './item-attributes.ts'
import { PATCH_FROM, PATCH_KEY, PATCH_KEY_END, PATCH_TO, PATCH_VALUE } from './patch.ts'
import * as column from './request-index.ts'
import { next, readUint32 } from './wire.ts'

/** A cursor over the bytes: reading decodes just what is read, writing records an edit. Valid only inside `each`. */
export interface Attributes {
  get(key: string): AttributeValue | undefined
  has(key: string): boolean
  /** Integral numbers become int_value, others double_value. Where the key came several times, one is left. */
  set(key: string, value: AttributeValue): void
  delete(key: string): boolean
  [Symbol.iterator](): Iterator<readonly [key: string, value: AttributeValue]>
}

/** Where a list of attributes lives: an item, or the resource and the scope that many items share. */
abstract class OwnedAttributes implements Attributes {
  protected readonly edits: RequestEdits
  protected owner = 0
  protected first = 0
  protected end = 0
  /** Of a new attribute, as a field of its owner: one byte. */
  protected tag = 0x0a

  constructor(edits: RequestEdits) {
    this.edits = edits
  }

  /** The owner's first patch, or -1. */
  protected abstract head(): number
  protected abstract patch(start: number, end: number, from: number, to: number): number
  /** Where a new attribute goes: the end of the owner's message. */
  protected abstract tail(): number

  get(key: string): AttributeValue | undefined {
    const { index, arena, patches } = this.edits
    const row = this.#find(key)
    if (row >= 0) {
      const patch = this.#patchOf(row)
      if (patch < 0)
        return readAnyValue(index.bytes, index.attributes[row + column.ATTR_VALUE]!, index.attributes[row + column.ATTR_VALUE_END]!)
      if (patches[patch + PATCH_KEY]! >= 0) return readAnyValue(arena.bytes, patches[patch + PATCH_VALUE]!, patches[patch + PATCH_TO]!)
    }
    const added = this.#findAdded(key)
    return added < 0 ? undefined : readAnyValue(arena.bytes, patches[added + PATCH_VALUE]!, patches[added + PATCH_TO]!)
  }

  has(key: string): boolean {
    const row = this.#find(key)
    return (row >= 0 && !this.#isDeleted(row)) || this.#findAdded(key) >= 0
  }

  set(key: string, value: AttributeValue): void {
    const row = this.#find(key)
    const replaces = row >= 0 && !this.#isDeleted(row)
    const added = replaces ? -1 : this.#findAdded(key)
    const { arena, index } = this.edits
    const from = arena.at
    try {
      const body = arena.begin(this.tag)
      writeKeyValue(arena, key, value)
      arena.end(body)
    } catch (cause) {
      arena.at = from // half an attribute must not stay
      throw cause
    }
    const to = arena.at
    let patch: number
    if (replaces) {
      patch = this.patch(index.attributes[row + column.ATTR_TAG]!, index.attributes[row + column.ATTR_END]!, from, to)
      this.#deleteFrom(row + column.ATTR_STRIDE, key)
    } else if (added >= 0) {
      patch = added
      this.edits.patches[added + PATCH_FROM] = from
      this.edits.patches[added + PATCH_TO] = to
    } else patch = this.patch(this.tail(), this.tail(), from, to)
    this.#describe(patch, from, to, keyBytes(key).length)
  }

  /** Notes where key and value lie in the field just written at [from, to): tag, length, tag, key length, key, tag, value length, value. */
  #describe(patch: number, from: number, to: number, keyLength: number): void {
    const { bytes } = this.edits.arena
    readUint32(bytes, from + 1, to)
    readUint32(bytes, next + 1, to)
    const key = next
    readUint32(bytes, key + keyLength + 1, to)
    this.edits.describe(patch, key, key + keyLength, next)
  }

  delete(key: string): boolean {
    let deleted = this.#deleteFrom(this.first, key)
    const added = this.#findAdded(key)
    if (added >= 0) {
      this.edits.patches[added + PATCH_TO] = this.edits.patches[added + PATCH_FROM]!
      this.edits.describe(added, -1, -1, -1)
      deleted = true
    }
    return deleted
  }

  *[Symbol.iterator](): Iterator<readonly [key: string, value: AttributeValue]> {
    const { index, arena } = this.edits
    for (let row = this.first; row < this.end; row += column.ATTR_STRIDE) {
      if (this.#isDeleted(row)) continue
      const patch = this.#patchOf(row)
      const key = index.bytes.toString('utf8', index.attributes[row + column.ATTR_KEY], index.attributes[row + column.ATTR_KEY_END])
      yield patch < 0
        ? [key, readAnyValue(index.bytes, index.attributes[row + column.ATTR_VALUE]!, index.attributes[row + column.ATTR_VALUE_END]!)]
        : [key, readAnyValue(arena.bytes, this.edits.patches[patch + PATCH_VALUE]!, this.edits.patches[patch + PATCH_TO]!)]
    }
    for (let patch = this.head(); patch >= 0; patch = this.edits.nextPatch(patch)) {
      if (!this.#isAdded(patch)) continue
      const { patches } = this.edits
      const key = arena.bytes.toString('utf8', patches[patch + PATCH_KEY], patches[patch + PATCH_KEY_END])
      yield [key, readAnyValue(arena.bytes, patches[patch + PATCH_VALUE]!, patches[patch + PATCH_TO]!)]
    }
  }

  /** The first attribute of that key as it came, deleted or not; -1 where there is none. */
  #find(key: string): number {
    return findAttribute(this.edits.index, this.first, this.end, keyBytes(key))
  }

  #patchOf(row: number): number {
    const head = this.head()
    return head < 0 ? -1 : this.edits.patchOf(head, this.edits.index.attributes[row]!)
  }

  #isDeleted(row: number): boolean {
    const patch = this.#patchOf(row)
    return patch >= 0 && this.edits.patches[patch + PATCH_KEY]! < 0
  }

  /** An attribute that was not there when the request came in. */
  #isAdded(patch: number): boolean {
    const { patches } = this.edits
    return patches[patch] === patches[patch + 1] && patches[patch + PATCH_KEY]! >= 0
  }

  #findAdded(key: string): number {
    const wanted = keyBytes(key)
    const { patches, arena } = this.edits
    for (let patch = this.head(); patch >= 0; patch = this.edits.nextPatch(patch))
      if (this.#isAdded(patch) && equalsKey(arena.bytes, patches[patch + PATCH_KEY]!, patches[patch + PATCH_KEY_END]!, wanted)) return patch
    return -1
  }

  #deleteFrom(row: number, key: string): boolean {
    const wanted = keyBytes(key)
    const { index } = this.edits
    let deleted = false
    while ((row = findAttribute(index, row, this.end, wanted)) >= 0) {
      if (!this.#isDeleted(row)) {
        const patch = this.patch(index.attributes[row + column.ATTR_TAG]!, index.attributes[row + column.ATTR_END]!, 0, 0)
        this.edits.describe(patch, -1, -1, -1)
        deleted = true
      }
      row += column.ATTR_STRIDE
    }
    return deleted
  }
}

export class ItemAttributes extends OwnedAttributes {
  moveTo(item: number): void {
    const { index } = this.edits
    const row = item * column.ITEM_STRIDE
    this.owner = item
    this.tag = attributeTagOf(index, item)
    this.first = index.items[row + column.ATTRS_FIRST]!
    this.end = index.items[row + column.ATTRS_END]!
  }

  protected head(): number {
    return this.edits.itemPatches[this.owner]!
  }

  protected patch(start: number, end: number, from: number, to: number): number {
    return this.edits.patchItem(this.owner, start, end, from, to)
  }

  protected tail(): number {
    return this.edits.index.items[this.owner * column.ITEM_STRIDE + column.END]!
  }
}

export class ResourceAttributes extends OwnedAttributes {
  moveTo(resource: number): void {
    const row = resource * column.ENVELOPE_STRIDE
    this.owner = resource
    this.first = this.edits.index.resources[row + column.ATTRS_FIRST]!
    this.end = this.edits.index.resources[row + column.ATTRS_END]!
  }

  protected head(): number {
    return this.edits.resourcePatches[this.owner]!
  }

  protected patch(start: number, end: number, from: number, to: number): number {
    return this.edits.patchResource(this.owner, start, end, from, to)
  }

  protected tail(): number {
    return tailOf(this.edits.index.resources, this.owner)
  }
}

export class ScopeAttributes extends OwnedAttributes {
  protected override tag = 0x1a

  moveTo(scope: number): void {
    const row = scope * column.ENVELOPE_STRIDE
    this.owner = scope
    this.first = this.edits.index.scopes[row + column.ATTRS_FIRST]!
    this.end = this.edits.index.scopes[row + column.ATTRS_END]!
  }

  protected head(): number {
    return this.edits.scopePatches[this.owner]!
  }

  protected patch(start: number, end: number, from: number, to: number): number {
    return this.edits.patchScope(this.owner, start, end, from, to)
  }

  protected tail(): number {
    return tailOf(this.edits.index.scopes, this.owner)
  }
}

/** The end of the message within, or where it would be. */
function tailOf(table: Int32Array, owner: number): number {
  const row = owner * column.ENVELOPE_STRIDE
  const end = table[row + column.MESSAGE_END]!
  return end >= 0 ? end : table[row + column.START]!
}
