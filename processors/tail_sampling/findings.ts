// What was found out about kept traces that have not left yet: written into one span of each as they leave.

import { type Attribute, putAnnotation } from '../../core/anomaly/index.ts'
import type { otlp } from '../../core/index.ts'
import { isRoot, traceIdWords } from '../../core/traces/index.ts'

/** Where downstream takes nothing for long, the oldest are forgotten: their traces leave without. */
const MOST = 10_000

export class Findings {
  readonly #byTrace = new Map<string, readonly Attribute[]>()

  get isEmpty(): boolean {
    return this.#byTrace.size === 0
  }

  remember(origin: string, id: Int32Array, attributes: readonly Attribute[]): void {
    if (this.#byTrace.size >= MOST) this.#byTrace.delete(this.#byTrace.keys().next().value!)
    this.#byTrace.set(keyOf(origin, id), attributes)
  }

  /** Of the traces in this request, which leave with it: into the span without a parent, or the first where there is none. */
  write(edits: otlp.RequestEdits, origin: string): void {
    const places = new Map<string, number>()
    const id = new Int32Array(4)
    for (let span = 0; span < edits.index.itemCount; span++) {
      traceIdWords(edits.index, span, id)
      const key = keyOf(origin, id)
      if (!this.#byTrace.has(key)) continue
      if (!places.has(key) || isRoot(edits.index, span)) places.set(key, span)
    }
    for (const [key, span] of places) {
      putAnnotation(edits, span, this.#byTrace.get(key)!)
      this.#byTrace.delete(key)
    }
  }
}

function keyOf(origin: string, id: Int32Array): string {
  return `${id[0]},${id[1]},${id[2]},${id[3]} ${origin}`
}
