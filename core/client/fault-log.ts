// Says in the log that a destination fails, once at first and then with a count, and that it works again. Exporters hold one each.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'

/** How often a fault that goes on is told again. */
const EVERY_MS = 30_000

export class FaultLog {
  readonly #log: Logger
  readonly #clock: Clock
  /** Attempts that failed since the fault began, and since it was last told. */
  #failures = 0
  #untold = 0
  #toldMs = 0

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  failed(reason: string, consequence: string): void {
    const now = this.#clock.monotonicMs()
    const first = this.#failures++ === 0
    this.#untold++
    if (!first && now - this.#toldMs < EVERY_MS) return
    this.#log.warn({ reason, attempts: this.#untold }, consequence)
    this.#toldMs = now
    this.#untold = 0
  }

  worked(): void {
    if (this.#failures === 0) return
    this.#log.info({ failed_attempts: this.#failures }, 'the destination takes data again')
    this.#failures = this.#untold = 0
  }
}
