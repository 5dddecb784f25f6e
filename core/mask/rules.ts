// What a processor that masks decides, piece by piece. `Masker` finds the pieces and writes what comes back; `pii` and `redaction` answer.

import type { AttributeValue } from '../otlp/any-value.ts'
import type { Place } from './places.ts'

/** The attribute goes as a whole. */
export const DELETE: unique symbol = Symbol('delete')
/** Instead of a piece; undefined leaves it as it is. */
export type Instead = string | typeof DELETE | undefined

/** What is found in a text; rules add what they count. Few for many texts: what is said of a text is remembered. */
export interface Finding {
  /** The attribute in which the text stands goes as a whole. */
  readonly deletes: boolean
}
export interface Said<F extends Finding> {
  readonly finding: F
  /** Instead of the text; undefined leaves it as it is. */
  readonly instead: string | undefined
}

/** What sees where to look: see `AnchorScan`. */
export interface Pass {
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  readonly bits: Uint32Array
  scan(bytes: Uint8Array): number
}
/** For rules that ask for every string. */
export const NO_PASS: Pass = { starts: new Uint32Array(0), ends: new Uint32Array(0), bits: new Uint32Array(0), scan: () => 0 }

/** What is to become of an attribute for its key alone. `check`: what its value says; `keep`: nothing, not even that is looked at. */
export type Verdict = 'check' | 'keep' | 'delete' | 'block'

/** An attribute that is added, or changed where it is there: `value` gets what it was. */
export interface Note {
  readonly key: string
  value(before: AttributeValue | undefined): AttributeValue
}

/** Whose attributes begin or end. */
export type Owner = 'item' | 'owner' | 'of_resource'

export interface Rules<F extends Finding = Finding> {
  /** The pass over the bytes: what it does not see, `look` and `number` are not asked about. */
  readonly anchors: Pass
  /** Every string is asked about, with these bits where the pass saw nothing. */
  readonly everyString: boolean
  readonly everyStringBits: number
  /** Every message is walked, because of `judge`, `whole` or `leave`. */
  readonly everyMessage: boolean
  /** The places whose texts stay as they are. */
  readonly notLookedAt?: ReadonlySet<Place>
  /** What is to become of a text. Only the text and its bits decide, so what was said of it is remembered. */
  look(text: string, bits: number): Said<F>
  /** It is found here, and counted; false leaves the text as it is. `deletable`: it stands in an attribute. */
  meet(finding: F, place: Place, deletable: boolean): boolean
  number(value: bigint, place: Place, deletable: boolean): Instead
  /** Asked of every attribute and every entry of a map, if it is there. `depth` is 0 for attributes and for the entries of a log's body. */
  judge?(key: string, depth: number, place: Place): Verdict
  /** What stands instead of the value of a blocked attribute. */
  blocked?(key: string, value: AttributeValue, place: Place): Instead
  /** Asked of every AnyValue that is no text, if it is there, before it is looked into: it is read for that, where `isWhole` says so. `depth`: how many attributes and entries of maps are around it. */
  isWhole?(depth: number, place: Place): boolean
  whole?(value: AttributeValue, depth: number, place: Place): Instead
  enter?(owner: Owner): void
  /** What to note, on the item or owner itself, or on the resource of all that `of_resource` holds. */
  leave?(owner: Owner): readonly Note[]
}
