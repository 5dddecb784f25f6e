// Requests of which one side has sent its span: they wait for the other, each as long, so the first that came is the first that is due.

import { type Edge, sizeOf } from './edge.ts'

/** In bytes: names may be long, too. */
const MOST_BYTES = 256 * 1024 * 1024

export class Waiting {
  readonly #edges = new Map<string, Edge>()
  readonly #ttlMs: number
  readonly #most: number
  #bytes = 0

  constructor(ttlMs: number, most: number) {
    this.#ttlMs = ttlMs
    this.#most = most
  }

  get size(): number {
    return this.#edges.size
  }

  /** Takes it out, if it waits. */
  take(key: string): Edge | undefined {
    const edge = this.#edges.get(key)
    if (edge === undefined) return undefined
    this.#edges.delete(key)
    this.#bytes -= sizeOf(edge)
    return edge
  }

  /** False where there is no room. */
  put(key: string, edge: Edge): boolean {
    const size = sizeOf(edge)
    if (this.#edges.size >= this.#most || this.#bytes + size > MOST_BYTES) return false
    this.#edges.set(key, edge)
    this.#bytes += size
    return true
  }

  /** Those that have waited long enough, taken out. */
  *due(nowMs: number): Generator<Edge> {
    for (const [key, edge] of this.#edges) {
      if (nowMs - edge.sinceMs < this.#ttlMs) return
      this.take(key)
      yield edge
    }
  }
}
