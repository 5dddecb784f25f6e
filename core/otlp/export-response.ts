// What an OTLP destination answers to an export request, in protobuf and JSON: receivers write it, exporters read it.
//
//   Export<Signal>ServiceResponse { Export<Signal>PartialSuccess partial_success = 1; }
//   Export<Signal>PartialSuccess  { int64 rejected_<items> = 1; string error_message = 2; }

import type { Signal } from '../batch.ts'
import { ByteWriter } from './byte-writer.ts'
import { parseObject } from './json-object.ts'
import { lastField, stringField, uintField } from './small-message.ts'

export type Encoding = 'protobuf' | 'json'

export interface PartialSuccess {
  /** 0 is a warning: everything was taken. */
  readonly rejected: number
  readonly message: string
}

const REJECTED: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
}

export function encodePartialSuccess(signal: Signal, encoding: Encoding, { rejected, message }: PartialSuccess): Buffer {
  if (encoding === 'json') {
    const counted = rejected === 0 ? {} : { [REJECTED[signal]]: String(rejected) }
    return Buffer.from(JSON.stringify({ partialSuccess: { ...counted, errorMessage: message.toWellFormed() } }))
  }
  const out = new ByteWriter(message.length + 32)
  const partial = out.begin(0x0a)
  if (rejected !== 0) {
    out.byte(0x08)
    out.varint(rejected)
  }
  if (message !== '') out.text(0x12, message)
  out.end(partial)
  return out.copy()
}

/** The partial success that `body` speaks of; undefined where it speaks of none, or is no response at all: the status said success. */
export function decodePartialSuccess(signal: Signal, encoding: Encoding, body: Uint8Array): PartialSuccess | undefined {
  const found = encoding === 'json' ? fromJson(REJECTED[signal], body) : fromProtobuf(body)
  return found === undefined || (found.rejected === 0 && found.message === '') ? undefined : found
}

function fromProtobuf(body: Uint8Array): PartialSuccess | undefined {
  const partial = lastField(body, 0x0a)
  if (partial === undefined) return undefined
  return { rejected: uintField(partial, 0x08), message: stringField(partial, 0x12) }
}

function fromJson(rejected: string, body: Uint8Array): PartialSuccess | undefined {
  const partial = parseObject(body)?.['partialSuccess']
  if (typeof partial !== 'object' || partial === null) return undefined
  const { [rejected]: count, errorMessage } = partial as Record<string, unknown>
  const number = Number(count ?? 0)
  return {
    rejected: Number.isSafeInteger(number) && number > 0 ? number : 0,
    message: typeof errorMessage === 'string' ? errorMessage : '',
  }
}
