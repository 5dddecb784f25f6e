// Where `otlp_http` sends each signal: addresses from the configuration, and one sender for each place that they name.

import { parseDuration, type Settings, type Signal, socketPathOf } from '../../core/index.ts'
import { ClientTls, HttpSender, proxyOf } from '../../core/client/index.ts'
import type { OtlpHttpConfig } from './factory.ts'

export interface Route {
  readonly sender: HttpSender
  readonly path: string
  /** As errors name it. */
  readonly url: string
}

const SIGNALS = ['traces', 'metrics', 'logs'] as const

export function routesOf(config: OtlpHttpConfig, senders: Senders): Readonly<Partial<Record<Signal, Route>>> {
  const routes: Partial<Record<Signal, Route>> = {}
  for (const signal of SIGNALS) {
    const whole = config[`${signal}_endpoint`]
    if (whole !== undefined) routes[signal] = routeOf(new URL(whole), senders)
    else if (config.endpoint !== undefined) routes[signal] = ofEndpoint(config.endpoint, `/v1/${signal}`, senders)
  }
  return routes
}

function ofEndpoint(endpoint: string, path: string, senders: Senders): Route {
  const socketPath = socketPathOf(endpoint)
  if (socketPath !== undefined) return { sender: senders.at('http://localhost', socketPath), path, url: `${endpoint} ${path}` }
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
  return routeOf(url, senders)
}

function routeOf(url: URL, senders: Senders): Route {
  return { sender: senders.at(url.origin), path: url.pathname + url.search, url: url.href }
}

/** Signals that go to one place share its connections. */
export class Senders {
  readonly #config: OtlpHttpConfig
  readonly #settings: Settings
  readonly #byOrigin = new Map<string, HttpSender>()

  constructor(config: OtlpHttpConfig, settings: Settings) {
    this.#config = config
    this.#settings = settings
  }

  at(origin: string, socketPath?: string): HttpSender {
    const known = this.#byOrigin.get(origin)
    if (known !== undefined) return known
    const { clock, log } = this.#settings
    const { tls, proxy_url: proxy, timeout, idle_conn_timeout: idle, disable_keep_alives: noKeepAlive } = this.#config
    const sender = new HttpSender({
      origin,
      socketPath,
      proxy: socketPath === undefined ? proxyOf(new URL(origin), proxy) : undefined,
      tls: origin.startsWith('https:') ? new ClientTls(tls, clock, log) : undefined,
      ...maxConnections(this.#config),
      keepAlive: !noKeepAlive,
      idleTimeoutMs: parseDuration(idle),
      connectTimeoutMs: parseDuration(timeout),
      clock,
    })
    this.#byOrigin.set(origin, sender)
    return sender
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#byOrigin.values()].map((sender) => sender.destroy()))
  }
}

/** What may not lie idle would have to be closed after every request: so it is not opened. */
function maxConnections(config: OtlpHttpConfig): { readonly maxConnections?: number } {
  const limits = [config.max_conns_per_host, config.max_idle_conns, config.max_idle_conns_per_host].filter((limit) => limit > 0)
  return limits.length === 0 ? {} : { maxConnections: Math.min(...limits) }
}
