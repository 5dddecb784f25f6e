// Counts what an exporter is sending, so that stopping can wait for it.

export class InFlight {
  #count = 0
  #onIdle: (() => void) | undefined

  get count(): number {
    return this.#count
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#count++
    try {
      return await work()
    } finally {
      if (--this.#count === 0) this.#onIdle?.()
    }
  }

  /** Resolves once nothing is in flight. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onIdle = resolve
    return promise
  }
}
