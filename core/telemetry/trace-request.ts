// The program's own spans as an OTLP request.
//
//   ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
//   ScopeSpans    { InstrumentationScope scope = 1; repeated Span spans = 2; }
//   Span          { bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6; fixed64 start = 7;
//                   fixed64 end = 8; repeated KeyValue attributes = 9; Status status = 15; }
//   Status        { string message = 2; StatusCode code = 3; }

import { ByteWriter } from '../otlp/byte-writer.ts'
import { type Reported, writeAttributes, writeFixed64 } from './metrics-request.ts'
import type { OwnSpan } from './pipeline-tracer.ts'

const INTERNAL = 1
const ERROR = 2

export function traceRequest(spans: readonly OwnSpan[], from: Pick<Reported, 'resource' | 'scopeName' | 'scopeVersion'>): Buffer {
  const out = new ByteWriter(4096)
  const resourceSpans = out.begin(0x0a)
  const resource = out.begin(0x0a)
  writeAttributes(out, 0x0a, from.resource)
  out.end(resource)
  const scopeSpans = out.begin(0x12)
  const scope = out.begin(0x0a)
  out.text(0x0a, from.scopeName)
  out.text(0x12, from.scopeVersion)
  out.end(scope)
  for (const span of spans) writeSpan(out, span)
  out.end(scopeSpans)
  out.end(resourceSpans)
  return out.copy()
}

function writeSpan(out: ByteWriter, span: OwnSpan): void {
  const body = out.begin(0x12)
  out.field(0x0a, span.traceId)
  out.field(0x12, span.spanId)
  if (span.parentSpanId !== undefined) out.field(0x22, span.parentSpanId)
  out.text(0x2a, span.name)
  out.byte(0x30)
  out.byte(INTERNAL)
  writeFixed64(out, 0x39, span.startUnixNano)
  writeFixed64(out, 0x41, span.endUnixNano)
  writeAttributes(out, 0x4a, span.attributes)
  if (span.error !== undefined) {
    const status = out.begin(0x7a)
    out.text(0x12, span.error)
    out.byte(0x18)
    out.byte(ERROR)
    out.end(status)
  }
  out.end(body)
}
