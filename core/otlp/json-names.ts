// Finds the field that a member's name means, by its bytes: a string for each of thirty thousand names would cost as much as the rest.

import type { Field, Message } from './schema.ts'

/** A field as json-read.ts uses it. */
export interface Member {
  readonly field: Field
  /** What is written before its value; a repeated number is packed. */
  readonly tag: number
  readonly packed: boolean
  /** Itself, as a bit. */
  readonly bit: number
  /** What it replaces: itself, and the other members of its oneof. */
  readonly rivals: number
  readonly name: Uint8Array
}

const SLOTS = 64

export class Names {
  readonly #slots: Member[][] = Array.from({ length: SLOTS }, () => [])

  constructor(shape: Message) {
    for (const field of shape.byJson.values()) {
      const name = Buffer.from(field.json)
      const packed = field.repeated && field.wire !== 2
      const member = {
        field,
        tag: field.number * 8 + (packed ? 2 : field.wire),
        packed,
        bit: bitOf(field),
        rivals: rivalsOf(field, shape),
        name,
      }
      this.#slots[slotOf(name, 0, name.length)]!.push(member)
    }
  }

  /** Undefined for a name that the grammar does not know. */
  find(text: Uint8Array, start: number, stop: number): Member | undefined {
    if (start === stop) return undefined
    for (const member of this.#slots[slotOf(text, start, stop)]!) if (isSame(member.name, text, start, stop)) return member
    return undefined
  }
}

function bitOf(field: Field): number {
  if (field.number > 31) throw new RangeError(`${field.json} has number ${field.number}; up to 31 fit the bits that note what was seen`)
  return 1 << field.number
}

function rivalsOf(field: Field, shape: Message): number {
  let rivals = bitOf(field)
  for (const other of shape.byJson.values()) if (field.oneof !== undefined && other.oneof === field.oneof) rivals |= bitOf(other)
  return rivals
}

function slotOf(text: Uint8Array, start: number, stop: number): number {
  return ((stop - start) * 7 + text[start]! * 3 + text[stop - 1]!) % SLOTS
}

function isSame(name: Uint8Array, text: Uint8Array, start: number, stop: number): boolean {
  if (name.length !== stop - start) return false
  for (let i = 0; i < name.length; i++) if (name[i] !== text[start + i]) return false
  return true
}

const known = new Map<Message, Names>()

export function namesOf(shape: Message): Names {
  let names = known.get(shape)
  if (names === undefined) known.set(shape, (names = new Names(shape)))
  return names
}
