// Receiver `otlp` at work: an HTTP door, and behind it one intake a signal.

import { type Consumer, endpointOf, formatEndpoint, parseDuration, type Receiver, type Settings, type Signal } from '../../core/index.ts'
import { ByteBudget, HttpDoor } from '../../core/server/index.ts'
import type { OtlpConfig } from './factory.ts'
import { TracesIntake } from './traces-intake.ts'

export class OtlpReceiver implements Receiver {
  readonly #door: HttpDoor
  readonly #settings: Settings

  constructor({ protocols: { http } }: OtlpConfig, next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings) {
    this.#settings = settings
    this.#door = new HttpDoor({
      endpoint: endpointOf(http.endpoint)!, // the factory has checked it
      maxBodyBytes: http.max_request_body_size,
      budget: new ByteBudget(http.max_in_flight_bytes),
      clock: settings.clock,
      bodyRate: { minBytesPerSecond: 0, graceMs: 0, maxMs: 0 },
      readHeaderTimeoutMs: parseDuration(http.read_header_timeout),
      readTimeoutMs: parseDuration(http.read_timeout),
      idleTimeoutMs: parseDuration(http.idle_timeout),
      ...(http.max_connections === undefined ? {} : { maxConnections: http.max_connections }),
    })
    if (next.traces !== undefined) {
      const intake = new TracesIntake(next.traces, settings, parseDuration(http.timeout))
      this.#door.post(http.traces_url_path, (body, exchange) => intake.take(body, exchange))
    }
  }

  async start(): Promise<void> {
    await this.#door.start()
    this.#settings.log.info({ endpoint: formatEndpoint(this.#door.address) }, 'listening for OTLP over HTTP')
  }

  /** Where it listens, once started: with port 0 the system has chosen. */
  get address(): string {
    return formatEndpoint(this.#door.address)
  }

  stop(abort: AbortSignal): Promise<void> {
    return this.#door.stop(abort)
  }
}
