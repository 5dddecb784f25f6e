// What the messages of one request produced, on its way into the pipelines as one batch a signal and origin, and what became of each of them.

import type { Origin, Signal } from '../batch.ts'
import type { Consumer } from '../component.ts'
import type { Items } from '../mplp/index.ts'
import { asConsumeError, PartialError, PermanentError, RetryableError } from '../errors.ts'

export type Next = Readonly<Partial<Record<Signal, Consumer>>>

/** Where something that was added went: ask it when the round was sent. */
export interface Place {
  readonly load: Load
  readonly piece: number
}

interface Load {
  readonly signal: Signal
  readonly origin: Origin
  /** Each is a request; so are all of them, end to end. */
  readonly pieces: Items[]
  /** Why all of it was not taken, or some pieces. */
  failure: Failure | undefined
  failures: (Failure | undefined)[] | undefined
}

export class Round {
  readonly #next: Next
  readonly #dropped: (signal: Signal, count: number) => void
  readonly #loads: Load[] = []

  /** `dropped` is told of what no pipeline takes. */
  constructor(next: Next, dropped: (signal: Signal, count: number) => void) {
    this.#next = next
    this.#dropped = dropped
  }

  /** Undefined where no pipeline takes it. */
  add(signal: Signal, origin: Origin, items: Items): Place | undefined {
    if (this.#next[signal] === undefined) {
      this.#dropped(signal, items.count)
      return undefined
    }
    let load = this.#loads.find((other) => other.signal === signal && other.origin === origin)
    if (load === undefined) this.#loads.push((load = { signal, origin, pieces: [], failure: undefined, failures: undefined }))
    return { load, piece: load.pieces.push(items) - 1 }
  }

  /** Settles when all of it has its fate. */
  async send(deadlineMs: number): Promise<void> {
    await Promise.all(this.#loads.map((load) => this.#send(load, deadlineMs)))
  }

  async #send(load: Load, deadlineMs: number): Promise<void> {
    const { pieces } = load
    load.failure = await this.#offer(load, pieces, deadlineMs)
    // What can never be taken may be one message's fault: then the others need not share it.
    if (!(load.failure instanceof PermanentError) || pieces.length === 1) return
    load.failures = await Promise.all(pieces.map((piece) => this.#offer(load, [piece], deadlineMs)))
  }

  /** As one chunk, in memory of its own. A destination that took the rest, and refused some items, has taken it as far as anybody knows. */
  async #offer({ signal, origin }: Load, pieces: readonly Items[], deadlineMs: number): Promise<Failure | undefined> {
    const chunk = Buffer.concat(pieces.map(({ bytes }) => bytes))
    const count = pieces.reduce((sum, piece) => sum + piece.count, 0)
    try {
      await this.#next[signal]!.consume({ signal, chunks: [chunk], count, origin }, deadlineMs)
      return undefined
    } catch (thrown) {
      const error = asConsumeError(thrown)
      return error instanceof PartialError ? undefined : error
    }
  }
}

/** Not now, or never. */
export type Failure = RetryableError | PermanentError

/** Why what went to these places was not taken: what may come again outweighs a refusal. Undefined where it was. */
export function failureOf(places: readonly Place[]): Failure | undefined {
  let refusal: PermanentError | undefined
  for (const { load, piece } of places) {
    const failure = load.failures === undefined ? load.failure : load.failures[piece]
    if (failure instanceof RetryableError) return failure
    refusal ??= failure
  }
  return refusal
}
