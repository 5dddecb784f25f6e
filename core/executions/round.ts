// What the messages of one request produced, on its way into the pipelines as one batch a signal and origin, and what became of each of them.

import { type Batch, type Origin, type Signal } from '../batch.ts'
import type { Consumer } from '../component.ts'
import type { Items } from '../mplp/index.ts'
import { asConsumeError, type ConsumeError, PartialError, PermanentError, RetryableError } from '../errors.ts'

export type Next = Readonly<Partial<Record<Signal, Consumer>>>

/** Where something that was added went: ask it when the round was sent. */
export interface Place {
  readonly load: Load
  readonly chunk: number
}

interface Load {
  readonly signal: Signal
  readonly origin: Origin
  readonly chunks: Uint8Array[]
  count: number
  error: ConsumeError | undefined
}

export class Round {
  readonly #next: Next
  readonly #dropped: (signal: Signal, count: number) => void
  readonly #loads: Load[] = []
  readonly #sent = Promise.withResolvers<void>()

  /** `dropped` is told of what no pipeline takes. */
  constructor(next: Next, dropped: (signal: Signal, count: number) => void) {
    this.#next = next
    this.#dropped = dropped
  }

  /** Undefined where no pipeline takes it. */
  add(signal: Signal, origin: Origin, { bytes, count }: Items): Place | undefined {
    if (this.#next[signal] === undefined) {
      this.#dropped(signal, count)
      return undefined
    }
    let load = this.#loads.find((other) => other.signal === signal && other.origin === origin)
    if (load === undefined) this.#loads.push((load = { signal, origin, chunks: [], count: 0, error: undefined }))
    load.count += count
    return { load, chunk: load.chunks.push(bytes) - 1 }
  }

  /** Settles when all of it has its fate. */
  get sent(): Promise<void> {
    return this.#sent.promise
  }

  async send(deadlineMs: number): Promise<void> {
    await Promise.all(this.#loads.map((load) => this.#send(load, deadlineMs)))
    this.#sent.resolve()
  }

  async #send(load: Load, deadlineMs: number): Promise<void> {
    const batch: Batch = { signal: load.signal, chunks: load.chunks, count: load.count, origin: load.origin }
    try {
      await this.#next[load.signal]!.consume(batch, deadlineMs)
    } catch (thrown) {
      load.error = asConsumeError(thrown)
    }
  }
}

/** Not now, or never. */
export type Failure = RetryableError | PermanentError

/** Why what went to these places was not taken: what may come again outweighs a refusal. Undefined where it was. */
export function failureOf(places: readonly Place[]): Failure | undefined {
  let refusal: PermanentError | undefined
  for (const { load, chunk } of places) {
    const error = fateOf(load, chunk)
    if (error instanceof RetryableError) return error
    if (error instanceof PermanentError) refusal = error
  }
  return refusal
}

/** A destination that took the rest, and did not say which items it refused, has taken this one as far as anybody knows. */
function fateOf({ error }: Load, chunk: number): ConsumeError | undefined {
  if (error === undefined || error instanceof PermanentError) return error
  const own = error.chunks === undefined ? error : error.chunks.get(chunk)
  return own instanceof PartialError ? undefined : own
}
