// How long to wait after a failure. The outbox has one.

export class BackOff {
  readonly #minMs: number
  readonly #maxMs: number
  #failures = 0

  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs
    this.#maxMs = maxMs
  }

  succeeded(): void {
    this.#failures = 0
  }

  /**
   * Twice as long as the last time, less a random part of up to half, so that clients that failed together do not come back together. Never less than
   * the server asked for, and there a random fifth more.
   */
  failed(askedMs = 0): number {
    const wholeMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures++, 30))
    return Math.max(wholeMs * (1 - Math.random() / 2), askedMs * (1 + Math.random() / 5))
  }
}
