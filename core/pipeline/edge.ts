// Edges: the ways from one component to the next, which count what passes. The graph lays them; the program's own metrics read them.

import type { Batch, Signal } from '../batch.ts'
import type { Consumer } from '../component.ts'
import { asConsumeError, PartialError } from '../errors.ts'
import type { PipelineAccount } from '../ledger.ts'

/** Behind a processor. Counting must not cost a promise. */
export class Edge implements Consumer {
  /** Items that were handed over, whatever became of them. */
  items = 0
  readonly #next: Consumer

  constructor(next: Consumer) {
    this.#next = next
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    this.items += batch.count
    return this.#next.consume(batch, deadlineMs)
  }
}

/**
 * Before a processor. What it refuses itself is written into the ledger here: only here it is known how much that was, for a processor
 * before it may have dropped a part of what came in.
 */
export class ProcessorEdge extends Edge {
  readonly #account: PipelineAccount

  constructor(processor: Consumer, account: PipelineAccount) {
    super(processor)
    this.#account = account
  }

  override async consume(batch: Batch, deadlineMs: number): Promise<void> {
    try {
      await super.consume(batch, deadlineMs)
    } catch (thrown) {
      throw this.#account.refuse(batch.count, asConsumeError(thrown))
    }
  }
}

/** Behind a receiver: for one signal, into all the pipelines that take it. */
export class ReceiverEdge implements Consumer {
  readonly receiver: string
  readonly signal: Signal
  /** Items for which the pipelines took responsibility. */
  accepted = 0
  /** Items that went back. */
  refused = 0
  readonly #next: Consumer

  constructor(receiver: string, signal: Signal, next: Consumer) {
    this.receiver = receiver
    this.signal = signal
    this.#next = next
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    try {
      await this.#next.consume(batch, deadlineMs)
      this.accepted += batch.count
    } catch (error) {
      const refused = error instanceof PartialError ? Math.min(error.refused, batch.count) : batch.count
      this.refused += refused
      this.accepted += batch.count - refused
      throw error
    }
  }
}

/** Everything that counts in a graph. */
export interface Flow {
  readonly receivers: readonly ReceiverEdge[]
  readonly processors: readonly ProcessorEdges[]
  readonly queues: ReadonlyMap<string, QueueLevel>
}
/** One processor in one pipeline. */
export interface ProcessorEdges {
  readonly processor: string
  readonly signal: Signal
  readonly incoming: Edge
  readonly outgoing: Edge
}
/** In the unit of the queue's sizer. */
export interface QueueLevel {
  readonly size: number
  readonly capacity: number
}
