// A batch of spans as one request to Jaeger's collector. The exporter `jaeger` sends it where it speaks api_v2.
//
//   PostSpansRequest { Batch batch = 1; }    Batch { repeated Span spans = 1; Process process = 2; }
//   Process { string service_name = 1; repeated KeyValue tags = 2; }

import type { Batch } from '../batch.ts'
import { readAnyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'
import { findAttribute } from '../otlp/find-attribute.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { indexChunk } from '../otlp/requests.ts'
import { writeAttributes, writeSpan } from './span.ts'
import { eachField, textOf, textTag } from './tags.ts'

const SERVICE_NAME = Buffer.from('service.name')
/** What Jaeger itself calls the process of a resource that says nothing, and takes for that when it reads it. */
const NO_SERVICE = 'OTLPResourceNoServiceName'
const TAGS = 0x42

/**
 * One request for all resources of a batch, so that it is taken whole or not at all: the first resource is the request's process, and spans of
 * others carry their own.
 */
export function postSpansRequest({ chunks }: Batch): Buffer {
  const out = new ByteWriter(65_536)
  const body = out.begin(0x0a)
  let first: Buffer | undefined
  for (const chunk of chunks) {
    const index = indexChunk('traces', chunk)
    for (let resource = 0; resource < index.resourceCount; resource++) {
      const process = processOf(index, resource)
      first ??= process
      writeResource(out, index, resource, process.equals(first) ? undefined : process)
    }
  }
  if (first !== undefined) out.field(0x12, first)
  out.end(body)
  return out.copy()
}

function writeResource(out: ByteWriter, index: RequestIndex, resource: number, process: Buffer | undefined): void {
  const { resources, scopes } = index
  const row = resource * column.ENVELOPE_STRIDE
  for (let scope = resources[row + column.CHILD_FIRST]!; scope < resources[row + column.CHILD_END]!; scope++) {
    const scopeTags = scopeTagsOf(index, scope)
    const at = scope * column.ENVELOPE_STRIDE
    for (let span = scopes[at + column.CHILD_FIRST]!; span < scopes[at + column.CHILD_END]!; span++) {
      const body = out.begin(0x0a)
      writeSpan(out, index, span, scopeTags, process)
      out.end(body)
    }
  }
}

/** The body of a Process. */
function processOf(index: RequestIndex, resource: number): Buffer {
  const { resources, attributes, bytes } = index
  const row = resource * column.ENVELOPE_STRIDE
  const [first, end] = [resources[row + column.ATTRS_FIRST]!, resources[row + column.ATTRS_END]!]
  const service = findAttribute(index, first, end, SERVICE_NAME)
  const out = new ByteWriter(256)
  if (first >= end) out.text(0x0a, NO_SERVICE)
  else if (service >= 0) {
    const value = readAnyValue(bytes, attributes[service + column.ATTR_VALUE]!, attributes[service + column.ATTR_VALUE_END]!)
    out.text(0x0a, typeof value === 'string' ? value : textOf(value))
  }
  writeAttributes(out, 0x12, index, first, end, service)
  return out.copy()
}

/** `InstrumentationScope { string name = 1; string version = 2; }`, as tags of each of its spans. */
function scopeTagsOf({ scopes, bytes }: RequestIndex, scope: number): Buffer {
  const row = scope * column.ENVELOPE_STRIDE
  const out = new ByteWriter(128)
  eachField(bytes, scopes[row + column.MESSAGE_START]!, scopes[row + column.MESSAGE_END]!, (tag, start, end) => {
    if (start === end) return
    if (tag === 0x0a) textTag(out, TAGS, 'otel.scope.name', bytes.toString('utf8', start, end))
    else if (tag === 0x12) textTag(out, TAGS, 'otel.scope.version', bytes.toString('utf8', start, end))
  })
  return out.copy()
}
