// What an answer means for the batch, by the rules of OTLP over gRPC: taken, taken in part, not now, never. GrpcExporter asks.

import { gunzipSync } from 'node:zlib'
import type { Batch } from '../batch.ts'
import { PartialError, PermanentError, RetryableError } from '../errors.ts'
import { decodePartialSuccess } from '../otlp/export-response.ts'
import { printable } from '../printable.ts'
import { MAX_ANSWER_BYTES } from './answer-reader.ts'
import { CredentialsError } from './delivery.ts'
import type { GrpcAnswer } from './grpc-call.ts'
import { retryInfoMs } from './retry-info.ts'

/** https://grpc.io/docs/guides/status-codes/ */
const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]
const RETRYABLE = new Set(['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'])
const MAX_MESSAGE_LENGTH = 300
const PREFIX_BYTES = 5

/** Returns where the batch was taken, and throws one of the three errors where not. */
export function judge(answer: GrpcAnswer, target: string, batch: Batch): void {
  judgeStatus(answer, target)
  judgeBody(answer, batch)
}

/** The status alone: of services that are not OTLP's. `passes` knows more that is only for now. */
export function judgeStatus(answer: GrpcAnswer, target: string, passes: (name: string, message: string) => boolean = () => false): void {
  const name = NAMES[answer.status] ?? `status ${answer.status}`
  if (name === 'OK') return
  const words = short(answer.message)
  const message = `${target}: ${name}${words === '' ? '' : ` ${words}`}`
  if (name === 'UNAUTHENTICATED') throw new CredentialsError(message)
  const waitMs = retryInfoMs(answer.details)
  // With RetryInfo a server that is out of room says that it will have some; without, that this is too much for it ever.
  const isRetryable = RETRYABLE.has(name) || (name === 'RESOURCE_EXHAUSTED' && waitMs !== undefined) || passes(name, answer.message)
  if (!isRetryable) throw new PermanentError(message)
  throw new RetryableError(message, waitMs === undefined ? {} : { retryAfterMs: waitMs })
}

/** A partial success is never sent again: what was refused cannot be told from what was taken. */
function judgeBody({ body, encoding }: GrpcAnswer, { signal, count }: Batch): void {
  const message = messageOf(body, encoding)
  const partial = message && decodePartialSuccess(signal, 'protobuf', message)
  if (partial !== undefined) throw new PartialError(Math.min(partial.rejected, count), short(partial.message))
}

/** Undefined where it cannot be read: the status said success. */
function messageOf(body: Buffer, encoding: string): Buffer | undefined {
  if (body.length <= PREFIX_BYTES) return undefined
  const message = body.subarray(PREFIX_BYTES, PREFIX_BYTES + body.readUInt32BE(1))
  if (body[0] === 0) return message
  try {
    return encoding === 'gzip' ? gunzipSync(message, { maxOutputLength: MAX_ANSWER_BYTES }) : undefined
  } catch {
    return undefined
  }
}

/** What others wrote goes into our errors and logs: one line, and not too long a one. */
function short(text: string): string {
  return printable(text, MAX_MESSAGE_LENGTH)
}
