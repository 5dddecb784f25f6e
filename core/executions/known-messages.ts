// Which messages were accepted: a sender that got no answer sends again, and the copy must change nothing. Whoever takes messages asks here first.

import type { Clock } from '../clock.ts'
import { FairShare } from './fair-share.ts'
import { senderIn } from './message-key.ts'

export interface KnownOptions {
  /** Messages that are remembered at most; of the sender with more than its share, the one that was asked for longest ago is forgotten first. */
  readonly most: number
  readonly forMs: number
  readonly clock: Clock
  /** Told of each that was forgotten before its time, because too many came after it. */
  readonly forgotten?: () => void
}

/** A message that is being taken. */
export interface BeingTaken {
  /** When it is known what became of it. Never rejects. */
  readonly settled: Promise<void>
}

export class KnownMessages {
  readonly #accepted: FairShare<string, string>
  readonly #taking = new Map<string, BeingTaken>()

  constructor({ most, forMs, clock, forgotten }: KnownOptions) {
    this.#accepted = new FairShare({ most, forMs, clock, forgotten: (_key, early) => early && forgotten?.() })
  }

  get size(): number {
    return this.#accepted.weight
  }

  /** A digest of what the message said: the same key with another one is another message. */
  accepted(key: string): string | undefined {
    return this.#accepted.get(senderIn(key), key)
  }

  accept(key: string, content: string): void {
    this.#accepted.set(senderIn(key), key, content)
  }

  /** Undefined where no copy of it is being taken just now. */
  taking(key: string): BeingTaken | undefined {
    return this.#taking.get(key)
  }

  /** Copies that come until it is let go wait for it. */
  take(key: string, message: BeingTaken): void {
    this.#taking.set(key, message)
  }

  letGo(key: string): void {
    this.#taking.delete(key)
  }
}
