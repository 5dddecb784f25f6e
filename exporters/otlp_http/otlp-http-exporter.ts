// Exporter `otlp_http` at work: a batch becomes one request, sent until it is answered for good or nobody waits any more.

import { type Batch, type Exporter, lowerCased, otlp, parseDuration, RetryableError, type Settings, type Signal } from '../../core/index.ts'
import { BodyCoder, BrokenConnectionError, Delivery, type HttpSender, retryOptionsOf } from '../../core/client/index.ts'
import type { OtlpHttpConfig } from './factory.ts'
import { judge } from './judge.ts'
import { type Route, routesOf, Senders } from './routes.ts'

type Body = readonly Uint8Array[]

export class OtlpHttpExporter implements Exporter {
  readonly #headers: Readonly<Record<string, string>>
  readonly #json: boolean
  readonly #settings: Settings
  readonly #coder: BodyCoder
  readonly #routes: Readonly<Partial<Record<Signal, Route>>>
  readonly #senders: Senders
  readonly #delivery: Delivery<Body>

  constructor(config: OtlpHttpConfig, settings: Settings) {
    this.#settings = settings
    this.#json = config.encoding === 'json'
    const coding = config.compression === 'none' ? undefined : config.compression
    this.#coder = new BodyCoder({ coding, level: config.compression_params.level, concatenatedMembers: config.concatenated_members })
    this.#headers = {
      'user-agent': 'millrace',
      ...lowerCased(config.headers),
      'content-type': this.#json ? 'application/json' : 'application/x-protobuf',
      ...(coding === undefined ? {} : { 'content-encoding': coding }),
    }
    this.#senders = new Senders(config, settings)
    this.#routes = routesOf(config, this.#senders)
    this.#delivery = new Delivery({
      settings,
      retry: retryOptionsOf(config.retry_on_failure),
      timeoutMs: parseDuration(config.timeout),
      target: config.endpoint ?? settings.id,
      auth: config.auth && settings.extension('client_auth', config.auth.authenticator),
      encode: (batch) => this.#encode(batch),
      attempt: (batch, body, credentials, timeoutMs) => this.#attempt(batch, body, credentials, timeoutMs),
      destroy: () => this.#senders.destroy(),
    })
  }

  async start(): Promise<void> {
    if (!this.#json) this.#coder.start()
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    return this.#delivery.consume(batch, deadlineMs)
  }

  async stop(abort: AbortSignal): Promise<void> {
    await this.#delivery.stop(abort)
    this.#coder.stop()
  }

  #encode(batch: Batch): Promise<Body> {
    return this.#coder.encode(this.#json ? [jsonOf(batch)] : batch.chunks)
  }

  async #attempt(batch: Batch, body: Body, credentials: Readonly<Record<string, string>>, timeoutMs: number): Promise<void> {
    const route = this.#routes[batch.signal]
    if (route === undefined) throw new Error(`there is no endpoint for ${batch.signal}; set endpoint or ${batch.signal}_endpoint`)
    const { sender, path, url } = route
    const answer = await post(sender, path, { ...this.#headers, ...credentials }, body, timeoutMs, url)
    judge(answer, url, batch, this.#settings.clock.now())
  }
}

async function post(
  sender: HttpSender,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Body,
  timeoutMs: number,
  url: string,
): ReturnType<HttpSender['post']> {
  try {
    return await sender.post(path, headers, body, timeoutMs)
  } catch (error) {
    const Kind = error instanceof BrokenConnectionError ? BrokenConnectionError : RetryableError
    throw new Kind(`POST ${url}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Requests laid end to end are one request, in protobuf alone: so they are joined first. */
function jsonOf({ signal, chunks }: Batch): Buffer {
  return Buffer.from(otlp.toJson(signal, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
}
