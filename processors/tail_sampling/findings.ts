// What was found out about kept traces that have not left yet: written into one span of each as they leave.

import { type Attribute, putAnnotation } from '../../core/anomaly/index.ts'
import type { otlp } from '../../core/index.ts'
import { isRoot, traceIdWords } from '../../core/traces/index.ts'

/** Where downstream takes nothing for long, the oldest are forgotten: their traces leave without. */
const MOST = 10_000

export class Findings {
  readonly #byTrace = new Map<string, readonly Attribute[]>()
  /** How many of them share a number made of their ids: most spans that leave are of other traces, and need no text to know it. */
  readonly #byNumber = new Map<number, number>()
  readonly #id = new Int32Array(4)

  get isEmpty(): boolean {
    return this.#byTrace.size === 0
  }

  remember(origin: string, id: Int32Array, attributes: readonly Attribute[]): void {
    if (this.#byTrace.size >= MOST) this.#forget(this.#byTrace.keys().next().value!)
    const key = keyOf(origin, id)
    const number = numberOf(id)
    if (!this.#byTrace.has(key)) this.#byNumber.set(number, (this.#byNumber.get(number) ?? 0) + 1)
    this.#byTrace.set(key, attributes)
  }

  /** Of the traces in this request, which leave with it: into the span without a parent, or the first where there is none. */
  write(edits: otlp.RequestEdits, origin: string): void {
    const places = new Map<string, number>()
    const id = this.#id
    for (let span = 0; span < edits.index.itemCount; span++) {
      traceIdWords(edits.index, span, id)
      if (!this.#byNumber.has(numberOf(id))) continue
      const key = keyOf(origin, id)
      if (!this.#byTrace.has(key)) continue
      if (!places.has(key) || isRoot(edits.index, span)) places.set(key, span)
    }
    for (const [key, span] of places) {
      putAnnotation(edits, span, this.#byTrace.get(key)!)
      this.#forget(key)
    }
  }

  #forget(key: string): void {
    this.#byTrace.delete(key)
    const number = numberOf(key.split(' ', 1)[0]!.split(',').map(Number))
    const others = this.#byNumber.get(number)! - 1
    if (others > 0) this.#byNumber.set(number, others)
    else this.#byNumber.delete(number)
  }
}

function numberOf(id: ArrayLike<number>): number {
  return id[0]! ^ id[1]! ^ id[2]! ^ id[3]!
}

function keyOf(origin: string, id: Int32Array): string {
  return `${id[0]},${id[1]},${id[2]},${id[3]} ${origin}`
}
