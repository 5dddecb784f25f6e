// What the outbox asks of a way to the server, and how an attempt can fail.

import type { Fault } from './options.ts'

/** Of the server, to one message. */
export interface Answer {
  readonly status: 'accepted' | 'duplicate' | 'rejected' | 'retry'
  readonly message_id?: string
  readonly errors?: readonly Fault[]
  readonly retry_after_ms?: number
}

export interface Transport {
  /** How many batches may be on their way at once. */
  readonly window: number
  /** An answer for each text, in their order. It rejects where there are none: with `TooLarge`, or anything else for what may be sent again. */
  send(texts: readonly string[]): Promise<readonly Answer[]>
  /** The page is going away: what is sent from now on should outlive it. */
  leaving?(isLeaving: boolean): void
  /** What is on its way is rejected. */
  close(): void
}

/** The same may be sent again, at the earliest after so long. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs = 0) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** Fewer messages at once may pass; one alone never will. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge'
}

const STATUSES: ReadonlySet<unknown> = new Set(['accepted', 'duplicate', 'rejected', 'retry'])

export function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'status' in value && STATUSES.has(value.status)
}
