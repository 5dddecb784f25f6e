// Logs in plain objects, for tests: into the bytes of a request, and back.

import { ANONYMOUS, type Batch } from '../batch.ts'
import { type AttributeValue, writeAnyValue } from '../otlp/any-value.ts'
import type { ByteWriter } from '../otlp/byte-writer.ts'
import { RequestEdits } from '../otlp/edits.ts'
import { LogRecordCursor } from '../otlp/log-record-cursor.ts'
import { indexChunk } from '../otlp/requests.ts'
import { NEW_YEAR, type PlainAttributes, type PlainEnvelope, encodeRequest, writeAttributes, writeFixed64, writeNumber } from './plain.ts'

/** Everything has a default; ids are absent where they are not given. */
export interface PlainLogRecord {
  readonly timeUnixNano?: bigint
  readonly observedTimeUnixNano?: bigint
  readonly severityNumber?: number
  readonly severityText?: string
  readonly body?: AttributeValue | undefined
  readonly eventName?: string
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
  readonly attributes?: PlainAttributes
}

export interface PlainLogsResource extends PlainEnvelope {
  readonly logRecords: readonly PlainLogRecord[]
}

/** The bytes of an export request. */
export function encodeLogs(resources: readonly PlainLogsResource[]): Buffer {
  return encodeRequest(resources, (out, { logRecords }) => {
    for (const record of logRecords) writeRecord(out, record)
  })
}

function writeRecord(out: ByteWriter, record: PlainLogRecord): void {
  const { timeUnixNano = NEW_YEAR, severityNumber = 9, severityText = '', attributes = {}, traceId = '', spanId = '', flags = 0 } = record
  const { eventName = '' } = record
  const body = out.begin(0x12)
  writeFixed64(out, 0x09, timeUnixNano)
  writeNumber(out, 0x10, severityNumber)
  if (severityText !== '') out.text(0x1a, severityText)
  if (record.body !== undefined) {
    const value = out.begin(0x2a)
    writeAnyValue(out, record.body)
    out.end(value)
  }
  writeAttributes(out, 0x32, attributes)
  if (flags !== 0) {
    out.varint(0x45)
    out.reserve(4)
    out.at = out.bytes.writeUInt32LE(flags, out.at)
  }
  if (traceId !== '') out.field(0x4a, Buffer.from(traceId, 'hex'))
  if (spanId !== '') out.field(0x52, Buffer.from(spanId, 'hex'))
  writeFixed64(out, 0x59, record.observedTimeUnixNano ?? timeUnixNano)
  if (eventName !== '') out.text(0x62, eventName)
  out.end(body)
}

/** A batch of one chunk. */
export function logsBatch(resources: readonly PlainLogsResource[]): Batch {
  const count = resources.reduce((sum, { logRecords }) => sum + logRecords.length, 0)
  return { signal: 'logs', chunks: [encodeLogs(resources)], count, origin: ANONYMOUS }
}

/** A batch of `count` log records of one resource that differ in their body and their `n`, which counts from `first`. */
export function numberedLogRecords(count: number, first = 0): Batch {
  const logRecords = Array.from({ length: count }, (_, i) => ({ body: `record ${first + i}`, attributes: { n: first + i } }))
  return logsBatch([{ resource: { 'service.name': 'test' }, scopeName: 'tests', logRecords }])
}

/** Every log record of a batch or a request, decoded, with its resource and scope. */
export function readLogRecords(
  source: Batch | Uint8Array,
): (Required<PlainLogRecord> & { readonly resource: PlainAttributes; readonly scopeName: string })[] {
  const chunks = source instanceof Uint8Array ? [source] : source.chunks
  return chunks.flatMap((chunk) => {
    const edits = new RequestEdits(indexChunk('logs', chunk))
    const record = new LogRecordCursor(edits, () => {})
    return Array.from({ length: edits.index.itemCount }, (_, i) => {
      record.moveTo(i)
      const { timeUnixNano, observedTimeUnixNano, severityNumber, severityText, body, eventName, traceId, spanId, flags, scopeName } =
        record
      const attributes = Object.fromEntries(record.attributes)
      const resource = Object.fromEntries(record.resource)
      const ids = { traceId, spanId, flags }
      return { timeUnixNano, observedTimeUnixNano, severityNumber, severityText, body, eventName, ...ids, attributes, resource, scopeName }
    })
  })
}
