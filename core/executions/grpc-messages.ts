// What the gRPC service of the trace protocol carries, around the JSON: proto/mplp/v1/trace_protocol.proto. Receivers that serve it call this.
//
//   Messages { repeated bytes json = 1; }     Acks { repeated bytes json = 1; }
//   Envelope { bytes json = 1; }              Ack  { uint64 n = 1; bytes json = 2; }

import { ByteWriter } from '../otlp/byte-writer.ts'
import { next, readUint32, skipValue } from '../otlp/wire.ts'
import type { Answer } from './answer.ts'

const JSON_TAG = 0x0a
const NUMBER_TAG = 0x08
const ANSWER_TAG = 0x12

export const GRPC_METHODS = { send: '/mplp.v1.TraceProtocol/Send', exchange: '/mplp.v1.TraceProtocol/Exchange' } as const

/** The messages of `Messages`, or of an `Envelope`, which has one at most; undefined where it is no protobuf, or there are more than `most`. */
export function messagesIn(bytes: Uint8Array, most: number): readonly Uint8Array[] | undefined {
  const found: Uint8Array[] = []
  for (let p = 0; p < bytes.length;) {
    const tag = readUint32(bytes, p, bytes.length)
    if (tag < 8) return undefined
    const start = next
    p = skipValue(bytes, start, bytes.length, tag, 0)
    if (p < 0) return undefined
    if (tag !== JSON_TAG) continue
    const length = readUint32(bytes, start, bytes.length)
    if (found.push(bytes.subarray(next, next + length)) > most) return undefined
  }
  return found
}

export function acksOf(answers: readonly Answer[]): Buffer {
  const out = new ByteWriter(256 * answers.length)
  for (const answer of answers) out.field(JSON_TAG, Buffer.from(JSON.stringify(answer)))
  return out.copy()
}

export function ackOf(number: number, answer: Answer): Buffer {
  const out = new ByteWriter(320)
  out.varint(NUMBER_TAG)
  out.varint(number)
  out.field(ANSWER_TAG, Buffer.from(JSON.stringify(answer)))
  return out.copy()
}
