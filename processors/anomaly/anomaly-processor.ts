// Processor `anomaly` at work: brings the spans of a batch to the model, waits for their scores for as long as the model says, and writes them.

import {
  anomalyAttributes,
  type AnomalyScorer,
  type Attribute,
  BatchTraces,
  type Judgement,
  mayBeAnnotated,
  putAnnotation,
  scoreAttribute,
  staleKeys,
  unscoredAttribute,
} from '../../core/anomaly/index.ts'
import { type Batch, type Consumer, otlp, type Processor, type Settings } from '../../core/index.ts'
import type { AnomalyConfig } from './factory.ts'

export class AnomalyProcessor implements Processor {
  readonly #next: Consumer
  readonly #scorer: AnomalyScorer
  readonly #writesAll: boolean
  readonly #edits = new otlp.RequestEdits()
  readonly #traces: BatchTraces

  constructor({ model, annotate }: AnomalyConfig, next: Consumer, settings: Settings) {
    this.#next = next
    this.#writesAll = annotate === 'all'
    this.#scorer = settings.extension('anomaly_model', model).scorer('spans')
    this.#traces = new BatchTraces(this.#scorer)
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const judgement = await this.#scorer.judge(this.#traces.note(batch.chunks), batch.count)
    let first = 0
    const chunks: Uint8Array[] = []
    for (const chunk of batch.chunks) {
      const index = otlp.indexChunk('traces', chunk)
      chunks.push(this.#write(index, judgement, first) ?? chunk)
      first += index.itemCount
    }
    const isChanged = chunks.some((chunk, i) => chunk !== batch.chunks[i])
    return this.#next.consume(isChanged ? { ...batch, chunks } : batch, deadlineMs)
  }

  /** `first` is the number of the chunk's first span in the batch. Undefined where there is nothing to write. */
  #write(index: otlp.RequestIndex, judgement: Judgement, first: number): Uint8Array | undefined {
    const edits = this.#edits
    edits.begin(index)
    const mayHold = mayBeAnnotated(index.bytes)
    for (let span = 0; span < index.itemCount; span++) {
      const attributes = this.#attributesOf(judgement, first + span)
      putAnnotation(edits, span, attributes)
      if (mayHold) for (const key of staleKeys(attributes)) removeAttribute(edits, span, key)
    }
    return edits.empty ? undefined : edits.build()
  }

  #attributesOf(judgement: Judgement, ordinal: number): readonly Attribute[] {
    const score = judgement.scores[ordinal]!
    if (score > judgement.bound) return anomalyAttributes(judgement, ordinal)
    if (Number.isNaN(score)) return [unscoredAttribute(judgement.unscored ?? 'not enough yet')]
    return this.#writesAll ? [scoreAttribute(score)] : NONE
  }
}

const NONE: readonly Attribute[] = []

function removeAttribute(edits: otlp.RequestEdits, span: number, key: Buffer): void {
  const row = otlp.findItemAttribute(edits.index, span, key)
  if (row >= 0) otlp.deleteItemAttribute(edits, span, row, key)
}
