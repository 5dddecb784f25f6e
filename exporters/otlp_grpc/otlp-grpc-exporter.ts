// Exporter `otlp_grpc` at work: a batch becomes one call of Export, made until it is answered for good or nobody waits any more.

import { type Batch, type Exporter, lowerCased, parseDuration, RetryableError, type Settings, type Signal } from '../../core/index.ts'
import { BodyCoder, BrokenConnectionError, ClientTls, Delivery, GrpcSender, proxyOf, retryOptionsOf } from '../../core/client/index.ts'
import { addressOf } from './address.ts'
import type { OtlpGrpcConfig } from './factory.ts'
import { judge } from './judge.ts'

const PATHS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

type Body = readonly Uint8Array[]

export class OtlpGrpcExporter implements Exporter {
  readonly #target: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #coder: BodyCoder
  readonly #sender: GrpcSender
  readonly #delivery: Delivery<Body>

  constructor(config: OtlpGrpcConfig, settings: Settings) {
    this.#target = config.endpoint
    this.#headers = { 'user-agent': 'millrace', ...metadataOf(config.headers) }
    this.#coder = new BodyCoder({
      coding: config.compression === 'none' ? undefined : config.compression,
      level: config.compression_params.level,
      concatenatedMembers: config.concatenated_members,
    })
    this.#sender = senderOf(config, settings)
    this.#delivery = new Delivery({
      settings,
      retry: retryOptionsOf(config.retry_on_failure),
      timeoutMs: parseDuration(config.timeout),
      target: config.endpoint,
      auth: config.auth && settings.extension('client_auth', config.auth.authenticator),
      encode: ({ chunks }) => this.#coder.encode(chunks),
      attempt: (batch, body, credentials, timeoutMs) => this.#attempt(batch, body, credentials, timeoutMs),
      destroy: () => this.#sender.destroy(),
    })
  }

  async start(): Promise<void> {
    this.#coder.start()
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    return this.#delivery.consume(batch, deadlineMs)
  }

  async stop(abort: AbortSignal): Promise<void> {
    await this.#delivery.stop(abort)
    this.#coder.stop()
  }

  async #attempt(batch: Batch, body: Body, credentials: Readonly<Record<string, string>>, timeoutMs: number): Promise<void> {
    const call = this.#sender.unary(PATHS[batch.signal], { ...this.#headers, ...credentials }, body, this.#coder.coding, timeoutMs)
    const answer = await call.catch((error: unknown) => {
      const Kind = error instanceof BrokenConnectionError ? BrokenConnectionError : RetryableError
      throw new Kind(`${this.#target}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
    judge(answer, this.#target, batch)
  }
}

function senderOf(config: OtlpGrpcConfig, settings: Settings): GrpcSender {
  const address = addressOf(config.endpoint, config.tls.insecure)
  if (typeof address === 'string') throw new Error(`endpoint: ${address}`)
  const { target, authority } = address
  const { keepalive, proxy_url: proxy, timeout } = config
  return new GrpcSender({
    target,
    authority: config.authority ?? authority,
    // As to every gRPC library, HTTPS_PROXY is for all calls: they are tunnelled, encrypted or not.
    proxy: target.socketPath === undefined ? proxyOf(new URL(`https://${authority}`), proxy) : undefined,
    tls: target.isTls ? new ClientTls(config.tls, settings.clock, settings.log) : undefined,
    keepalive: {
      timeMs: parseDuration(keepalive.time) || Infinity,
      timeoutMs: parseDuration(keepalive.timeout),
      withoutCalls: keepalive.permit_without_stream,
    },
    connectTimeoutMs: parseDuration(timeout),
    clock: settings.clock,
  })
}

/** A name that ends in `-bin` holds bytes, which travel as base64. */
function metadataOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(lowerCased(headers))
  return Object.fromEntries(entries.map(([name, value]) => [name, name.endsWith('-bin') ? Buffer.from(value).toString('base64') : value]))
}
