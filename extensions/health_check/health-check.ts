// Extension `health_check` at work: a server with one page. The answers are the Collector's, so that probes need no change.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { type Endpoint, type Extension, formatEndpoint, type Service, type Settings } from '../../core/index.ts'

/** A probe sends a few hundred bytes at once; whoever takes longer is not one. */
const REQUEST_TIMEOUT_MS = 5000
const MAX_CONNECTIONS = 100

export class HealthCheck implements Extension {
  readonly #endpoint: Endpoint
  readonly #path: string
  readonly #service: Service
  readonly #settings: Settings
  readonly #server: Server
  /** Extensions start just before the pipelines do. */
  #startedAt = { date: new Date(0), monotonicMs: 0 }

  constructor(endpoint: Endpoint, path: string, service: Service, settings: Settings) {
    this.#endpoint = endpoint
    this.#path = path
    this.#service = service
    this.#settings = settings
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8192, connectionsCheckingInterval: 1000 },
      (request, response) => this.#answer(request, response),
    )
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  async start(abort: AbortSignal): Promise<void> {
    this.#server.listen(this.#endpoint.port, this.#endpoint.host)
    await once(this.#server, 'listening', { signal: abort })
    const { clock } = this.#settings
    this.#startedAt = { date: clock.now(), monotonicMs: clock.monotonicMs() }
    this.#settings.log.info({ endpoint: this.addresses.http, path: this.#path }, 'answering health checks')
  }

  get addresses(): { readonly http: string } {
    const { address, port } = this.#server.address() as AddressInfo
    return { http: formatEndpoint({ host: address, port }) }
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    // It answers at once: whatever is still open is an idle connection, or a request that has not come in whole.
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // What a probe might send along is not read.
    request.resume()
    const path = request.url?.split('?', 1)[0] ?? '/'
    if (path !== this.#path && !(this.#path.endsWith('/') && path.startsWith(this.#path)))
      return reply(response, 404, { status: 'Not found' })
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return reply(response, 405, { status: 'Method not allowed' })
    }
    if (this.#service.status() !== 'ready') {
      return reply(response, 503, { status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' })
    }
    const { date, monotonicMs } = this.#startedAt
    const uptimeS = (this.#settings.clock.monotonicMs() - monotonicMs) / 1000
    reply(response, 200, { status: 'Server available', upSince: date.toISOString(), uptime: `${uptimeS.toFixed(3)}s` })
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' })
  response.end(text)
}
