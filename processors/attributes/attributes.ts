// Applies compiled actions to every span: one pass over the columns of a request, one splice. Created by factory.ts.

import { type Batch, type Consumer, type Processor, type Settings, otlp } from '../../core/index.ts'
import { type Action, compilePasses } from './actions.ts'
import type { ActionConfig } from './action-config.ts'

export class AttributesProcessor implements Processor {
  readonly #passes: readonly (readonly Action[])[]
  readonly #next: Consumer
  readonly #edits: otlp.RequestEdits = new otlp.RequestEdits()

  constructor(actions: readonly ActionConfig[], next: Consumer, settings: Settings) {
    this.#passes = compilePasses(actions, settings)
    this.#next = next
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    await this.#next.consume({ ...batch, chunks: batch.chunks.map((chunk) => this.#apply(chunk)) }, deadlineMs)
  }

  #apply(chunk: Uint8Array): Uint8Array {
    const edits = this.#edits
    for (const pass of this.#passes) {
      edits.begin(otlp.indexChunk('traces', chunk))
      const spans = edits.index.itemCount
      for (let span = 0; span < spans; span++) for (const action of pass) action(edits, span)
      if (!edits.empty) chunk = edits.build()
    }
    return chunk
  }
}
