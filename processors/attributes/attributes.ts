// Processor `attributes` at work: one pass over the columns of a request, one splice. Created by factory.ts.

import { Actions, ITEMS } from '../../core/actions/index.ts'
import { type Batch, type Consumer, otlp, type Processor, type Settings } from '../../core/index.ts'
import { choosing } from './choose.ts'
import type { AttributesConfig } from './factory.ts'

export class AttributesProcessor implements Processor {
  readonly #actions: Actions
  readonly #wanted: ((item: number) => boolean) | undefined
  readonly #next: Consumer

  constructor({ actions, include, exclude }: AttributesConfig, next: Consumer, settings: Settings) {
    const edits = new otlp.RequestEdits()
    this.#actions = new Actions(actions, ITEMS, settings, edits)
    const included = include === undefined ? undefined : choosing(include, settings.signal ?? 'traces', edits)
    const excluded = exclude === undefined ? undefined : choosing(exclude, settings.signal ?? 'traces', edits)
    if (included !== undefined || excluded !== undefined)
      this.#wanted = (item) => (included === undefined || included(item)) && (excluded === undefined || !excluded(item))
    this.#next = next
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const chunks = batch.chunks.map((chunk) => this.#actions.apply(batch.signal, chunk, this.#wanted))
    await this.#next.consume({ ...batch, chunks }, deadlineMs)
  }
}
