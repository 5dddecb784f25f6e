// The end of a pipeline in a test: keeps what it is handed, holds it back or refuses it when told to.

import type { Batch, Signal } from '../batch.ts'
import type { Consumer } from '../component.ts'
import type { AttributeValue } from '../otlp/any-value.ts'
import { itemsOf, numbersOf } from './items.ts'
import { readLogRecords } from './logs.ts'
import { readDataPoints } from './metrics.ts'
import { readSpans } from './traces.ts'

export class CollectingConsumer implements Consumer {
  readonly batches: Batch[] = []
  readonly deadlines: number[] = []
  /** Asked before a batch is taken: what it throws is the answer. */
  refuse: (batch: Batch) => void = () => {}
  #held: (() => void)[] | undefined

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held!.push(resolve))
    this.refuse(batch)
    this.batches.push(batch)
    this.deadlines.push(deadlineMs)
  }

  /** From now on nothing is answered before `release`. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const resolve of held) resolve()
  }

  /** How many batches wait for `release`. */
  get holding(): number {
    return this.#held?.length ?? 0
  }

  /** Items taken. */
  get count(): number {
    return this.batches.reduce((sum, { count }) => sum + count, 0)
  }

  spans(): ReturnType<typeof readSpans> {
    return this.#of('traces').flatMap((batch) => readSpans(batch))
  }

  dataPoints(): ReturnType<typeof readDataPoints> {
    return this.#of('metrics').flatMap((batch) => readDataPoints(batch))
  }

  logRecords(): ReturnType<typeof readLogRecords> {
    return this.#of('logs').flatMap((batch) => readLogRecords(batch))
  }

  /** The attribute `n` of every item, of whatever signal. */
  numbers(): (AttributeValue | undefined)[] {
    return this.batches.flatMap((batch) => numbersOf(batch))
  }

  /** How many items the bytes hold; `count` is what the batches say. */
  itemCount(): number {
    return this.batches.reduce((sum, batch) => sum + itemsOf(batch).length, 0)
  }

  #of(signal: Signal): Batch[] {
    return this.batches.filter((batch) => batch.signal === signal)
  }
}
