// Takes one request of a signal from a door into the pipelines, and maps what becomes of it to the answer, whatever carried it. The receiver
// makes one for each signal.

import {
  type Admitted,
  asConsumeError,
  type Consumer,
  MalformedError,
  otlp,
  PartialError,
  PermanentError,
  rememberCompressed,
  type Settings,
  type Signal,
} from '../../core/index.ts'
import { badRequest, encodePartialSuccess, type Exchange, type Handle, type Refusal, unavailable } from '../../core/server/index.ts'
import type { RolesConfig } from '../../core/trust/index.ts'

/** What is behind the path or the method of a signal: work, or why there is none. */
export type Routes = (signal: Signal, timeoutMs: number, roles: RolesConfig | undefined) => Handle | Refusal

export class Intake {
  readonly #signal: Signal
  readonly #next: Consumer
  readonly #settings: Settings

  constructor(signal: Signal, next: Consumer, settings: Settings) {
    this.#signal = signal
    this.#next = next
    this.#settings = settings
  }

  /** `timeoutMs` is how long the pipelines may take, where the sender does not wait for less. */
  take(body: Uint8Array, exchange: Exchange, timeoutMs: number): void {
    const signal = this.#signal
    let admitted
    try {
      admitted = exchange.encoding === 'json' ? admitJson(signal, body) : otlp.admit(signal, body)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return exchange.refuse(badRequest(error.message))
    }
    const { chunk, count, refused, reason } = admitted
    if (refused > 0) this.#settings.drop(refused, 'malformed')
    if (count === 0) return this.#accept(exchange, refused, reason)
    if (exchange.compressed !== undefined && chunk === body) rememberCompressed(chunk, exchange.compressed)
    const deadlineMs = Math.min(this.#settings.clock.monotonicMs() + timeoutMs, exchange.startedMs + exchange.timeoutMs)
    this.#next.consume({ signal, chunks: [chunk], count, origin: exchange.origin }, deadlineMs).then(
      () => this.#accept(exchange, refused, reason),
      (thrown: unknown) => this.#fail(exchange, thrown, refused, reason),
    )
  }

  /** Success, with a partial success where there is something to tell. */
  #accept(exchange: Exchange, rejected: number, message: string): void {
    if (rejected === 0 && message === '') exchange.succeed()
    else exchange.succeed(encodePartialSuccess(this.#signal, exchange.encoding, { rejected, message }))
  }

  #fail(exchange: Exchange, thrown: unknown, refused: number, reason: string): void {
    const error = asConsumeError(thrown)
    if (error instanceof PermanentError) exchange.refuse(badRequest(error.message))
    else if (error instanceof PartialError) {
      const message = reason === '' ? error.message : `${reason}; ${error.message}`
      this.#accept(exchange, refused + error.refused, message)
    } else exchange.refuse(unavailable(error.message, error.retryAfterMs))
  }
}

/** What cannot be said in protobuf is refused before the walk sees it; the two are one number to the sender. */
function admitJson(signal: Signal, body: Uint8Array): Admitted {
  const { bytes, refused, reason } = otlp.fromJson(signal, body)
  const admitted = otlp.admit(signal, bytes)
  // Where the walk found a fault is a place in bytes that the sender has never seen.
  const walked = admitted.reason.replace(/ at byte \d+$/, '')
  return { ...admitted, refused: admitted.refused + refused, reason: reason === '' ? walked : reason }
}
