// The first edge of a pipeline: whatever comes in is written into the ledger, and so is what goes back refused.

import type { Batch } from '../batch.ts'
import type { Consumer } from '../component.ts'
import { asConsumeError } from '../errors.ts'
import type { PipelineAccount } from '../ledger.ts'

export class Entry implements Consumer {
  readonly #next: Consumer
  readonly #account: PipelineAccount

  constructor(next: Consumer, account: PipelineAccount) {
    this.#next = next
    this.#account = account
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    this.#account.receive(batch.count)
    try {
      await this.#next.consume(batch, deadlineMs)
    } catch (thrown) {
      throw this.#account.refuse(batch.count, asConsumeError(thrown))
    }
  }
}
