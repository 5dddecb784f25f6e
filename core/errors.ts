// The three ways in which `consume` can fail; each tells the caller what to do next. Everybody who hands on a batch maps to these. And the
// one in which authenticating can.

/** These bytes can never succeed at this destination: do not send them again. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
}

/** What became of single chunks of a batch, by index, where that differs; a chunk that is not in it was taken whole. */
export type ChunkErrors = ReadonlyMap<number, ConsumeError>

/** Not now. The sender keeps the data and may offer it again, after `retryAfterMs` milliseconds where the destination said so. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError'
  readonly retryAfterMs?: number
  readonly chunks?: ChunkErrors

  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number; readonly chunks?: ChunkErrors } = {}) {
    super(message, options)
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
    if (options.chunks !== undefined) this.chunks = options.chunks
  }
}

/**
 * The destination took the batch except for `refused` items, which can never succeed. With `refused` 0 it is a warning: everything
 * was taken, and the message is for the sender to read.
 */
export class PartialError extends Error {
  override readonly name = 'PartialError'
  readonly refused: number
  readonly chunks?: ChunkErrors

  constructor(refused: number, message: string, options: ErrorOptions & { readonly chunks?: ChunkErrors } = {}) {
    super(message, options)
    this.refused = refused
    if (options.chunks !== undefined) this.chunks = options.chunks
  }
}

/** Who a sender is cannot be told, or it may not send. The message says what is missing, never what was presented. */
export class UnauthenticatedError extends Error {
  override readonly name = 'UnauthenticatedError'
}

export type ConsumeError = PermanentError | RetryableError | PartialError

/** Any thrown value as one of the three. A stranger (a bug, a system error) is retryable: the sender still has the data. */
export function asConsumeError(thrown: unknown): ConsumeError {
  if (thrown instanceof PermanentError || thrown instanceof RetryableError || thrown instanceof PartialError) return thrown
  return new RetryableError(thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
}
