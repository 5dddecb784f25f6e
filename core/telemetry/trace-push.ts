// Sends the program's own spans to an OTLP/HTTP endpoint, several at once. telemetry.ts makes one for each processor of
// `service.telemetry.traces`.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { TracePushOptions } from '../config/traces-schema.ts'
import { OtlpPush } from './otlp-push.ts'
import type { OwnSpan } from './pipeline-tracer.ts'

/** How long an unused connection is kept, in milliseconds, where spans are sent at once. */
const IDLE_MS = 10_000

export class TracePush {
  readonly #options: TracePushOptions
  readonly #encode: (spans: readonly OwnSpan[]) => Uint8Array
  readonly #push: OtlpPush
  readonly #clock: Clock
  readonly #log: Logger
  #waiting: OwnSpan[] = []
  #leftOut = 0
  #timer: { cancel(): void } | undefined
  #sending: Promise<void> | undefined

  constructor(options: TracePushOptions, encode: (spans: readonly OwnSpan[]) => Uint8Array, clock: Clock, log: Logger) {
    this.#options = options
    this.#encode = encode
    this.#clock = clock
    this.#log = log
    this.#push = new OtlpPush(options, '/v1/traces', Math.max(IDLE_MS, 2 * options.delayMs), clock, log)
  }

  /** Never waits, and never holds more than `max_queue_size`. */
  add(span: OwnSpan): void {
    const { delayMs, maxBatchSize, maxQueueSize } = this.#options
    if (this.#waiting.length >= maxQueueSize) {
      this.#leftOut++
      return
    }
    this.#waiting.push(span)
    if (this.#waiting.length >= maxBatchSize) this.#begin()
    else this.#timer ??= this.#clock.after(delayMs, () => this.#begin())
  }

  /** Sends what waits. */
  async stop(): Promise<void> {
    this.#begin()
    await this.#sending
    await this.#push.destroy()
  }

  #begin(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#waiting.length > 0) this.#sending ??= this.#sendAll()
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.splice(0, this.#options.maxBatchSize)
      await this.#push.send(this.#encode(spans), 'own traces could not be sent')
      if (this.#leftOut === 0) continue
      this.#log.warn(
        { spans: this.#leftOut, max_queue_size: this.#options.maxQueueSize },
        'own spans were left out: too many waited to be sent',
      )
      this.#leftOut = 0
    }
    this.#sending = undefined // at once: what is added from now on is for the next one
  }
}
