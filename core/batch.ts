// What travels through a pipeline: a list of OTLP export requests in bytes, and who sent them. Every component handles it.

export type Signal = 'traces' | 'metrics' | 'logs'

/** Who sent a batch. Batches of different origins are never merged into one request. */
export interface Origin {
  readonly tenant: string
  readonly subject?: string
  /** What it may do is said of these, where a receiver asks for roles. */
  readonly roles?: readonly string[]
  readonly headers: ReadonlyMap<string, string>
}

/** The origin of everything that came in without a name. One object, so that comparing origins is comparing references. */
export const ANONYMOUS: Origin = { tenant: '', headers: new Map() }

/**
 * OTLP bytes of one signal and one origin. Each chunk is one valid export request, already walked; merging appends chunks and
 * copies nothing. Immutable: nobody writes into the bytes, so fan-out shares them.
 */
export interface Batch {
  readonly signal: Signal
  readonly chunks: readonly Uint8Array[]
  /** Spans, data points or log records. */
  readonly count: number
  readonly origin: Origin
}

/** The wire size of a batch, in bytes: requests laid end to end are one request. */
export function byteLengthOf(batch: Batch): number {
  let total = 0
  for (const chunk of batch.chunks) total += chunk.length
  return total
}

/** The memory that a batch keeps alive, in bytes: a chunk that is a part of a larger buffer pins the whole of it. */
export function capacityOf(batch: Batch): number {
  let total = 0
  for (const { buffer, length } of batch.chunks) total += Math.max(length, buffer.byteLength)
  return total
}
