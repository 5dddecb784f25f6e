// A span as Jaeger's own protocol has it. request.ts writes one after the other.
//
//   Span { bytes trace_id = 1; bytes span_id = 2; string operation_name = 3; repeated SpanRef references = 4; uint32 flags = 5;
//     Timestamp start_time = 6; Duration duration = 7; repeated KeyValue tags = 8; repeated Log logs = 9; Process process = 10; }
//   SpanRef { bytes trace_id = 1; bytes span_id = 2; SpanRefType ref_type = 3; }    SpanRefType: CHILD_OF 0, FOLLOWS_FROM 1
//   Log { Timestamp timestamp = 1; repeated KeyValue fields = 2; }    Timestamp and Duration { int64 seconds = 1; int32 nanos = 2; }
//
// Source: https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/ and …/common/mapping-to-non-otlp/

import type { ByteWriter } from '../otlp/byte-writer.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { readUint32 } from '../otlp/wire.ts'
import { attributeTag, countTag, eachField, range, type Range, textTag, trueTag } from './tags.ts'

const TAGS = 0x42
const KINDS: readonly (string | undefined)[] = [undefined, 'internal', 'server', 'client', 'producer', 'consumer']
const CHILD_OF = 0
const FOLLOWS_FROM = 1
/** Go counts durations in 64 bits: a longer one is no duration to it, and it would refuse all spans of the request. */
const LONGEST_NS = 2n ** 63n - 1n

/** What a span says beside what the index knows, found in one run over its fields. */
interface Rest {
  readonly links: Range[]
  readonly events: Range[]
  traceState: string
  droppedAttributes: number
  droppedEvents: number
  droppedLinks: number
  flags: number
}

/** `process` is written where the span is of another resource than the request. */
export function writeSpan(
  out: ByteWriter,
  index: RequestIndex,
  span: number,
  scopeTags: Uint8Array,
  process: Uint8Array | undefined,
): void {
  const { items, bytes } = index
  const row = span * column.ITEM_STRIDE
  const rest = restOf(index, span)
  const traceId = items[row + column.SPAN_TRACE_ID]!
  out.byte(0x0a)
  out.byte(16)
  range(out, bytes, traceId, traceId + 16)
  out.byte(0x12)
  out.byte(8)
  range(out, bytes, items[row + column.SPAN_ID]!, items[row + column.SPAN_ID]! + 8)
  out.byte(0x1a)
  out.varint(items[row + column.SPAN_NAME_END]! - items[row + column.SPAN_NAME_START]!)
  range(out, bytes, items[row + column.SPAN_NAME_START]!, items[row + column.SPAN_NAME_END]!)
  writeReferences(out, index, span, rest.links)
  if ((rest.flags & 1) === 1) {
    out.byte(0x28)
    out.byte(1)
  }
  writeTimes(out, index, span)
  out.raw(scopeTags)
  writeTags(out, index, span, rest)
  for (const event of rest.events) writeLog(out, bytes, event)
  if (process !== undefined) out.field(0x52, process)
}

function restOf({ items, bytes, view }: RequestIndex, span: number): Rest {
  const row = span * column.ITEM_STRIDE
  const rest: Rest = { links: [], events: [], traceState: '', droppedAttributes: 0, droppedEvents: 0, droppedLinks: 0, flags: 0 }
  eachField(bytes, items[row + column.START]!, items[row + column.END]!, (tag, start, end) => {
    if (tag === 0x1a) rest.traceState = bytes.toString('utf8', start, end)
    else if (tag === 0x50) rest.droppedAttributes = readUint32(bytes, start, end)
    else if (tag === 0x5a) rest.events.push({ start, end })
    else if (tag === 0x60) rest.droppedEvents = readUint32(bytes, start, end)
    else if (tag === 0x6a) rest.links.push({ start, end })
    else if (tag === 0x70) rest.droppedLinks = readUint32(bytes, start, end)
    else if (tag === 0x85) rest.flags = view.getUint32(start, true)
  })
  return rest
}

