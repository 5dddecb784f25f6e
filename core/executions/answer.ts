// What a sender of the trace protocol is told of each message. Every transport sends the answer as it stands here; HTTP has a status beside it.

import { type Echo, echoOf, type Fault } from '../mplp/index.ts'

export interface Answer {
  readonly message_type: 'ack'
  /** `retry`: nothing happened, and the same message may come again. */
  readonly status: 'accepted' | 'duplicate' | 'rejected' | 'retry'
  readonly message_id?: string
  readonly correlation_id?: string
  /** What tells a message without an id from others. */
  readonly in_reply_to?: Omit<Echo, 'message_id' | 'correlation_id'>
  readonly errors?: readonly Fault[]
  readonly retry_after_ms?: number
}

/** An answer, and the status that it has over HTTP. */
export interface Told {
  readonly answer: Answer
  readonly httpStatus: 200 | 202 | 400 | 401 | 403 | 413 | 422 | 503
}

/** What an answer repeats of a message: all that need be kept of it to answer later. */
export type Reference = Pick<Answer, 'message_id' | 'correlation_id' | 'in_reply_to'>

/** To anything that was sent, message or not. */
export function referenceTo(message: unknown): Reference {
  const { message_id, correlation_id, ...rest } = echoOf(message)
  const correlation = correlation_id === undefined ? {} : { correlation_id }
  if (message_id !== undefined) return { message_id, ...correlation }
  return Object.keys(rest).length === 0 ? correlation : { ...correlation, in_reply_to: rest }
}

export function accepted(reference: Reference): Told {
  return { answer: { message_type: 'ack', status: 'accepted', ...reference }, httpStatus: 202 }
}

/** It was accepted before, and has changed nothing now. */
export function duplicate(reference: Reference): Told {
  return { answer: { message_type: 'ack', status: 'duplicate', ...reference }, httpStatus: 200 }
}

export function rejected(reference: Reference, errors: readonly Fault[], httpStatus: Told['httpStatus'] = 422): Told {
  return { answer: { message_type: 'ack', status: 'rejected', ...reference, errors }, httpStatus }
}

export function retry(reference: Reference, reason: string, retryAfterMs = 1000): Told {
  const errors = [{ path: '', message: reason }]
  return { answer: { message_type: 'ack', status: 'retry', ...reference, errors, retry_after_ms: retryAfterMs }, httpStatus: 503 }
}
