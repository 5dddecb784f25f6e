// google.rpc.Status, the body of every OTLP/HTTP error, in protobuf and JSON: doors write it, exporters read it.
//
//   Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }

import { ByteWriter } from './byte-writer.ts'
import type { Encoding } from './export-response.ts'
import { parseObject } from './json-object.ts'
import { stringField } from './small-message.ts'

/** The codes of gRPC that the doors answer with. */
export const INVALID_ARGUMENT = 3
export const DEADLINE_EXCEEDED = 4
export const NOT_FOUND = 5
export const PERMISSION_DENIED = 7
export const RESOURCE_EXHAUSTED = 8
export const UNIMPLEMENTED = 12
export const INTERNAL = 13
export const UNAVAILABLE = 14
export const UNAUTHENTICATED = 16

export function encodeStatus(encoding: Encoding, code: number, message: string): Buffer {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message: message.toWellFormed() }))
  const out = new ByteWriter(message.length + 16)
  out.byte(0x08)
  out.varint(code)
  out.text(0x12, message)
  return out.copy()
}

/** The message of a status; empty where `body` holds none, or something else (a proxy's page). */
export function statusMessage(encoding: Encoding, body: Uint8Array): string {
  if (encoding === 'protobuf') return stringField(body, 0x12)
  const message = parseObject(body)?.['message']
  return typeof message === 'string' ? message : ''
}
