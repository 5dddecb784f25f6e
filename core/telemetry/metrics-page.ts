// The page that Prometheus reads, `GET /metrics`. `run` opens one for each `pull` reader.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Endpoint, formatEndpoint } from '../endpoint.ts'
import { PROMETHEUS_CONTENT_TYPE } from './prometheus.ts'

/** A scrape asks in a few hundred bytes at once; whoever takes longer is none. */
const REQUEST_TIMEOUT_MS = 5000
const MAX_CONNECTIONS = 100

export class MetricsPage {
  readonly #server: Server
  readonly #endpoint: Endpoint
  readonly #read: () => string

  constructor(endpoint: Endpoint, read: () => string) {
    this.#endpoint = endpoint
    this.#read = read
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8192, connectionsCheckingInterval: 1000 },
      (request, response) => this.#answer(request, response),
    )
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /** Rejects with the system's error where the address cannot be had. */
  async start(): Promise<void> {
    this.#server.listen(this.#endpoint.port, this.#endpoint.host)
    await once(this.#server, 'listening')
    this.#server.unref() // the pipelines keep the process alive, or it has nothing to do
  }

  /** Where it listens, once started. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return formatEndpoint({ host: address, port })
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const isPage = request.url === '/metrics' || request.url?.startsWith('/metrics?') === true
    if (!isPage) return end(response, 404, 'the metrics are at /metrics\n')
    if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'accepted: GET\n', { Allow: 'GET, HEAD' })
    end(response, 200, this.#read(), { 'Content-Type': PROMETHEUS_CONTENT_TYPE })
  }
}

function end(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text), ...headers })
  response.end(text)
}
