// What `MessageTrust` says of a message: it may be believed, or why not.

import type { Origin } from '../batch.ts'

/** JSON as `JSON.parse` gives it. */
export type JsonObject = Readonly<Record<string, unknown>>

/** `path` is a JSON pointer into the message. The words name the fault and give nothing away: no key, no value, not which senders are known. */
export interface Reason {
  readonly path: string
  readonly message: string
}

export interface Trusted {
  readonly ok: true
  /** With its payload readable. The same object as came in where nothing was sealed. */
  readonly message: JsonObject
  /** Whom the token in the message names, where that was checked; otherwise the connection's. */
  readonly origin: Origin
  /** The canonical form of `message` without its `security`, where it was made to check that. */
  readonly text?: string
  /** A seal or a signature with the sender's own key was checked: who it says has sent it has, whoever passed it on. */
  readonly proved?: true
}

export interface Rejection {
  readonly ok: false
  /**
   * `malformed` is for HTTP's 422; `unauthenticated` 401: no token, or one that is not good; `untrusted` 403: seal, signature, time or
   * encryption; `unavailable` 503: whoever could tell cannot be asked now, so the message may come again.
   */
  readonly kind: 'malformed' | 'unauthenticated' | 'untrusted' | 'unavailable'
  readonly reasons: readonly Reason[]
}
export type Verdict = Trusted | Rejection

export function rejection(kind: Rejection['kind'], path: string, message: string): Rejection {
  return { ok: false, kind, reasons: [{ path, message }] }
}
