// Takes one request of traces from the door into the pipelines, and maps what becomes of it to the answer. The receiver calls it.

import {
  type Admitted,
  ANONYMOUS,
  asConsumeError,
  type Consumer,
  MalformedError,
  otlp,
  PartialError,
  PermanentError,
  type Settings,
} from '../../core/index.ts'
import { badRequest, encodePartialSuccess, type Exchange, tracesFromJson, unavailable } from '../../core/server/index.ts'

export class TracesIntake {
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #timeoutMs: number

  constructor(next: Consumer, settings: Settings, timeoutMs: number) {
    this.#next = next
    this.#settings = settings
    this.#timeoutMs = timeoutMs
  }

  take(body: Uint8Array, exchange: Exchange): void {
    let admitted
    try {
      admitted = exchange.encoding === 'json' ? admitJson(body) : otlp.admitTraces(body)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return exchange.refuse(badRequest(error.message))
    }
    const { chunk, count, refused, reason } = admitted
    if (refused > 0) this.#settings.drop(refused, 'malformed')
    if (count === 0) return accept(exchange, refused, reason)
    const deadlineMs = this.#settings.clock.monotonicMs() + this.#timeoutMs
    this.#next.consume({ signal: 'traces', chunks: [chunk], count, origin: ANONYMOUS }, deadlineMs).then(
      () => accept(exchange, refused, reason),
      (thrown: unknown) => fail(exchange, thrown, refused, reason),
    )
  }
}

/** What cannot be said in protobuf is refused before the walk sees it; the two are one number to the sender. */
function admitJson(body: Uint8Array): Admitted {
  const { bytes, refused, reason } = tracesFromJson(body)
  const admitted = otlp.admitTraces(bytes)
  // Where the walk found a fault is a place in bytes that the sender has never seen.
  const walked = admitted.reason.replace(/ at byte \d+$/, '')
  return { ...admitted, refused: admitted.refused + refused, reason: reason === '' ? walked : reason }
}

/** 200, with a partial success where there is something to tell. */
function accept(exchange: Exchange, rejected: number, message: string): void {
  if (rejected === 0 && message === '') exchange.succeed()
  else exchange.succeed(encodePartialSuccess('traces', exchange.encoding, { rejected, message }))
}

function fail(exchange: Exchange, thrown: unknown, refused: number, reason: string): void {
  const error = asConsumeError(thrown)
  if (error instanceof PermanentError) exchange.refuse(badRequest(error.message))
  else if (error instanceof PartialError) {
    const message = reason === '' ? error.message : `${reason}; ${error.message}`
    accept(exchange, refused + error.refused, message)
  } else exchange.refuse(unavailable(error.message, error.retryAfterMs))
}
