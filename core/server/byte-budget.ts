// How many bytes of requests may be in flight at once: every door asks before it keeps any, so that memory is bounded by capacity. A budget
// may be part of a larger one; all are part of the process's.

export class ByteBudget {
  readonly limitBytes: number
  readonly #whole: ByteBudget | null
  #usedBytes = 0

  constructor(limitBytes: number, whole: ByteBudget | null = processBudget) {
    this.limitBytes = limitBytes
    this.#whole = whole
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** False, and nothing is taken, where the budget does not reach. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes || (this.#whole !== null && !this.#whole.take(bytes))) return false
    this.#usedBytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
    this.#whole?.give(bytes)
  }
}

/** The process's: without a limit until somebody sets one. */
class SharedBudget extends ByteBudget {
  readonly #limits = new Map<symbol, number>()
  #lowestBytes = Infinity

  constructor() {
    super(Infinity, null)
  }

  override take(bytes: number): boolean {
    return this.usedBytes + bytes <= this.#lowestBytes && super.take(bytes)
  }

  limit(bytes: number): () => void {
    const key = Symbol('limit')
    this.#limits.set(key, bytes)
    this.#lowestBytes = Math.min(...this.#limits.values())
    return () => {
      this.#limits.delete(key)
      this.#lowestBytes = Math.min(...this.#limits.values())
    }
  }
}

const processBudget: SharedBudget = new SharedBudget()

/** What all doors of the process hold together. */
export function bytesInFlight(): number {
  return processBudget.usedBytes
}

/**
 * Bounds what all doors of the process may hold together, from now until the returned function is called; of several limits the lowest
 * rules. What is held already stays; new requests are answered 503 and UNAVAILABLE. 0 lets nothing in.
 */
export function limitBytesInFlight(limitBytes: number): () => void {
  return processBudget.limit(limitBytes)
}