/** The parent first, for that is where backends look; a link to the parent says what kind of reference that is. */
function writeReferences(out: ByteWriter, { items, bytes }: RequestIndex, span: number, links: readonly Range[]): void {
  const row = span * column.ITEM_STRIDE
  const own = items[row + column.SPAN_TRACE_ID]!
  const parent = items[row + column.SPAN_PARENT_ID]!
  const found = links.map((link) => linkIn(bytes, link)).filter((link) => link !== undefined)
  const isParent = ({ traceId, spanId }: Link): boolean =>
    parent >= 0 &&
    bytes.compare(bytes, own, own + 16, traceId, traceId + 16) === 0 &&
    bytes.compare(bytes, parent, parent + 8, spanId, spanId + 8) === 0
  if (parent >= 0) writeReference(out, bytes, { traceId: own, spanId: parent, type: found.findLast(isParent)?.type ?? CHILD_OF })
  for (const link of found) if (!isParent(link)) writeReference(out, bytes, link)
}

interface Link {
  readonly traceId: number
  readonly spanId: number
  readonly type: number
}

/** `Link { bytes trace_id = 1; bytes span_id = 2; repeated KeyValue attributes = 4; }`; undefined where its ids are none. */
function linkIn(bytes: Buffer, { start, end }: Range): Link | undefined {
  let [traceId, spanId, type] = [-1, -1, FOLLOWS_FROM]
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x0a && to - from === 16) traceId = from
    else if (tag === 0x12 && to - from === 8) spanId = from
    else if (tag === 0x22 && isChildOf(bytes, from, to)) type = CHILD_OF
  })
  return traceId < 0 || spanId < 0 ? undefined : { traceId, spanId, type }
}

function isChildOf(bytes: Buffer, start: number, end: number): boolean {
  const { key, value } = attributeIn(bytes, start, end)
  return (
    bytes.toString('latin1', key.start, key.end) === 'opentracing.ref_type' &&
    bytes.toString('latin1', value.start, value.end).endsWith('child_of')
  )
}

function writeReference(out: ByteWriter, bytes: Buffer, { traceId, spanId, type }: Link): void {
  const body = out.begin(0x22)
  out.byte(0x0a)
  out.byte(16)
  range(out, bytes, traceId, traceId + 16)
  out.byte(0x12)
  out.byte(8)
  range(out, bytes, spanId, spanId + 8)
  if (type !== CHILD_OF) {
    out.byte(0x18)
    out.byte(type)
  }
  out.end(body)
}

function writeTimes(out: ByteWriter, { items, view }: RequestIndex, span: number): void {
  const row = span * column.ITEM_STRIDE
  const time = (which: number): bigint => (items[row + which]! < 0 ? 0n : view.getBigUint64(items[row + which]!, true))
  const start = time(column.SPAN_START_TIME)
  let duration = time(column.SPAN_END_TIME) - start
  if (duration > LONGEST_NS) duration = LONGEST_NS
  else if (duration < -LONGEST_NS) duration = -LONGEST_NS
  writeTime(out, 0x32, start)
  writeTime(out, 0x3a, duration)
}

/** Whole seconds and the nanoseconds beside them, of one sign. */
function writeTime(out: ByteWriter, tag: number, ns: bigint): void {
  const body = out.begin(tag)
  // Numbers are faster than big ones, and what takes less than a second is the most common of all.
  const isShort = ns >= 0n && ns < 1_000_000_000n
  writePart(out, 0x08, isShort ? 0 : Number(ns / 1_000_000_000n))
  writePart(out, 0x10, isShort ? Number(ns) : Number(ns % 1_000_000_000n))
  out.end(body)
}

/** An int64 that a double can hold; 0 is left out. */
function writePart(out: ByteWriter, tag: number, value: number): void {
  if (value === 0) return
  out.byte(tag)
  if (value > 0) out.varint(value)
  else out.int64(BigInt(value))
}

