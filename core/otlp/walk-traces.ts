// The walk: one pass over a traces request that validates all of it and fills the index. Every request goes through it once, so it is
// the hottest loop of the program. It knows the one layout that all SDKs write; whatever is laid out otherwise goes to the strict check.
//
//   ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
//   ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
//   ScopeSpans    { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
//   Resource      { repeated KeyValue attributes = 1; … }

import { FAULT, ODD, checkMessage, faultOffset, faultReason } from './check.ts'
import { type Message, Resource, ResourceSpans, Scope, ScopeSpans, TracesRequest } from './schema.ts'
import * as column from './trace-index.ts'
import { type TraceIndex, grown } from './trace-index.ts'
import { isUtf8 } from './utf8.ts'
import { walkAttribute } from './walk-attribute.ts'
import { walkSpan } from './walk-span.ts'
import { MalformedError, next, readUint32, skipValue } from './wire.ts'

/** Spans, good and bad, that one request may hold. At two million empty ones in 4 MB this bounds the columns, not any real sender. */
export const MAX_SPANS: number = 1 << 20

/**
 * Validates `bytes` and notes in `index` where things are.
 * @throws MalformedError where the request itself is broken; a broken span is only noted as refused.
 */
export function walkTraces(bytes: Uint8Array, index: TraceIndex): void {
  index.begin(bytes)
  const end = bytes.length
  let p = 0
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    p = next
    if (tag === 0x0a) {
      const after = endOfMessage(bytes, p, end)
      walkResourceSpans(index, at, p, next, after)
      p = after
    } else {
      refuseKnown(TracesRequest, tag, at)
      p = endOfValue(bytes, p, end, tag, 0)
    }
  }
}

function walkResourceSpans(index: TraceIndex, tagAt: number, lengthAt: number, start: number, end: number): void {
  const bytes = index.bytes
  const r = index.resourceCount * column.RES_STRIDE
  index.resources = grown(index.resources, r + column.RES_STRIDE)
  index.resources.fill(-1, r, r + column.RES_STRIDE)
  index.resources[r + column.RES_TAG] = tagAt
  index.resources[r + column.RES_LENGTH] = lengthAt
  index.resources[r + column.RES_START] = start
  index.resources[r + column.RES_END] = end
  index.resources[r + column.RES_ATTR_FIRST] = index.resources[r + column.RES_ATTR_END] = 0
  index.resources[r + column.RES_SCOPE_FIRST] = index.scopeCount
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
        if (index.resources[r + column.RES_MESSAGE_TAG]! >= 0 || index.scopeCount > index.resources[r + column.RES_SCOPE_FIRST]!)
          index.odd = true
        walkResource(index, r, at, valueAt, next, p)
        break
      }
      case 0x12: {
        p = endOfMessage(bytes, p, end)
        walkScopeSpans(index, at, valueAt, next, p)
        break
      }
      case 0x1a:
        p = endOfMessage(bytes, p, end)
        if (schemaUrls++ > 0) index.odd = true
        if (!isUtf8(bytes, index.view, next, p)) throw new MalformedError(at, "a resource's schema_url is not valid UTF-8")
        break
      default:
        refuseKnown(ResourceSpans, tag, at)
        p = endOfValue(bytes, p, end, tag, 1)
    }
  }
  index.resources[r + column.RES_SCOPE_END] = index.scopeCount
  index.resourceCount++
}

function walkResource(index: TraceIndex, r: number, tagAt: number, lengthAt: number, start: number, end: number): void {
  const bytes = index.bytes
  const first = index.attributesEnd
  let onlyAttributes = true
  let p = start
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    p = next
    if (tag === 0x0a) {
      p = endOfMessage(bytes, p, end)
      const result = walkAttribute(index, at, next, p, end, 3)
      if (result === FAULT) throw new MalformedError(faultOffset, `in a resource, ${faultReason}`)
      if (result === ODD) index.odd = true
    } else {
      onlyAttributes = false
      p = endOfValue(bytes, p, end, tag, 2)
    }
  }
  if (!onlyAttributes) checkPart(index, start, end, Resource, 2)
  const resources = index.resources
  resources[r + column.RES_MESSAGE_TAG] = tagAt
  resources[r + column.RES_MESSAGE_LENGTH] = lengthAt
  resources[r + column.RES_MESSAGE_START] = start
  resources[r + column.RES_MESSAGE_END] = end
  resources[r + column.RES_ATTR_FIRST] = first
  resources[r + column.RES_ATTR_END] = index.attributesEnd
}

