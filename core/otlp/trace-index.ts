// Where things are in one traces request: columns of byte offsets, filled by the walk, read by cursors, edits and processors.
//
// An index is scratch. There is one a thread, it describes the request that was walked last, and whoever needs it after an await asks
// `indexTraces` again: walking anew costs less than keeping half a million small objects alive.

/** Columns of one resource. Offsets are in bytes from the start of the request. -1: the field is absent. */
export const RES_TAG = 0
export const RES_LENGTH = 1
export const RES_START = 2
export const RES_END = 3
/** The `resource` field within: its tag, and the message's own range. */
export const RES_MESSAGE_TAG = 4
export const RES_MESSAGE_LENGTH = 5
export const RES_MESSAGE_START = 6
export const RES_MESSAGE_END = 7
export const RES_ATTR_FIRST = 8
export const RES_ATTR_END = 9
export const RES_SCOPE_FIRST = 10
export const RES_SCOPE_END = 11
export const RES_STRIDE = 12

/** Columns of one scope. */
export const SCOPE_TAG = 0
export const SCOPE_LENGTH = 1
export const SCOPE_START = 2
export const SCOPE_END = 3
export const SCOPE_RESOURCE = 4
export const SCOPE_MESSAGE_START = 5
export const SCOPE_MESSAGE_END = 6
export const SCOPE_SPAN_FIRST = 7
export const SCOPE_SPAN_END = 8
/** Spans of this scope that were refused. */
export const SCOPE_REFUSED = 9
export const SCOPE_STRIDE = 10

/** Columns of one span. TAG … END is the whole field: tag, length (at LENGTH), body (from START). */
export const SPAN_TAG = 0
export const SPAN_LENGTH = 1
export const SPAN_START = 2
export const SPAN_END = 3
export const SPAN_SCOPE = 4
export const SPAN_TRACE_ID = 5
export const SPAN_ID = 6
export const SPAN_PARENT_ID = 7
export const SPAN_NAME_TAG = 8
export const SPAN_NAME_START = 9
export const SPAN_NAME_END = 10
export const SPAN_KIND = 11
export const SPAN_START_TIME = 12
export const SPAN_END_TIME = 13
export const SPAN_STATUS_START = 14
export const SPAN_STATUS_END = 15
export const SPAN_ATTR_FIRST = 16
export const SPAN_ATTR_END = 17
export const SPAN_STRIDE = 18

/** Columns of one attribute of a span or a resource: the whole field is TAG … END, the AnyValue is VALUE … VALUE_END. */
export const ATTR_TAG = 0
export const ATTR_KEY = 1
export const ATTR_KEY_END = 2
export const ATTR_VALUE = 3
export const ATTR_VALUE_END = 4
export const ATTR_END = 5
export const ATTR_STRIDE = 6

/** A range of refused spans of one scope, neighbours joined. */
export const REFUSED_TAG = 0
export const REFUSED_END = 1
export const REFUSED_SCOPE = 2
export const REFUSED_STRIDE = 3

/** Columns larger than this (in elements) go back to the collector when the next request is smaller: one giant must not pin memory. */
const KEEP_ELEMENTS = 1 << 20

export class TraceIndex {
  bytes: Buffer = EMPTY
  view: DataView = new DataView(EMPTY.buffer)

  resources: Int32Array = new Int32Array(16 * RES_STRIDE)
  scopes: Int32Array = new Int32Array(16 * SCOPE_STRIDE)
  spans: Int32Array = new Int32Array(1024 * SPAN_STRIDE)
  attributes: Int32Array = new Int32Array(16384 * ATTR_STRIDE)
  refused: Int32Array = new Int32Array(16 * REFUSED_STRIDE)

  resourceCount = 0
  scopeCount = 0
  spanCount = 0
  /** The end of the attribute columns in elements, not in attributes: the walk's hottest counter. */
  attributesEnd = 0
  refusedRanges = 0
  refusedCount = 0
  /** Why the first refused span was refused, with its offset. */
  refusedReason = ''
  /** While walking: the bytes before this offset, from wherever the last scan began, are known to be ASCII. */
  asciiEnd = 0
  /** Some item uses a corner of protobuf: its columns cannot be trusted before the request is made canonical. */
  odd = false

  begin(bytes: Uint8Array): void {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.resourceCount = this.scopeCount = this.spanCount = this.attributesEnd = this.refusedRanges = this.refusedCount = this.asciiEnd = 0
    this.refusedReason = ''
    this.odd = false
    if (this.spans.length > KEEP_ELEMENTS) this.spans = new Int32Array(1024 * SPAN_STRIDE)
    if (this.attributes.length > KEEP_ELEMENTS) this.attributes = new Int32Array(16384 * ATTR_STRIDE)
  }
}

const EMPTY: Buffer = Buffer.alloc(0)

/** `column`, or a copy twice as large when it has no room for `needed` elements. */
export function grown(column: Int32Array, needed: number): Int32Array {
  if (needed <= column.length) return column
  const larger = new Int32Array(Math.max(needed, column.length * 2))
  larger.set(column)
  return larger
}
