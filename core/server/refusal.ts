// The ways in which a door says no: the HTTP status, the gRPC code in the body, and a message that says what would be accepted.

import type { Signal } from '../batch.ts'
import {
  DEADLINE_EXCEEDED,
  INVALID_ARGUMENT,
  NOT_FOUND,
  PERMISSION_DENIED,
  RESOURCE_EXHAUSTED,
  UNAUTHENTICATED,
  UNAVAILABLE,
  UNIMPLEMENTED,
} from '../otlp/rpc-status.ts'

export interface Refusal {
  readonly httpStatus: number
  readonly code: number
  readonly message: string
  /** Beside Content-Type and Content-Length: names and values in turn. */
  readonly headers?: readonly string[]
  /** When to come again; RetryInfo where the answer is gRPC's. */
  readonly retryAfterMs?: number
}

export function badRequest(message: string): Refusal {
  return { httpStatus: 400, code: INVALID_ARGUMENT, message }
}

export function tooLarge(limitBytes: number): Refusal {
  return { httpStatus: 413, code: RESOURCE_EXHAUSTED, message: `the request is larger than ${limitBytes} bytes after decompression` }
}

/** The sender still has the data, and offers it again after a while. */
export function unavailable(message: string, retryAfterMs = 1000): Refusal {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
  return { httpStatus: 503, code: UNAVAILABLE, message, headers: ['Retry-After', String(seconds)], retryAfterMs }
}

export function unknownPath(path: string, known: readonly string[]): Refusal {
  return { httpStatus: 404, code: NOT_FOUND, message: `nothing is served at ${path}; known paths: ${known.join(', ')}` }
}

export function wrongMethod(method: string, allowed: 'GET' | 'POST'): Refusal {
  return { httpStatus: 405, code: UNIMPLEMENTED, message: `${method} is not supported here; use ${allowed}`, headers: ['Allow', allowed] }
}

export function wrongType(found: string | undefined, accepted: readonly string[]): Refusal {
  return { httpStatus: 415, code: INVALID_ARGUMENT, message: `Content-Type is ${found ?? 'missing'}; accepted: ${accepted.join(' or ')}` }
}

const CODINGS: ReadonlySet<string> = new Set(['gzip', 'deflate', 'zstd'])

export function wrongCoding(found: string, codings: ReadonlySet<string> = CODINGS): Refusal {
  const accepted = [...codings].filter((coding) => coding !== '').join(', ')
  return {
    httpStatus: 415,
    code: INVALID_ARGUMENT,
    message: `Content-Encoding is ${found}; accepted: ${codings.has('') ? 'none or ' : ''}one of ${accepted}`,
    headers: ['Accept-Encoding', accepted],
  }
}

/** The protocol knows the signal, and this configuration has nowhere to send it. */
export function signalNotTaken(signal: Signal): Refusal {
  return { httpStatus: 404, code: UNIMPLEMENTED, message: `no pipeline takes ${signal} from this receiver` }
}

export function tooSlow(): Refusal {
  return { httpStatus: 408, code: DEADLINE_EXCEEDED, message: 'the request did not arrive in time' }
}

/** Known, and not allowed. Which roles would be is not told. */
export function forbidden(): Refusal {
  return { httpStatus: 403, code: PERMISSION_DENIED, message: 'whoever sends this may not' }
}

export function unauthenticated(message: string): Refusal {
  return { httpStatus: 401, code: UNAUTHENTICATED, message }
}