function walkScopeSpans(index: TraceIndex, tagAt: number, lengthAt: number, start: number, end: number): void {
  const bytes = index.bytes
  const scope = index.scopeCount++
  const c = scope * column.SCOPE_STRIDE
  const scopes = (index.scopes = grown(index.scopes, c + column.SCOPE_STRIDE))
  scopes[c + column.SCOPE_TAG] = tagAt
  scopes[c + column.SCOPE_LENGTH] = lengthAt
  scopes[c + column.SCOPE_START] = start
  scopes[c + column.SCOPE_END] = end
  scopes[c + column.SCOPE_RESOURCE] = index.resourceCount
  scopes[c + column.SCOPE_MESSAGE_START] = scopes[c + column.SCOPE_MESSAGE_END] = -1
  scopes[c + column.SCOPE_SPAN_FIRST] = index.spanCount
  scopes[c + column.SCOPE_REFUSED] = 0
  let schemaUrls = 0
  let p = start
  while (p < end) {
    const at = p
    const tag = readTag(bytes, p, end)
    const valueAt = (p = next)
    switch (tag) {
      case 0x12: {
        p = endOfMessage(bytes, p, end)
        if (index.spanCount + index.refusedCount >= MAX_SPANS)
          throw new MalformedError(at, `the request holds more than ${MAX_SPANS} spans`)
        const result = walkSpan(index, at, valueAt, next, p, scope)
        if (result === FAULT) noteRefused(index, at, p, scope)
        else if (result === ODD) noteOdd(index, scope)
        break
      }
      case 0x0a:
        p = endOfMessage(bytes, p, end)
        if (scopes[c + column.SCOPE_MESSAGE_START]! >= 0) index.odd = true
        scopes[c + column.SCOPE_MESSAGE_START] = next
        scopes[c + column.SCOPE_MESSAGE_END] = p
        checkPart(index, next, p, Scope, 3)
        break
      case 0x1a:
        p = endOfMessage(bytes, p, end)
        if (schemaUrls++ > 0) index.odd = true
        if (!isUtf8(bytes, index.view, next, p)) throw new MalformedError(at, "a scope's schema_url is not valid UTF-8")
        break
      default:
        refuseKnown(ScopeSpans, tag, at)
        p = endOfValue(bytes, p, end, tag, 2)
    }
  }
  scopes[c + column.SCOPE_SPAN_END] = index.spanCount
}

/** Counts a legal span whose columns could not be noted. */
function noteOdd(index: TraceIndex, scope: number): void {
  index.odd = true
  const s = index.spanCount++ * column.SPAN_STRIDE
  index.spans = grown(index.spans, s + column.SPAN_STRIDE)
  index.spans.fill(-1, s, s + column.SPAN_STRIDE)
  index.spans[s + column.SPAN_SCOPE] = scope
}

/** Notes the span in `[tagAt, end)` as refused. Neighbours share one range, so a flood of bad spans takes no memory. */
function noteRefused(index: TraceIndex, tagAt: number, end: number, scope: number): void {
  if (index.refusedCount++ === 0) index.refusedReason = `${faultReason} at byte ${faultOffset}`
  index.scopes[scope * column.SCOPE_STRIDE + column.SCOPE_REFUSED]!++
  const last = (index.refusedRanges - 1) * column.REFUSED_STRIDE
  if (last >= 0 && index.refused[last + column.REFUSED_END] === tagAt && index.refused[last + column.REFUSED_SCOPE] === scope) {
    index.refused[last + column.REFUSED_END] = end
    return
  }
  const at = index.refusedRanges++ * column.REFUSED_STRIDE
  index.refused = grown(index.refused, at + column.REFUSED_STRIDE)
  index.refused[at + column.REFUSED_TAG] = tagAt
  index.refused[at + column.REFUSED_END] = end
  index.refused[at + column.REFUSED_SCOPE] = scope
}

// What follows throws: outside of an item's own length there is nobody else to refuse.

function readTag(bytes: Uint8Array, p: number, end: number): number {
  const tag = readUint32(bytes, p, end)
  if (tag < 8) throw new MalformedError(p, 'no field begins')
  return tag
}

/** The end of the message whose length is at `p`; its start is in `next`. */
function endOfMessage(bytes: Uint8Array, p: number, end: number): number {
  const length = readUint32(bytes, p, end)
  if (length < 0 || next + length > end) throw new MalformedError(p, 'a message is longer than what holds it')
  return next + length
}

function endOfValue(bytes: Uint8Array, p: number, end: number, tag: number, depth: number): number {
  const after = skipValue(bytes, p, end, tag, depth)
  if (after < 0) throw new MalformedError(p, 'a field runs out of what holds it')
  return after
}

/** A known field arrives here only with a wire type that is not its own, or in a tag longer than it need be. */
function refuseKnown(shape: Message, tag: number, at: number): void {
  const field = shape.fields[tag >>> 3]
  if (field !== undefined) throw new MalformedError(at, `${shape.name}.${field.json} has wire type ${tag & 7} instead of ${field.wire}`)
}

function checkPart(index: TraceIndex, start: number, end: number, shape: Message, depth: number): void {
  const result = checkMessage(index.bytes, index.view, start, end, shape, depth)
  if (result === FAULT) throw new MalformedError(faultOffset, faultReason)
  if (result === ODD) index.odd = true
}
