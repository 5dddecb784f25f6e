// Sends the program's own metrics to an OTLP/HTTP endpoint, at an interval and once more at the end. `run` makes one for each `periodic`
// reader.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { OtlpTarget } from '../config/own-otlp-schema.ts'
import { OtlpPush } from './otlp-push.ts'

export interface MetricsPushOptions extends OtlpTarget {
  readonly intervalMs: number
}

export class MetricsPush {
  readonly #intervalMs: number
  readonly #read: () => Uint8Array
  readonly #push: OtlpPush
  readonly #clock: Clock
  #timer: { cancel(): void } | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(options: MetricsPushOptions, read: () => Uint8Array, clock: Clock, log: Logger) {
    this.#intervalMs = options.intervalMs
    this.#read = read
    this.#clock = clock
    this.#push = new OtlpPush(options, '/v1/metrics', options.intervalMs * 2, clock, log)
  }

  start(): void {
    this.#timer = this.#clock.after(this.#intervalMs, () => {
      this.#sending = this.#send()
      void this.#sending.then(() => {
        if (this.#timer !== undefined) this.start()
      })
    })
  }

  /** Sends what is true at the end, within one timeout. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#sending
    await this.#send()
    await this.#push.destroy()
  }

  /** Metrics are cumulative: what was missed is in the next ones. */
  #send(): Promise<void> {
    return this.#push.send(this.#read(), 'own metrics could not be sent')
  }
}
