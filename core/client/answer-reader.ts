// Collects one answer to a request of HttpSender: a handler of undici's own interface, because its streams cost as much as the request.

import type { Dispatcher } from 'undici'
import { RetryableError } from '../errors.ts'
import { BrokenConnectionError } from './retry.ts'

/** The most that is read of an answer; the rest is left, and the connection closed. */
export const MAX_ANSWER_BYTES: number = 4 * 1024 * 1024

const EMPTY = Buffer.alloc(0)

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** At most MAX_ANSWER_BYTES of it; of a longer one, nothing after them was read. */
  readonly body: Buffer
}

export class AnswerReader implements Dispatcher.DispatchHandler {
  readonly answer: Promise<HttpAnswer>
  readonly #resolve: (answer: HttpAnswer) => void
  readonly #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #aborted: Error | undefined
  #status = 0
  #headers: HttpAnswer['headers'] = {}
  #pieces: Buffer[] = []
  #length = 0

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
    this.answer = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Ends the attempt, also where it has not begun because every connection is busy. */
  abort(reason: Error): void {
    this.#aborted = reason
    this.#controller?.abort(reason)
    this.#reject(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HttpAnswer['headers']): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    const room = MAX_ANSWER_BYTES - this.#length
    this.#pieces.push(piece.length <= room ? piece : piece.subarray(0, room))
    this.#length += Math.min(piece.length, room)
    if (piece.length <= room) return
    this.onResponseEnd()
    controller.abort(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`))
  }

  onResponseEnd(): void {
    const body = this.#pieces.length === 0 ? EMPTY : Buffer.concat(this.#pieces, this.#length)
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof RetryableError) return this.#reject(error)
    const Kind = this.#status === 0 && isBroken(error) ? BrokenConnectionError : RetryableError
    this.#reject(new Kind(reasonOf(error), { cause: error }))
  }
}

/** What happens to a connection that stood, as against one that could not be made. */
const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

function isBroken(error: Error): boolean {
  return BROKEN.has((error as NodeJS.ErrnoException).code ?? '')
}

/** A host with several addresses fails with one error for each and no words of its own. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map((each: Error) => each.message).join('; ')
  return error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message
}
