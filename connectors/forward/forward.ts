// Connector `forward` at work: the answer of the pipelines it begins is the answer of those that end in it.

import type { Batch, Connector, Consumer, Signal } from '../../core/index.ts'

export class Forward implements Connector {
  readonly #next: Readonly<Partial<Record<Signal, Consumer>>>

  constructor(next: Readonly<Partial<Record<Signal, Consumer>>>) {
    this.#next = next
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    // The configuration was refused if a signal comes in that no pipeline takes on.
    return this.#next[batch.signal]!.consume(batch, deadlineMs)
  }
}
