// Traces in plain objects, for tests: into the bytes of a request, and back.

import { randomBytes } from 'node:crypto'
import { ANONYMOUS, type Batch } from '../batch.ts'
import type { ByteWriter } from '../otlp/byte-writer.ts'
import { SpanCursor } from '../otlp/span-cursor.ts'
import { RequestEdits } from '../otlp/edits.ts'
import { indexChunk } from '../otlp/requests.ts'
import { NEW_YEAR, type PlainAttributes, type PlainEnvelope, encodeRequest, writeAttributes, writeFixed64 } from './plain.ts'

/** Everything has a default; ids are random where they are not given. */
export interface PlainSpan {
  readonly traceId?: string
  readonly spanId?: string
  readonly traceState?: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startTimeUnixNano?: bigint
  readonly endTimeUnixNano?: bigint
  readonly statusCode?: 0 | 1 | 2
  readonly attributes?: PlainAttributes
}

export interface PlainResource extends PlainEnvelope {
  readonly spans: readonly PlainSpan[]
}

/** The bytes of an export request. */
export function encodeTraces(resources: readonly PlainResource[]): Buffer {
  return encodeRequest(resources, (out, { spans }) => {
    for (const span of spans) writeSpan(out, span)
  })
}

function writeSpan(out: ByteWriter, span: PlainSpan): void {
  const { name = 'operation', kind = 2, startTimeUnixNano = NEW_YEAR, statusCode = 0, attributes = {} } = span
  const body = out.begin(0x12)
  out.field(0x0a, span.traceId === undefined ? randomBytes(16) : Buffer.from(span.traceId, 'hex'))
  out.field(0x12, span.spanId === undefined ? randomBytes(8) : Buffer.from(span.spanId, 'hex'))
  if (span.traceState !== undefined && span.traceState !== '') out.text(0x1a, span.traceState)
  if (span.parentSpanId !== undefined && span.parentSpanId !== '') out.field(0x22, Buffer.from(span.parentSpanId, 'hex'))
  out.text(0x2a, name)
  out.varint(0x30)
  out.varint(kind)
  writeFixed64(out, 0x39, startTimeUnixNano)
  writeFixed64(out, 0x41, span.endTimeUnixNano ?? startTimeUnixNano + 1_000_000n)
  writeAttributes(out, 0x4a, attributes)
  if (statusCode !== 0) {
    const status = out.begin(0x7a)
    out.varint(0x18)
    out.varint(statusCode)
    out.end(status)
  }
  out.end(body)
}

/** A batch of one chunk. */
export function tracesBatch(resources: readonly PlainResource[]): Batch {
  const count = resources.reduce((sum, { spans }) => sum + spans.length, 0)
  return { signal: 'traces', chunks: [encodeTraces(resources)], count, origin: ANONYMOUS }
}

/** A batch of `count` spans of one resource that differ in their ids and their `n`, which counts from `first`. */
export function numberedSpans(count: number, first = 0): Batch {
  const spans = Array.from({ length: count }, (_, i) => ({ name: `span ${first + i}`, attributes: { n: first + i } }))
  return tracesBatch([{ resource: { 'service.name': 'test' }, scopeName: 'tests', spans }])
}

/** Every span of a batch or a request, decoded, with its resource and scope. */
export function readSpans(
  source: Batch | Uint8Array,
): (Required<PlainSpan> & { readonly resource: PlainAttributes; readonly scopeName: string })[] {
  const chunks = source instanceof Uint8Array ? [source] : source.chunks
  return chunks.flatMap((chunk) => {
    const edits = new RequestEdits(indexChunk('traces', chunk))
    const span = new SpanCursor(edits, () => {})
    return Array.from({ length: edits.index.itemCount }, (_, i) => {
      span.moveTo(i)
      const { traceId, spanId, traceState, parentSpanId, name, kind, startTimeUnixNano, endTimeUnixNano, statusCode, scopeName } = span
      const ids = { traceId, spanId, traceState, parentSpanId }
      const attributes = Object.fromEntries(span.attributes)
      const resource = Object.fromEntries(span.resource)
      return { ...ids, name, kind, startTimeUnixNano, endTimeUnixNano, statusCode, attributes, resource, scopeName }
    })
  })
}
