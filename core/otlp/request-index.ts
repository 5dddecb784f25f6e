// Where things are in one request: columns of byte offsets, filled by the walk, read by cursors, edits and processors.
//
// An index is scratch. There is one a thread, it describes the request that was walked last, and whoever needs it after an await asks
// `indexChunk` again: walking anew costs less than keeping half a million small objects alive.
//
// Every request is a tree of the same shape: resources hold scopes, scopes hold items (spans, log records), and with metrics one level
// more lies between: scopes hold metrics, metrics hold items (data points). The first columns are the same at every level.

import type { Signal } from '../batch.ts'

/** Columns of every level. TAG … END is the whole field: tag, length (at LENGTH), body (from START). Offsets are in bytes. -1: absent. */
export const TAG = 0
export const LENGTH = 1
export const START = 2
export const END = 3
/** The number of what holds it: a resource's is -1, an item's is its scope or its metric. */
export const PARENT = 4
/** Its own attributes, as offsets into their columns. A metric has none there. */
export const ATTRS_FIRST = 5
export const ATTRS_END = 6

/** Further columns of resources, scopes and metrics: the message within (a Resource, an InstrumentationScope, a metric's data). */
export const MESSAGE_TAG = 7
export const MESSAGE_LENGTH = 8
export const MESSAGE_START = 9
export const MESSAGE_END = 10
/** What it holds, by number: scopes, metrics or items. */
export const CHILD_FIRST = 11
export const CHILD_END = 12
/** How many items right below were refused; WHOLE: a metric that was refused itself. */
export const REFUSED = 13
export const ENVELOPE_STRIDE = 14
export const WHOLE = -1

/** Further columns of a metric. KIND is the number of its data field, 0 where it has none. */
export const METRIC_KIND = 14
export const METRIC_NAME_TAG = 15
export const METRIC_DESCRIPTION_TAG = 16
export const METRIC_UNIT_TAG = 17
/** Not offsets but values: 0, 1 (delta), 2 (cumulative) or what no version has; 0 or 1. */
export const METRIC_TEMPORALITY = 18
export const METRIC_MONOTONIC = 19
export const METRIC_STRIDE = 20

/** The kinds of a metric. */
export const GAUGE = 5
export const SUM = 7
export const HISTOGRAM = 9
export const EXPONENTIAL_HISTOGRAM = 10
export const SUMMARY = 11

/** Further columns of a span. */
export const SPAN_TRACE_ID = 7
export const SPAN_ID = 8
export const SPAN_PARENT_ID = 9
export const SPAN_NAME_TAG = 10
export const SPAN_NAME_START = 11
export const SPAN_NAME_END = 12
export const SPAN_KIND = 13
export const SPAN_START_TIME = 14
export const SPAN_END_TIME = 15
export const SPAN_STATUS_START = 16
export const SPAN_STATUS_END = 17
export const SPAN_TRACE_STATE_TAG = 18

/** Further columns of a log record. Severity is a value; the rest are offsets: of a value, or, where it has a length, of its tag. */
export const LOG_TIME = 7
export const LOG_OBSERVED_TIME = 8
export const LOG_SEVERITY_NUMBER = 9
export const LOG_SEVERITY_TEXT_TAG = 10
export const LOG_BODY_TAG = 11
export const LOG_FLAGS = 12
export const LOG_TRACE_ID = 13
export const LOG_SPAN_ID = 14
export const LOG_EVENT_NAME_TAG = 15

/** Further columns of a data point, all offsets of values. DOUBLE and INT are those of gauges and sums, COUNT and SUM of the others. */
export const POINT_START_TIME = 7
export const POINT_TIME = 8
export const POINT_DOUBLE = 9
export const POINT_INT = 10
export const POINT_COUNT = 11
export const POINT_SUM = 12

export const ITEM_STRIDE = 19

/** Columns of one attribute of an item, a scope or a resource: the whole field is TAG … END, the AnyValue is VALUE … VALUE_END. */
export const ATTR_TAG = 0
export const ATTR_KEY = 1
export const ATTR_KEY_END = 2
export const ATTR_VALUE = 3
export const ATTR_VALUE_END = 4
export const ATTR_END = 5
export const ATTR_STRIDE = 6

