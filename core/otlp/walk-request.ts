// The walk: one pass over a request that validates all of it and fills the index. Every request goes through it once, so it is the
// hottest loop of the program. It knows the one layout that all SDKs write; whatever is laid out otherwise goes to the strict check.
// Traces, metrics and logs differ in their items alone.
//
//   ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
//   ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
//   ScopeSpans    { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
//   Resource      { repeated KeyValue attributes = 1; … }
//   InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; … }

import type { Signal } from '../batch.ts'
import { FAULT, ODD, faultOffset, faultReason } from './check.ts'
import * as column from './request-index.ts'
import { type RequestIndex, grown } from './request-index.ts'
import { type Message, Resource, Scope } from './schema.ts'
import { SHAPES, type Shapes } from './shapes.ts'
import { isUtf8 } from './utf8.ts'
import { walkAttribute } from './walk-attribute.ts'
import { MAX_ITEMS, checkPart, countOne, endOfMessage, endOfValue, noteOdd, noteRefused, readTag, refuseKnown } from './walk-frame.ts'
import { walkLogRecord } from './walk-log-record.ts'
import { walkMetric } from './walk-metric.ts'
import { walkSpan } from './walk-span.ts'
import { MalformedError, next } from './wire.ts'

/**
 * Validates `bytes` and notes in `index` where things are. `isText`: it was walked before, and what are strings in it is valid UTF-8 in attributes.
 * @throws MalformedError where the request itself is broken; a broken item is only noted as refused.
 */
export function walkRequest(signal: Signal, bytes: Uint8Array, index: RequestIndex, isText = false): void {
  index.begin(signal, bytes)
  if (isText) index.asciiEnd = bytes.length
  const shapes = SHAPES[signal]
  const end = bytes.length
  let p = 0
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    p = next
    if (tag === 0x0a) {
      const after = endOfMessage(bytes, p, end)
      walkOfResource(index, shapes, at, p, next, after)
      p = after
    } else {
      refuseKnown(shapes.request, tag, at)
      p = endOfValue(bytes, p, end, tag, 0)
    }
  }
}

/** ResourceSpans, ResourceMetrics or ResourceLogs. */
function walkOfResource(index: RequestIndex, shapes: Shapes, tagAt: number, lengthAt: number, start: number, end: number): void {
  const bytes = index.bytes
  if (index.resourceCount >= MAX_ITEMS) throw new MalformedError(tagAt, `the request holds more than ${MAX_ITEMS} resources`)
  const r = index.resourceCount * column.ENVELOPE_STRIDE
  index.resources = beginRow(index.resources, r, tagAt, lengthAt, start, end, -1, index.scopeCount)
  let schemaUrls = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    const valueAt = (p = next)
    switch (tag) {
      case 0x0a: {
        p = endOfMessage(bytes, p, end)
        // Twice, or after its scopes: legal, but whoever edits relies on one resource that comes first.
        if (index.resources[r + column.MESSAGE_TAG]! >= 0 || index.scopeCount > index.resources[r + column.CHILD_FIRST]!) index.odd = true
        walkOwner(index, index.resources, r, at, valueAt, next, p, Resource, 0x0a, 2)
        break
      }
      case 0x12: {
        p = endOfMessage(bytes, p, end)
        walkOfScope(index, shapes, at, valueAt, next, p)
        break
      }
      case 0x1a:
        p = endOfMessage(bytes, p, end)
        if (schemaUrls++ > 0) index.odd = true
        if (!isUtf8(bytes, index.view, next, p)) throw new MalformedError(at, "a resource's schema_url is not valid UTF-8")
        break
      default:
        refuseKnown(shapes.ofResource, tag, at)
        p = endOfValue(bytes, p, end, tag, 1)
    }
  }
  index.resources[r + column.CHILD_END] = index.scopeCount
  index.resourceCount++
}

