// What an edit is: a range of the request that becomes a range of the arena. Recorded by RequestEdits, read by the splicer.

import type { ByteWriter } from './byte-writer.ts'
import type { RequestIndex } from './request-index.ts'

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
  readonly index: RequestIndex
  /** The bytes that patches put in. */
  readonly arena: ByteWriter
  readonly patches: Int32Array
  /** For each item, resource (its message), scope (its message) and metric the first of its patches, in ascending order; -1: none. */
  readonly itemPatches: Int32Array
  readonly resourcePatches: Int32Array
  readonly scopePatches: Int32Array
  readonly metricPatches: Int32Array
  /** 1: this one is left out. */
  readonly dropped: Uint8Array
  readonly droppedMetrics: Uint8Array
  /** What the walk refused is left out. */
  readonly cutsRefused: boolean
  /** What came without items (a metric, a scope, a resource) is left out. */
  readonly cutsEmpty: boolean
}