/** A range of refused items of one scope or metric, neighbours joined. */
export const RANGE_TAG = 0
export const RANGE_END = 1
export const RANGE_PARENT = 2
export const RANGE_STRIDE = 3

/** A field to mend: an id of a log record that is none, or an exemplar that holds such a one. The item goes on without it. */
export const BAD_ID_ITEM = 0
export const BAD_ID_TAG = 1
export const BAD_ID_END = 2
export const BAD_ID_STRIDE = 3

/** Columns larger than this (in elements) go back to the collector when the next request is smaller: one giant must not pin memory. */
const KEEP_ELEMENTS = 1 << 20

export class RequestIndex {
  signal: Signal = 'traces'
  bytes: Buffer = EMPTY
  view: DataView = new DataView(EMPTY.buffer)

  resources: Int32Array = new Int32Array(16 * ENVELOPE_STRIDE)
  scopes: Int32Array = new Int32Array(16 * ENVELOPE_STRIDE)
  metrics: Int32Array = new Int32Array(0)
  items: Int32Array = new Int32Array(1024 * ITEM_STRIDE)
  attributes: Int32Array = new Int32Array(16384 * ATTR_STRIDE)
  refused: Int32Array = new Int32Array(16 * RANGE_STRIDE)
  badIds: Int32Array = new Int32Array(0)

  resourceCount = 0
  scopeCount = 0
  metricCount = 0
  /** Spans, data points or log records. */
  itemCount = 0
  /** The end of the attribute columns in elements, not in attributes: the walk's hottest counter. */
  attributesEnd = 0
  refusedRanges = 0
  refusedMetrics = 0
  /** Items refused, one by one or with their metric. */
  refusedCount = 0
  /** Why the first refused item was refused, with its offset. */
  refusedReason = ''
  badIdCount = 0
  /** While walking: the bytes before this offset, from wherever the last scan began, are known to be ASCII. */
  asciiEnd = 0
  /** Something uses a corner of protobuf: its columns cannot be trusted before the request is made canonical. */
  odd = false
  /** What is odd may hold bad ids that are not in `badIds`. */
  oddIds = false

  begin(signal: Signal, bytes: Uint8Array): void {
    this.signal = signal
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.resourceCount = this.scopeCount = this.metricCount = this.itemCount = this.attributesEnd = this.asciiEnd = 0
    this.refusedRanges = this.refusedMetrics = this.refusedCount = this.badIdCount = 0
    this.refusedReason = ''
    this.odd = this.oddIds = false
    if (this.resources.length > KEEP_ELEMENTS) this.resources = new Int32Array(16 * ENVELOPE_STRIDE)
    if (this.scopes.length > KEEP_ELEMENTS) this.scopes = new Int32Array(16 * ENVELOPE_STRIDE)
    if (this.refused.length > KEEP_ELEMENTS) this.refused = new Int32Array(16 * RANGE_STRIDE)
    if (this.badIds.length > KEEP_ELEMENTS) this.badIds = new Int32Array(0)
    if (this.metrics.length > KEEP_ELEMENTS) this.metrics = new Int32Array(256 * METRIC_STRIDE)
    if (this.items.length > KEEP_ELEMENTS) this.items = new Int32Array(1024 * ITEM_STRIDE)
    if (this.attributes.length > KEEP_ELEMENTS) this.attributes = new Int32Array(16384 * ATTR_STRIDE)
  }

  /** The scope that holds an item. */
  scopeOf(item: number): number {
    const parent = this.items[item * ITEM_STRIDE + PARENT]!
    return this.signal === 'metrics' ? this.metrics[parent * METRIC_STRIDE + PARENT]! : parent
  }

  /** The resource that an item is of. */
  resourceOf(item: number): number {
    return this.scopes[this.scopeOf(item) * ENVELOPE_STRIDE + PARENT]!
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
