// Processor `resource` at work: the actions of `attributes`, once for each resource instead of for each item. Created by factory.ts.

import { Actions, RESOURCES } from '../../core/actions/index.ts'
import { type Batch, type Consumer, otlp, type Processor, type Settings } from '../../core/index.ts'
import type { ResourceConfig } from './factory.ts'

export class ResourceProcessor implements Processor {
  readonly #actions: Actions
  readonly #next: Consumer

  constructor({ attributes }: ResourceConfig, next: Consumer, settings: Settings) {
    this.#actions = new Actions(attributes, RESOURCES, settings, new otlp.RequestEdits())
    this.#next = next
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const chunks = batch.chunks.map((chunk) => this.#actions.apply(batch.signal, chunk))
    await this.#next.consume({ ...batch, chunks }, deadlineMs)
  }
}
