// Sends the program's own metrics to an OTLP/HTTP endpoint, at an interval and once more at the end. `run` makes one for each `periodic`
// reader.

import type { Clock } from '../clock.ts'
import { HttpSender } from '../client/http-sender.ts'
import type { Logger } from '../component.ts'

export interface MetricsPushOptions {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly intervalMs: number
  readonly timeoutMs: number
}

/** Where `endpoint` is the address of a server alone, OTLP's path is added; otherwise it is the whole address. */
export function metricsUrl(endpoint: string): URL {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = '/v1/metrics'
  return url
}

export class MetricsPush {
  readonly #options: MetricsPushOptions
  readonly #url: URL
  readonly #read: () => Uint8Array
  readonly #sender: HttpSender
  readonly #clock: Clock
  readonly #log: Logger
  #timer: { cancel(): void } | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(options: MetricsPushOptions, read: () => Uint8Array, clock: Clock, log: Logger) {
    this.#options = options
    this.#url = metricsUrl(options.endpoint)
    this.#read = read
    this.#clock = clock
    this.#log = log
    this.#sender = new HttpSender({
      origin: this.#url.origin,
      maxConnections: 1,
      idleTimeoutMs: options.intervalMs * 2,
      connectTimeoutMs: options.timeoutMs,
      clock,
    })
  }

  start(): void {
    this.#timer = this.#clock.after(this.#options.intervalMs, () => {
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
    await this.#sender.destroy()
  }

  /** Never rejects. Metrics are cumulative: what was missed is in the next ones. */
  async #send(): Promise<void> {
    const headers = { ...this.#options.headers, 'content-type': 'application/x-protobuf' }
    try {
      const { status } = await this.#sender.post(
        `${this.#url.pathname}${this.#url.search}`,
        headers,
        [this.#read()],
        this.#options.timeoutMs,
      )
      if (status < 200 || status > 299) throw new Error(`the answer was ${status}`)
    } catch (error) {
      this.#log.warn({ endpoint: this.#options.endpoint, reason: (error as Error).message }, 'own metrics could not be sent')
    }
  }
}
