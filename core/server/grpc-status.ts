// The status of gRPC as headers: `grpc-status`, `grpc-message`, and RetryInfo where the sender should come again.
//
//   google.rpc.Status    { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
//   google.protobuf.Any  { string type_url = 1; bytes value = 2; }
//   google.rpc.RetryInfo { google.protobuf.Duration retry_delay = 1; }
//   Duration             { int64 seconds = 1; int32 nanos = 2; }

import { ByteWriter } from '../otlp/byte-writer.ts'
import type { Refusal } from './refusal.ts'

const MAX_MESSAGE_LENGTH = 1024
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

/** Names and values in turn. */
export function statusHeaders({ code, message, retryAfterMs }: Refusal): string[] {
  const text = message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()
  const headers = ['grpc-status', String(code), 'grpc-message', percentEncoded(text)]
  if (retryAfterMs !== undefined) {
    const info = retryInfo(retryAfterMs)
    // The second is where the SDK for Python looks (opentelemetry-exporter-otlp-proto-grpc); the first is where everybody else does.
    headers.push('grpc-status-details-bin', inBase64(withDetail(code, text, info)), 'google.rpc.retryinfo-bin', inBase64(info))
  }
  return headers
}

/** The gRPC specification's Percent-Encoded: everything but printable ASCII, and the percent sign, as bytes of UTF-8. */
function percentEncoded(text: string): string {
  return text.replaceAll(/[^ -$&-~]+/g, (part) => {
    let encoded = ''
    for (const byte of Buffer.from(part)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    return encoded
  })
}

/** Binary headers have no padding. */
function inBase64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

function retryInfo(retryAfterMs: number): Buffer {
  const wholeMs = Math.max(1, Math.ceil(retryAfterMs))
  const out = new ByteWriter(32)
  const delay = out.begin(0x0a)
  out.byte(0x08)
  out.varint(Math.floor(wholeMs / 1000))
  out.byte(0x10)
  out.varint((wholeMs % 1000) * 1_000_000)
  out.end(delay)
  return out.copy()
}

function withDetail(code: number, message: string, info: Buffer): Buffer {
  const out = new ByteWriter(256)
  out.byte(0x08)
  out.varint(code)
  out.text(0x12, message)
  const any = out.begin(0x1a)
  out.text(0x0a, RETRY_INFO)
  out.field(0x12, info)
  out.end(any)
  return out.copy()
}