/** A Resource or an InstrumentationScope: their attributes are noted, the rest is checked. */
function walkOwner(
  index: RequestIndex,
  table: Int32Array,
  row: number,
  tagAt: number,
  lengthAt: number,
  start: number,
  end: number,
  shape: Message,
  attributeTag: number,
  depth: number,
): void {
  const bytes = index.bytes
  const first = index.attributesEnd
  let onlyAttributes = true
  let p = start
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    p = next
    if (tag === attributeTag) {
      p = endOfMessage(bytes, p, end)
      const result = walkAttribute(index, at, next, p, end, depth + 1)
      if (result === FAULT) throw new MalformedError(faultOffset, `in ${shape === Resource ? 'a resource' : 'a scope'}, ${faultReason}`)
      if (result === ODD) index.odd = true
    } else {
      onlyAttributes = false
      p = endOfValue(bytes, p, end, tag, depth)
    }
  }
  if (!onlyAttributes) checkPart(index, start, end, shape, depth)
  table[row + column.MESSAGE_TAG] = tagAt
  table[row + column.MESSAGE_LENGTH] = lengthAt
  table[row + column.MESSAGE_START] = start
  table[row + column.MESSAGE_END] = end
  table[row + column.ATTRS_FIRST] = first
  table[row + column.ATTRS_END] = index.attributesEnd
}

/** ScopeSpans, ScopeMetrics or ScopeLogs. */
function walkOfScope(index: RequestIndex, shapes: Shapes, tagAt: number, lengthAt: number, start: number, end: number): void {
  const { bytes, signal } = index
  const ofMetrics = signal === 'metrics'
  if (index.scopeCount >= MAX_ITEMS) throw new MalformedError(tagAt, `the request holds more than ${MAX_ITEMS} scopes`)
  const scope = index.scopeCount++
  const c = scope * column.ENVELOPE_STRIDE
  const firstChild = ofMetrics ? index.metricCount : index.itemCount
  const scopes = (index.scopes = beginRow(index.scopes, c, tagAt, lengthAt, start, end, index.resourceCount, firstChild))
  let children = 0
  let schemaUrls = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    const valueAt = (p = next)
    switch (tag) {
      case 0x12: {
        p = endOfMessage(bytes, p, end)
        children++
        if (ofMetrics) {
          walkMetric(index, at, valueAt, next, p, scope)
          break
        }
        countOne(index, at)
        const result =
          signal === 'traces' ? walkSpan(index, at, valueAt, next, p, scope) : walkLogRecord(index, at, valueAt, next, p, scope)
        if (result === FAULT) noteRefused(index, at, p, scope, scopes, c)
        else if (result === ODD) noteOdd(index, scope)
        break
      }
      case 0x0a:
        p = endOfMessage(bytes, p, end)
        if (scopes[c + column.MESSAGE_TAG]! >= 0 || children > 0) index.odd = true
        walkOwner(index, scopes, c, at, valueAt, next, p, Scope, 0x1a, 3)
        break
      case 0x1a:
        p = endOfMessage(bytes, p, end)
        if (schemaUrls++ > 0) index.odd = true
        if (!isUtf8(bytes, index.view, next, p)) throw new MalformedError(at, "a scope's schema_url is not valid UTF-8")
        break
      default:
        refuseKnown(shapes.ofScope, tag, at)
        p = endOfValue(bytes, p, end, tag, 2)
    }
  }
  scopes[c + column.CHILD_END] = ofMetrics ? index.metricCount : index.itemCount
}

function beginRow(
  table: Int32Array,
  row: number,
  tagAt: number,
  lengthAt: number,
  start: number,
  end: number,
  parent: number,
  firstChild: number,
): Int32Array {
  const columns = grown(table, row + column.ENVELOPE_STRIDE)
  columns[row + column.TAG] = tagAt
  columns[row + column.LENGTH] = lengthAt
  columns[row + column.START] = start
  columns[row + column.END] = end
  columns[row + column.PARENT] = parent
  columns[row + column.ATTRS_FIRST] = columns[row + column.ATTRS_END] = 0
  columns[row + column.MESSAGE_TAG] = columns[row + column.MESSAGE_LENGTH] = -1
  columns[row + column.MESSAGE_START] = columns[row + column.MESSAGE_END] = -1
  columns[row + column.CHILD_FIRST] = columns[row + column.CHILD_END] = firstChild
  columns[row + column.REFUSED] = 0
  return columns
}
