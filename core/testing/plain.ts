// What plain spans, data points and log records are written with; see traces.ts, metrics.ts and logs.ts.

import { type AttributeValue, writeKeyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'

export type PlainAttributes = Readonly<Record<string, AttributeValue>>

/** What plain items lie in, at every signal. */
export interface PlainEnvelope {
  readonly resource?: PlainAttributes
  readonly scopeName?: string
}

/** 2026-01-01, in nanoseconds. */
export const NEW_YEAR = 1_767_225_600_000_000_000n

/** The bytes of an export request: `write` puts what the scope holds, as its field 2. */
export function encodeRequest<E extends PlainEnvelope>(envelopes: readonly E[], write: (out: ByteWriter, envelope: E) => void): Buffer {
  const out = new ByteWriter(1024)
  for (const envelope of envelopes) {
    const { resource = {}, scopeName = '' } = envelope
    const ofResource = out.begin(0x0a)
    const message = out.begin(0x0a)
    writeAttributes(out, 0x0a, resource)
    out.end(message)
    const ofScope = out.begin(0x12)
    const scope = out.begin(0x0a)
    if (scopeName !== '') out.text(0x0a, scopeName)
    out.end(scope)
    write(out, envelope)
    out.end(ofScope)
    out.end(ofResource)
  }
  return out.copy()
}

export function writeAttributes(out: ByteWriter, tag: number, attributes: PlainAttributes): void {
  for (const [key, value] of Object.entries(attributes)) {
    const body = out.begin(tag)
    writeKeyValue(out, key, value)
    out.end(body)
  }
}

export function writeFixed64(out: ByteWriter, tag: number, value: bigint): void {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value))
  out.varint(tag)
  out.raw(bytes)
}

export function writeDouble(out: ByteWriter, tag: number, value: number): void {
  out.varint(tag)
  out.double(value)
}

/** A varint field, left out where it is 0. */
export function writeNumber(out: ByteWriter, tag: number, value: number): void {
  if (value === 0) return
  out.varint(tag)
  out.varint(value)
}
