// Where `prometheus_remote_write` sends to: one address, over connections of the client that exporters share.

import { parseDuration, type Settings } from '../../core/index.ts'
import { ClientTls, HttpSender, proxyOf } from '../../core/client/index.ts'
import type { RemoteWriteConfig } from './factory.ts'

export interface Destination {
  readonly sender: HttpSender
  readonly path: string
  /** As errors name it. */
  readonly url: string
}

export function destinationOf(config: RemoteWriteConfig, { clock, log }: Settings): Destination {
  const url = new URL(config.endpoint)
  const sender = new HttpSender({
    origin: url.origin,
    proxy: proxyOf(url, config.proxy_url),
    tls: url.protocol === 'https:' ? new ClientTls(config.tls, clock, log) : undefined,
    maxConnections: config.max_batch_request_parallelism,
    idleTimeoutMs: parseDuration(config.idle_conn_timeout),
    connectTimeoutMs: parseDuration(config.timeout),
    clock,
  })
  return { sender, path: url.pathname + url.search, url: url.href }
}
