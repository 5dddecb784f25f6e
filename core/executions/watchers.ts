// Whoever watches executions begin, go on and end: the pages of a receiver, and clients that subscribe. What happens is told to each that may
// see it, as it happens.

import type { OpenExecution } from './execution.ts'
import { type ExecutionView, viewOf } from './view.ts'

export type Happening = 'started' | 'updated' | 'finished' | 'timeout' | 'interrupted'

export interface ExecutionEvent {
  readonly event: Happening
  readonly execution: ExecutionView
}

interface Watcher {
  readonly sees: (execution: OpenExecution) => boolean
  readonly tell: (event: ExecutionEvent) => void
}

export class Watchers {
  readonly #watchers = new Set<Watcher>()

  get count(): number {
    return this.#watchers.size
  }

  /** Call what it returns to watch no longer. */
  add(sees: Watcher['sees'], tell: Watcher['tell']): () => void {
    const watcher = { sees, tell }
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Costs nothing while nobody watches. */
  tell(event: Happening, execution: OpenExecution, nowMs: number): void {
    if (this.#watchers.size === 0) return
    let told: ExecutionEvent | undefined
    for (const { sees, tell } of this.#watchers) {
      if (sees(execution)) tell((told ??= { event, execution: viewOf(execution, nowMs) }))
    }
  }
}
