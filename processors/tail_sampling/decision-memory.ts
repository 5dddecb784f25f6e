// The decisions of traces that are gone, so that spans that come late follow them. The processor asks for every trace that begins.

import { LRUCache } from 'lru-cache'
import { type Remembered, traceKey } from '../../core/traces/index.ts'

/** Above a verdict's 32 bits stands when it was given, in seconds; it comes round after twelve days. */
const AGES = 2 ** 20
const VERDICTS = 2 ** 32

export class DecisionMemory {
  readonly #kept: LRUCache<string, number> | undefined
  readonly #dropped: LRUCache<string, number> | undefined
  readonly #words = new Int32Array(4)
  readonly #bytes = Buffer.from(this.#words.buffer)
  /** Of the trace that was recalled last: its verdict, and how long ago it was given, in seconds. */
  verdict = 0
  age = 0

  /** How many traces of each kind; 0: none. */
  constructor(kept: number, dropped: number) {
    if (kept > 0) this.#kept = new LRUCache({ max: kept })
    if (dropped > 0) this.#dropped = new LRUCache({ max: dropped })
  }

  remember(origin: string, id: Int32Array, isKept: boolean, verdict: number, nowMs: number): void {
    this.#words.set(id)
    this.rememberKey(traceKey(origin, this.#bytes), isKept, verdict, nowMs)
  }

  rememberKey(key: string, isKept: boolean, verdict: number, nowMs: number): void {
    const memory = isKept ? this.#kept : this.#dropped
    memory?.set(key, (Math.floor(nowMs / 1000) % AGES) * VERDICTS + (verdict >>> 0))
  }

  /** What a trace is known by. */
  keyOf(origin: string, a: number, b: number, c: number, d: number): string {
    const words = this.#words
    words[0] = a
    words[1] = b
    words[2] = c
    words[3] = d
    return traceKey(origin, this.#bytes)
  }

  recall(origin: string, a: number, b: number, c: number, d: number, nowMs: number): Remembered {
    const key = this.keyOf(origin, a, b, c, d)
    const kept = this.#kept?.get(key)
    const found = kept ?? this.#dropped?.get(key)
    if (found === undefined) return 'unknown'
    this.verdict = (found % VERDICTS) | 0
    this.age = (Math.floor(nowMs / 1000) - Math.floor(found / VERDICTS) + AGES) % AGES
    return kept === undefined ? 'dropped' : 'kept'
  }
}
