// Attributes that masking adds where it found something: what `Masker` writes at the end of a message that it has just walked.

import { type AttributeValue, readAnyValue, writeAnyValue } from '../otlp/any-value.ts'
import { next, readUint32, skipValue } from '../otlp/wire.ts'
import type { Patches } from './patches.ts'
import type { Note } from './rules.ts'

/** `Resource resource = 1` of ResourceSpans and its like, `repeated KeyValue attributes = 1` of Resource. */
const RESOURCE = 0x0a
const RESOURCE_ATTRIBUTES = 1

/** One field of a message. `valueAt` is behind its tag, `from` behind its length. */
interface Field {
  readonly tag: number
  readonly at: number
  readonly valueAt: number
  readonly from: number
  readonly end: number
}

function* fieldsOf(bytes: Buffer, start: number, end: number): Iterable<Field> {
  for (let p = start; p < end;) {
    const at = p
    const tag = readUint32(bytes, p, end)
    const valueAt = next
    const after = skipValue(bytes, valueAt, end, tag, 0)
    const from = (tag & 7) === 2 && readUint32(bytes, valueAt, end) >= 0 ? next : valueAt
    yield { tag, at, valueAt, from, end: after }
    p = after
  }
}

/** The attribute takes the place of all that have its key. Says how much longer the message `[start, end)` becomes. */
export function noteOnOwner(
  patches: Patches,
  mark: number,
  bytes: Buffer,
  start: number,
  end: number,
  attributes: number,
  note: Note,
): number {
  const tag = attributes * 8 + 2
  let before: AttributeValue | undefined
  let growth = 0
  for (const field of fieldsOf(bytes, start, end)) {
    if (field.tag !== tag) continue
    const pair = pairOf(bytes, field)
    if (pair.key !== note.key) continue
    before = pair.value
    growth += patches.add(field.at, field.end) - patches.undoWithin(mark, field.at, field.end, patches.count - 1)
  }
  const from = patches.arena.at
  writePair(patches, tag, note.key, note.value(before))
  return growth + patches.add(end, end, from)
}

function pairOf(bytes: Buffer, { from, end }: Field): { readonly key: string; readonly value: AttributeValue } {
  let key = ''
  let value: AttributeValue = null
  for (const field of fieldsOf(bytes, from, end))
    if (field.tag === 0x0a) key = bytes.toString('utf8', field.from, field.end)
    else if (field.tag === 0x12) value = readAnyValue(bytes, field.from, field.end)
  return { key, value }
}

function writePair({ arena }: Patches, tag: number, key: string, value: AttributeValue): void {
  const pair = arena.begin(tag)
  arena.text(0x0a, key)
  const inner = arena.begin(0x12)
  writeAnyValue(arena, value)
  arena.end(inner)
  arena.end(pair)
}

/** The same on the resource of the ResourceSpans, or its like, in `[start, end)`: made where there is none. */
export function noteOnResource(patches: Patches, mark: number, bytes: Buffer, start: number, end: number, note: Note): number {
  let resource: Field | undefined
  for (const field of fieldsOf(bytes, start, end)) if (field.tag === RESOURCE) resource = field
  if (resource === undefined) {
    const from = patches.arena.at
    const message = patches.arena.begin(RESOURCE)
    writePair(patches, RESOURCE_ATTRIBUTES * 8 + 2, note.key, note.value(undefined))
    patches.arena.end(message)
    return patches.add(start, start, from)
  }
  const { from, valueAt } = resource
  const grown = noteOnOwner(patches, mark, bytes, from, resource.end, RESOURCE_ATTRIBUTES, note)
  const before = patches.undoWithin(mark, valueAt, from)
  const length = resource.end - from + patches.growthWithin(mark, from, resource.end)
  return grown - before + patches.fill(patches.reserve(valueAt), valueAt, from, length)
}
