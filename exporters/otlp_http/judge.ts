// What an answer means for the batch, by the rules of OTLP over HTTP: taken, taken in part, not now, never.

import { type Batch, PartialError, PermanentError, printable, RetryableError } from '../../core/index.ts'
import {
  CredentialsError,
  decodePartialSuccess,
  type Encoding,
  type HttpAnswer,
  retryAfterMs,
  statusMessage,
} from '../../core/client/index.ts'

/** Every other status is for good. */
const RETRYABLE = new Set([429, 502, 503, 504])
const UNAUTHORIZED = 401
const MAX_MESSAGE_LENGTH = 300

/** Returns where the batch was taken, and throws one of the three errors where not. */
export function judge(answer: HttpAnswer, url: string, batch: Batch, now: Date): void {
  const { status, headers, body } = answer
  const encoding: Encoding = String(headers['content-type'] ?? '').startsWith('application/json') ? 'json' : 'protobuf'
  if (status >= 200 && status < 300) {
    const partial = decodePartialSuccess(batch.signal, encoding, body)
    if (partial === undefined) return
    // A partial success is never sent again: what was refused cannot be told from what was taken.
    throw new PartialError(Math.min(partial.rejected, batch.count), short(partial.message))
  }
  const message = `POST ${url}: ${status}${reasonOf(status, headers, short(statusMessage(encoding, body)))}`
  if (status === UNAUTHORIZED) throw new CredentialsError(message)
  if (!RETRYABLE.has(status)) throw new PermanentError(message)
  const waitMs = retryAfterMs(headers['retry-after'], now)
  throw new RetryableError(message, waitMs === undefined ? {} : { retryAfterMs: waitMs })
}

function reasonOf(status: number, headers: HttpAnswer['headers'], message: string): string {
  if (message !== '') return ` ${message}`
  if (status >= 300 && status < 400) return ` to ${short(String(headers['location'] ?? 'nowhere'))}; redirects are not followed`
  return ''
}

/** What others wrote goes into our errors and logs: one line, and not too long a one. */
function short(text: string): string {
  return printable(text, MAX_MESSAGE_LENGTH)
}
