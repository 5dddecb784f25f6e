// The way of a batch to a destination, as every exporter of OTLP goes it: encoded once, tried until it is answered for good or nobody
// waits any more, with credentials and a line in the log. The exporter brings the attempt.

import type { Batch } from '../batch.ts'
import type { ClientAuthenticator, Settings } from '../component.ts'
import { PartialError, PermanentError, RetryableError } from '../errors.ts'
import { FaultLog } from './fault-log.ts'
import { InFlight } from './in-flight.ts'
import { Retry } from './retry.ts'
import type { RetryOptions } from './retry-options.ts'

/** The destination does not believe our credentials. Newer ones may help, once; else it is for good. */
export class CredentialsError extends PermanentError {}

export interface DeliveryOptions<B> {
  readonly settings: Settings
  readonly retry: RetryOptions
  /** Of one attempt. */
  readonly timeoutMs: number
  /** How errors name the destination. */
  readonly target: string
  readonly auth?: ClientAuthenticator | undefined
  readonly encode: (batch: Batch) => Promise<B>
  /** Sends once; rejects with one of the errors of `consume`. */
  readonly attempt: (batch: Batch, body: B, credentials: Readonly<Record<string, string>>, timeoutMs: number) => Promise<void>
  /** Closes every connection now. */
  readonly destroy: () => Promise<void>
}

const NO_CREDENTIALS = Promise.resolve({})

export class Delivery<B> {
  readonly #options: DeliveryOptions<B>
  readonly #retry: Retry
  readonly #faults: FaultLog
  readonly #refusals: FaultLog
  readonly #inFlight = new InFlight()
  readonly #cut = new AbortController()
  #stopping = false

  constructor(options: DeliveryOptions<B>) {
    const { log, clock } = options.settings
    this.#options = options
    this.#retry = new Retry(options.retry, clock)
    this.#faults = new FaultLog(log, clock)
    this.#refusals = new FaultLog(log, clock)
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (batch.count === 0) return Promise.resolve()
    if (this.#stopping) return Promise.reject(new RetryableError(`${this.#options.settings.id} is stopping`))
    return this.#inFlight.run(() => this.#deliver(batch, deadlineMs))
  }

  /** Waits for what is in flight; `abort` ends it, and what was not answered is the sender's again. */
  async stop(abort: AbortSignal): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    const cut = (): void => {
      this.#cut.abort()
      void this.#options.destroy()
    }
    abort.addEventListener('abort', cut, { once: true })
    if (abort.aborted) cut()
    await this.#inFlight.idle()
    abort.removeEventListener('abort', cut)
    await this.#options.destroy()
  }

  async #deliver(batch: Batch, deadlineMs: number): Promise<void> {
    const body = await this.#options.encode(batch)
    await this.#retry.run(() => this.#told(this.#withCredentials(batch, body, deadlineMs)), deadlineMs, this.#cut.signal)
  }

  /** An operator learns from the log what senders learn from their answers. */
  async #told(attempt: Promise<void>): Promise<void> {
    try {
      await attempt
      this.#faults.worked()
    } catch (error) {
      if (error instanceof PartialError)
        this.#refusals.failed(error.message, 'the destination took a part; senders are told how much it refused')
      else if (error instanceof PermanentError) this.#refusals.failed(error.message, 'the destination refuses data for good')
      else this.#faults.failed(reasonOf(error), 'the destination does not take data now')
      throw error
    }
  }

  /** Credentials may have been withdrawn before their time: whoever can get new ones is asked for them, once. */
  async #withCredentials(batch: Batch, body: B, deadlineMs: number): Promise<void> {
    const { auth } = this.#options
    try {
      await this.#attempt(batch, body, deadlineMs)
    } catch (error) {
      if (!(error instanceof CredentialsError) || auth?.refused === undefined) throw error
      auth.refused()
      await this.#attempt(batch, body, deadlineMs)
    }
  }

  async #attempt(batch: Batch, body: B, deadlineMs: number): Promise<void> {
    const { auth, attempt } = this.#options
    const credentials = await (auth === undefined ? NO_CREDENTIALS : this.#credentials(auth, deadlineMs))
    await attempt(batch, body, credentials, this.#leftMs(deadlineMs))
  }

  /** An extension that does not answer costs no more than the time of an attempt, and does not hold up stopping. */
  async #credentials(auth: ClientAuthenticator, deadlineMs: number): Promise<Readonly<Record<string, string>>> {
    const { settings, target } = this.#options
    const { promise: over, reject } = Promise.withResolvers<never>()
    const end = (why: string) => (): void => reject(new RetryableError(`no credentials for ${target}: ${why}`))
    const timeoutMs = this.#leftMs(deadlineMs)
    const timer = settings.clock.after(timeoutMs, end(`none came within ${Math.round(timeoutMs)} ms`))
    const cut = end('stopped before they came')
    this.#cut.signal.addEventListener('abort', cut, { once: true })
    if (this.#cut.signal.aborted) cut()
    try {
      return await Promise.race([auth.headers(), over])
    } finally {
      timer.cancel()
      this.#cut.signal.removeEventListener('abort', cut)
    }
  }

  /** What one attempt has, in milliseconds: never 0. */
  #leftMs(deadlineMs: number): number {
    const { settings, target } = this.#options
    const leftMs = Math.min(this.#options.timeoutMs, deadlineMs - settings.clock.monotonicMs())
    if (leftMs <= 0) throw new RetryableError(`no time is left to send to ${target}`)
    return leftMs
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
