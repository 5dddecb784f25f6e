// What the cursors over spans, data points and log records have in common. Reading decodes what is read and nothing else; writing records
// an edit. One cursor serves all items of a request, one after the other.

import { type Attributes, ItemAttributes, ResourceAttributes, ScopeAttributes } from './attribute-cursor.ts'
import type { RequestEdits } from './edits.ts'
import { PATCH_FROM, PATCH_KEY, PATCH_TO, PATCH_VALUE } from './patch.ts'
import * as column from './request-index.ts'
import { next, readUint32, skipValue } from './wire.ts'

/** What items of every signal have. Valid only inside `each`. */
export interface Item {
  readonly attributes: Attributes
  /** Shared by all items of the resource: what is set here, they all have. */
  readonly resource: Attributes
  /** Empty where the scope has none. */
  readonly scopeName: string
  readonly scopeVersion: string
  /** Shared by all items of the scope. */
  readonly scopeAttributes: Attributes
  /** Leaves this item out; the ledger counts it under `reason`. */
  drop(reason: string): void
}

/** Called with every item that is dropped, once. */
export type OnDrop = (reason: string) => void

export abstract class ItemCursor implements Item {
  readonly edits: RequestEdits
  readonly #attributes: ItemAttributes
  readonly #resource: ResourceAttributes
  readonly #scopeAttributes: ScopeAttributes
  readonly #dropped: OnDrop
  protected item = 0
  protected row = 0

  constructor(edits: RequestEdits, dropped: OnDrop) {
    this.edits = edits
    this.#attributes = new ItemAttributes(edits)
    this.#resource = new ResourceAttributes(edits)
    this.#scopeAttributes = new ScopeAttributes(edits)
    this.#dropped = dropped
  }

  moveTo(item: number): void {
    this.item = item
    this.row = item * column.ITEM_STRIDE
  }

  get attributes(): Attributes {
    this.#attributes.moveTo(this.item)
    return this.#attributes
  }

  get resource(): Attributes {
    this.#resource.moveTo(this.edits.index.resourceOf(this.item))
    return this.#resource
  }

  get scopeAttributes(): Attributes {
    this.#scopeAttributes.moveTo(this.edits.index.scopeOf(this.item))
    return this.#scopeAttributes
  }

  /** `InstrumentationScope { string name = 1; string version = 2; … }` */
  get scopeName(): string {
    return this.#scopeText(0x0a)
  }

  get scopeVersion(): string {
    return this.#scopeText(0x12)
  }

  #scopeText(tag: number): string {
    const { index } = this.edits
    const row = index.scopeOf(this.item) * column.ENVELOPE_STRIDE
    const start = index.scopes[row + column.MESSAGE_START]!
    return start < 0 ? '' : textOf(index.bytes, findField(index.bytes, start, index.scopes[row + column.MESSAGE_END]!, tag))
  }

  drop(reason: string): void {
    if (this.edits.isDropped(this.item)) return
    this.edits.dropItem(this.item)
    this.#dropped(reason)
  }

  /** Forgets what was written to the item itself; what it shares with others, and that it is dropped, stays. */
  undo(): void {
    this.edits.undoItem(this.item)
  }

  protected column(which: number): number {
    return this.edits.index.items[this.row + which]!
  }

  /** The fixed64 at that column; 0 where it is absent. */
  protected time(which: number): bigint {
    const at = this.column(which)
    return at < 0 ? 0n : this.edits.index.view.getBigUint64(at, true)
  }

  /** The id of so many bytes at that column in lower-case hex; empty where it is absent. */
  protected id(which: number, size: number): string {
    const at = this.column(which)
    return at < 0 ? '' : this.edits.index.bytes.toString('hex', at, at + size)
  }

  /** Where a field of the item begins that has no column, by its tag; -1 where it is absent. It scans the item. */
  protected find(tag: number): number {
    return findField(this.edits.index.bytes, this.column(column.START), this.column(column.END), tag)
  }

  /** A string field as it was written last. `at` is where it began as it came, or -1. */
  protected text(tag: number, at: number): string {
    const patch = this.patchOfField(tag, at)
    if (patch < 0) return textOf(this.edits.index.bytes, at)
    const { patches, arena } = this.edits
    return arena.bytes.toString('utf8', patches[patch + PATCH_VALUE], patches[patch + PATCH_TO])
  }

  protected setText(tag: number, at: number, value: string): void {
    const { arena } = this.edits
    const from = arena.at
    arena.text(tag, value)
    this.putField(tag, at, from, arena.at - Buffer.byteLength(value))
  }

  /** The patch that replaced, added or removed a field of the item itself, or -1. */
  protected patchOfField(tag: number, at: number): number {
    const { edits } = this
    const head = edits.itemPatches[this.item]!
    if (at >= 0) return head < 0 ? -1 : edits.patchOf(head, at)
    for (let patch = head; patch >= 0; patch = edits.nextPatch(patch)) if (edits.patches[patch + PATCH_KEY] === ownField(tag)) return patch
    return -1
  }

  /** Records that arena [from, at) is the whole field, with its value from `value` on; nothing at all removes it. */
  protected putField(tag: number, at: number, from: number, value: number): void {
    const { edits } = this
    const to = edits.arena.at
    let patch = this.patchOfField(tag, at)
    if (patch >= 0) {
      edits.patches[patch + PATCH_FROM] = from
      edits.patches[patch + PATCH_TO] = to
    } else {
      const end = at < 0 ? this.column(column.END) : endOfField(edits.index.bytes, at)
      patch = edits.patchItem(this.item, at < 0 ? end : at, end, from, to)
    }
    edits.describe(patch, ownField(tag), -1, value)
  }
}

/** Tells a patch of an item's own field from one of an attribute, whose keys have an offset. */
function ownField(tag: number): number {
  return -2 - tag
}

/** Where the field with that tag begins in [p, end), or -1. */
export function findField(bytes: Buffer, p: number, end: number, wanted: number): number {
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    if (tag === wanted) return p
    p = skipValue(bytes, next, end, tag, 0)
  }
  return -1
}

/** The string whose field begins at `at`, with a tag of one byte; empty for -1. */
export function textOf(bytes: Buffer, at: number): string {
  if (at < 0) return ''
  const length = readUint32(bytes, at + 1, bytes.length)
  return bytes.toString('utf8', next, next + length)
}

function endOfField(bytes: Buffer, at: number): number {
  const length = readUint32(bytes, at + 1, bytes.length)
  return next + length
}
