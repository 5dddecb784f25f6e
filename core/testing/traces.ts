// Traces in plain objects, for tests: into the bytes of a request, and back.

import { randomBytes } from 'node:crypto'
import { ANONYMOUS, type Batch } from '../batch.ts'
import { type AttributeValue, writeKeyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'
import { SpanCursor } from '../otlp/span-cursor.ts'
import { RequestEdits } from '../otlp/edits.ts'
import { indexChunk } from '../otlp/requests.ts'

export type PlainAttributes = Readonly<Record<string, AttributeValue>>

/** Everything has a default; ids are random where they are not given. */
export interface PlainSpan {
  readonly traceId?: string
  readonly spanId?: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startTimeUnixNano?: bigint
  readonly endTimeUnixNano?: bigint
  readonly statusCode?: 0 | 1 | 2
  readonly attributes?: PlainAttributes
}

export interface PlainResource {
  readonly resource?: PlainAttributes
  readonly scopeName?: string
  readonly spans: readonly PlainSpan[]
}

/** The bytes of an export request. */
export function encodeTraces(resources: readonly PlainResource[]): Buffer {
  const out = new ByteWriter(1024)
  for (const { resource = {}, scopeName = '', spans } of resources) {
    const resourceSpans = out.begin(0x0a)
    const message = out.begin(0x0a)
    writeAttributes(out, 0x0a, resource)
    out.end(message)
    const scopeSpans = out.begin(0x12)
    const scope = out.begin(0x0a)
    if (scopeName !== '') out.text(0x0a, scopeName)
    out.end(scope)
    for (const span of spans) writeSpan(out, span)
    out.end(scopeSpans)
    out.end(resourceSpans)
  }
  return out.copy()
}

function writeSpan(out: ByteWriter, span: PlainSpan): void {
  const { name = 'operation', kind = 2, startTimeUnixNano = 1_767_225_600_000_000_000n, statusCode = 0, attributes = {} } = span
  const body = out.begin(0x12)
  out.field(0x0a, span.traceId === undefined ? randomBytes(16) : Buffer.from(span.traceId, 'hex'))
  out.field(0x12, span.spanId === undefined ? randomBytes(8) : Buffer.from(span.spanId, 'hex'))
  if (span.parentSpanId !== undefined && span.parentSpanId !== '') out.field(0x22, Buffer.from(span.parentSpanId, 'hex'))
  out.text(0x2a, name)
  out.varint(0x30)
  out.varint(kind)
  writeTime(out, 0x39, startTimeUnixNano)
  writeTime(out, 0x41, span.endTimeUnixNano ?? startTimeUnixNano + 1_000_000n)
  writeAttributes(out, 0x4a, attributes)
  if (statusCode !== 0) {
    const status = out.begin(0x7a)
    out.varint(0x18)
    out.varint(statusCode)
    out.end(status)
  }
  out.end(body)
}

function writeTime(out: ByteWriter, tag: number, time: bigint): void {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(time)
  out.varint(tag)
  out.raw(bytes)
}

function writeAttributes(out: ByteWriter, tag: number, attributes: PlainAttributes): void {
  for (const [key, value] of Object.entries(attributes)) {
    const body = out.begin(tag)
    writeKeyValue(out, key, value)
    out.end(body)
  }
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
      const { traceId, spanId, parentSpanId, name, kind, startTimeUnixNano, endTimeUnixNano, statusCode, scopeName } = span
      const attributes = Object.fromEntries(span.attributes)
      const resource = Object.fromEntries(span.resource)
      return { traceId, spanId, parentSpanId, name, kind, startTimeUnixNano, endTimeUnixNano, statusCode, attributes, resource, scopeName }
    })
  })
}
