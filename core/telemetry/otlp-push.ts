// One destination of the program's own telemetry, OTLP over HTTP: metrics-push.ts and trace-push.ts send through it.

import { HttpSender } from '../client/http-sender.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { OtlpTarget } from '../config/own-otlp-schema.ts'

export class OtlpPush {
  readonly #target: OtlpTarget
  readonly #path: string
  readonly #sender: HttpSender
  readonly #log: Logger

  /** `path` is added to an endpoint that is the address of a server alone; otherwise it is the whole address. */
  constructor(target: OtlpTarget, path: string, idleTimeoutMs: number, clock: Clock, log: Logger) {
    const url = new URL(target.endpoint)
    this.#target = target
    this.#path = `${url.pathname === '/' ? path : url.pathname}${url.search}`
    this.#log = log
    this.#sender = new HttpSender({ origin: url.origin, maxConnections: 1, idleTimeoutMs, connectTimeoutMs: target.timeoutMs, clock })
  }

  /** Never rejects; logs `failure` where it could not be sent. */
  async send(body: Uint8Array, failure: string): Promise<void> {
    const { endpoint, headers, timeoutMs } = this.#target
    try {
      const { status } = await this.#sender.post(this.#path, { ...headers, 'content-type': 'application/x-protobuf' }, [body], timeoutMs)
      if (status < 200 || status > 299) throw new Error(`the answer was ${status}`)
    } catch (error) {
      this.#log.warn({ endpoint, reason: (error as Error).message }, failure)
    }
  }

  destroy(): Promise<void> {
    return this.#sender.destroy()
  }
}
