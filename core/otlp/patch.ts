// What an edit is: a range of the request that becomes a range of the arena. Recorded by TraceEdits, read by the splicer.

import type { ByteWriter } from './byte-writer.ts'
import type { TraceIndex } from './trace-index.ts'

/** Columns of one patch: bytes [START, END) of the request become bytes [FROM, TO) of the arena. */
export const PATCH_START = 0
export const PATCH_END = 1
export const PATCH_FROM = 2
export const PATCH_TO = 3
/** Where the patch is an attribute: its key, and where its AnyValue begins (it ends at TO), in the arena. -1 where it is not. */
export const PATCH_KEY = 4
export const PATCH_KEY_END = 5
export const PATCH_VALUE = 6
/** The owner's next patch, or -1. */
export const PATCH_NEXT = 7
export const PATCH_STRIDE = 8

/** Everything that was recorded on one request. */
export interface Recorded {
  readonly index: TraceIndex
  /** The bytes that patches put in. */
  readonly arena: ByteWriter
  readonly patches: Int32Array
  /** For each span and each resource the first of its patches, a list in ascending order of START; -1: none. */
  readonly spanPatches: Int32Array
  readonly resourcePatches: Int32Array
  /** 1: this span is left out. */
  readonly dropped: Uint8Array
  /** What the walk refused is left out. */
  readonly cutsRefused: boolean
}
