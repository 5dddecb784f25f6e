// What an answer means for a request, by the rules of remote write: written, not now, never, or not in this message.

import { PermanentError, printable, RetryableError } from '../../core/index.ts'
import { CredentialsError, type HttpAnswer, retryAfterMs } from '../../core/client/index.ts'
import type { Counts } from './message.ts'

const UNAUTHORIZED = 401
const TOO_MANY = 429
const UNSUPPORTED = 415
const BAD_REQUEST = 400
const MAX_MESSAGE_LENGTH = 300

/** What the destination says that it has written; undefined where it says nothing, as those of 1.0. */
export function writtenOf(headers: HttpAnswer['headers']): Counts | undefined {
  const [samples, histograms, exemplars] = ['samples', 'histograms', 'exemplars'].map((what) => {
    const text = headers[`x-prometheus-remote-write-${what}-written`]
    return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined
  })
  if (samples === undefined && histograms === undefined && exemplars === undefined) return undefined
  return { samples: samples ?? 0, histograms: histograms ?? 0, exemplars: exemplars ?? 0 }
}

/**
 * Whether the destination does not read this message. One of 1.0 that does not look at the content type finds nothing in a message of 2.0,
 * and takes that for success: it says nothing of what it has written.
 */
export function isUnread({ status, headers }: HttpAnswer, version: 1 | 2, isKnown: boolean): boolean {
  if (version === 1 || writtenOf(headers) !== undefined) return false
  return status === UNSUPPORTED || isSuccess(status) || (status === BAD_REQUEST && !isKnown)
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/** The error that an answer other than success is. Its body is shown, and not interpreted. */
export function errorOf(answer: HttpAnswer, url: string, now: Date): Error {
  const { status, headers, body } = answer
  const said = printable(body.toString('utf8').trim(), MAX_MESSAGE_LENGTH)
  const where =
    status >= 300 && status < 400 ? ` to ${printable(String(headers['location'] ?? 'nowhere'), 100)}; redirects are not followed` : ''
  const message = `POST ${url}: ${status}${said === '' ? '' : ` ${said}`}${where}`
  if (status === UNAUTHORIZED) return new CredentialsError(message)
  if (status < 500 && status !== TOO_MANY) return new PermanentError(message)
  const waitMs = retryAfterMs(headers['retry-after'], now)
  return new RetryableError(message, waitMs === undefined ? {} : { retryAfterMs: waitMs })
}