function writeTags(out: ByteWriter, index: RequestIndex, span: number, rest: Rest): void {
  const { items, attributes, bytes } = index
  const row = span * column.ITEM_STRIDE
  writeAttributes(out, TAGS, { attributes, bytes }, items[row + column.ATTRS_FIRST]!, items[row + column.ATTRS_END]!)
  const kind = KINDS[items[row + column.SPAN_KIND]!]
  if (kind !== undefined) textTag(out, TAGS, 'span.kind', kind)
  writeStatus(out, bytes, items[row + column.SPAN_STATUS_START]!, items[row + column.SPAN_STATUS_END]!)
  if (rest.traceState !== '') textTag(out, TAGS, 'w3c.tracestate', rest.traceState)
  if (rest.droppedAttributes > 0) countTag(out, TAGS, 'otel.dropped_attributes_count', rest.droppedAttributes)
  if (rest.droppedEvents > 0) countTag(out, TAGS, 'otel.dropped_events_count', rest.droppedEvents)
  if (rest.droppedLinks > 0) countTag(out, TAGS, 'otel.dropped_links_count', rest.droppedLinks)
}

/** Rows of the index's columns, but for `without`. */
export function writeAttributes(
  out: ByteWriter,
  tag: number,
  { attributes, bytes }: Pick<RequestIndex, 'attributes' | 'bytes'>,
  first: number,
  end: number,
  without = -1,
): void {
  for (let row = first; row < end; row += column.ATTR_STRIDE) {
    if (row === without) continue
    const key = { start: attributes[row + column.ATTR_KEY]!, end: attributes[row + column.ATTR_KEY_END]! }
    attributeTag(out, tag, bytes, key, { start: attributes[row + column.ATTR_VALUE]!, end: attributes[row + column.ATTR_VALUE_END]! })
  }
}

/** `Status { string message = 2; StatusCode code = 3; }` */
function writeStatus(out: ByteWriter, bytes: Buffer, start: number, end: number): void {
  if (start < 0) return
  let [code, message] = [0, '']
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x12) message = bytes.toString('utf8', from, to)
    else if (tag === 0x18) code = readUint32(bytes, from, to)
  })
  if (code === 1) textTag(out, TAGS, 'otel.status_code', 'OK')
  else if (code === 2) {
    textTag(out, TAGS, 'otel.status_code', 'ERROR')
    trueTag(out, TAGS, 'error')
  }
  if (message !== '') textTag(out, TAGS, 'otel.status_description', message)
}

/** `Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }` */
function writeLog(out: ByteWriter, bytes: Buffer, { start, end }: Range): void {
  let [time, name, dropped] = [0n, '', 0]
  const attributes: { readonly key: Range; readonly value: Range }[] = []
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x09) time = bytes.readBigUInt64LE(from)
    else if (tag === 0x12) name = bytes.toString('utf8', from, to)
    else if (tag === 0x1a) attributes.push(attributeIn(bytes, from, to))
    else if (tag === 0x20) dropped = readUint32(bytes, from, to)
  })
  const body = out.begin(0x4a)
  writeTime(out, 0x0a, time)
  const hasOwn = attributes.some(({ key }) => bytes.toString('latin1', key.start, key.end) === 'event')
  if (name !== '' && !hasOwn) textTag(out, 0x12, 'event', name)
  for (const { key, value } of attributes) attributeTag(out, 0x12, bytes, key, value)
  if (dropped > 0) countTag(out, 0x12, 'otel.dropped_attributes_count', dropped)
  out.end(body)
}

/** `KeyValue { string key = 1; AnyValue value = 2; }` */
function attributeIn(bytes: Buffer, start: number, end: number): { readonly key: Range; readonly value: Range } {
  const nothing = { start: end, end }
  let [key, value]: Range[] = [nothing, nothing]
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x0a) key = { start: from, end: to }
    else if (tag === 0x12) value = { start: from, end: to }
  })
  return { key: key!, value: value! }
}
