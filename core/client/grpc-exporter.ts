// An exporter over gRPC at work: a batch becomes one unary call, made until it is answered for good or nobody waits any more. `otlp_grpc` is one as it
// stands; others bring a path, and what their messages and answers are.

import type { Batch, Signal } from '../batch.ts'
import type { Exporter, Settings } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { RetryableError } from '../errors.ts'

import { BodyCoder } from './body-coder.ts'
import { ClientTls } from './client-tls.ts'
import { Delivery } from './delivery.ts'
import { grpcAddressOf } from './grpc-address.ts'
import type { GrpcAnswer } from './grpc-call.ts'
import { judge } from './grpc-judge.ts'
import type { GrpcClientConfig } from './grpc-schema.ts'
import { GrpcSender } from './grpc-sender.ts'
import { proxyOf } from './proxy.ts'
import { BrokenConnectionError } from './retry.ts'
import { retryOptionsOf } from './retry-options.ts'
import { lowerCased } from './schema.ts'

const PATHS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

type Body = readonly Uint8Array[]

/** What is called, where that is not OTLP's Export. */
export interface GrpcService {
  readonly path: string
  /** The message, in pieces. */
  readonly encode: (batch: Batch) => Body
  /** Returns where the batch was taken, and throws one of the three errors where not. */
  readonly judge: (answer: GrpcAnswer, target: string, batch: Batch) => void
}

export class GrpcExporter implements Exporter {
  readonly #target: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #service: GrpcService | undefined
  readonly #coder: BodyCoder
  readonly #sender: GrpcSender
  readonly #delivery: Delivery<Body>

  constructor(config: GrpcClientConfig, settings: Settings, service?: GrpcService) {
    this.#service = service
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
      encode: (batch) => this.#coder.encode(service === undefined ? batch.chunks : service.encode(batch)),
      attempt: (batch, body, credentials, timeoutMs) => this.#attempt(batch, body, credentials, timeoutMs),
      destroy: () => this.#sender.destroy(),
    })
  }

  async start(): Promise<void> {
    // What is sent as another message than it came in never leaves in the bytes it came in.
    if (this.#service === undefined) this.#coder.start()
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    return this.#delivery.consume(batch, deadlineMs)
  }

  async stop(abort: AbortSignal): Promise<void> {
    await this.#delivery.stop(abort)
    this.#coder.stop()
  }

  async #attempt(batch: Batch, body: Body, credentials: Readonly<Record<string, string>>, timeoutMs: number): Promise<void> {
    const service = this.#service
    const path = service?.path ?? PATHS[batch.signal]
    const call = this.#sender.unary(path, { ...this.#headers, ...credentials }, body, this.#coder.coding, timeoutMs)
    const answer = await call.catch((error: unknown) => {
      const Kind = error instanceof BrokenConnectionError ? BrokenConnectionError : RetryableError
      throw new Kind(`${this.#target}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
    const verdict = service?.judge ?? judge
    verdict(answer, this.#target, batch)
  }
}

function senderOf(config: GrpcClientConfig, settings: Settings): GrpcSender {
  const address = grpcAddressOf(config.endpoint, config.tls.insecure)
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
