// The page that Prometheus reads: who may, in which format, compressed where that is asked for. The exporter opens one.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { endpointOf, formatEndpoint, type ServerAuthenticator, type Settings, UnauthenticatedError } from '../../core/index.ts'
import { loneHeaders, peerOf, ServerTls } from '../../core/server/index.ts'
import type { PrometheusConfig } from './factory.ts'
import type { ShownFamily } from './families.ts'
import { wantedBy, type Wanted } from './negotiate.ts'
import { protobufOf } from './protobuf.ts'
import { textOf } from './text.ts'

/** A scrape asks in a few hundred bytes at once; whoever takes longer is none. */
const REQUEST_TIMEOUT_MS = 5000
const MAX_CONNECTIONS = 100
/** Pages are large: so many are made, or on their way, at once, and a reader has so long for one. */
const MAX_PAGES = 4
const MAX_READING_MS = 60_000
/** Below this, compressing costs more than it saves. */
const COMPRESSED_BYTES = 1024

const compressed = promisify(gzip)

export class Page {
  readonly #config: PrometheusConfig
  readonly #settings: Settings
  readonly #families: (isUtf8: boolean) => readonly ShownFamily[]
  readonly #tls: ServerTls | undefined
  readonly #authenticator: ServerAuthenticator | undefined
  #server: Server | undefined
  #pages = 0

  constructor(config: PrometheusConfig, settings: Settings, families: (isUtf8: boolean) => readonly ShownFamily[]) {
    const { clock, log } = settings
    this.#config = config
    this.#settings = settings
    this.#families = families
    this.#tls = config.tls && new ServerTls(config.tls, clock, log)
    this.#authenticator = config.auth && settings.extension('server_auth', config.auth.authenticator)
  }

  async start(abort: AbortSignal): Promise<void> {
    const { host, port } = endpointOf(this.#config.endpoint)!
    const server = (this.#server = this.#opened())
    server.maxConnections = MAX_CONNECTIONS
    server.listen(port, host)
    await once(server, 'listening', { signal: abort })
    this.#tls?.watch((context) => (server as SecureServer).setSecureContext(context))
    this.#settings.log.info({ endpoint: this.address, path: this.#config.path }, 'showing metrics to Prometheus')
  }

  get address(): string {
    const { address, port } = this.#server!.address() as AddressInfo
    return formatEndpoint({ host: address, port })
  }

  async stop(): Promise<void> {
    this.#tls?.stop()
    const server = this.#server
    if (server === undefined || !server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  #opened(): Server {
    const options = {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: 16_384,
      connectionsCheckingInterval: 1000,
    }
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      // What a reader might send along is not read.
      request.resume()
      void this.#answer(request, response).catch((error: unknown) => {
        this.#settings.log.error({ error }, 'the page of metrics could not be made')
        if (!response.headersSent) end(response, 500, 'the page could not be made\n')
      })
    }
    return this.#tls === undefined ? createServer(options, answer) : createSecureServer({ ...options, ...this.#tls.read() }, answer)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path } = this.#config
    if (request.url?.split('?', 1)[0] !== path) return end(response, 404, `the metrics are at ${path}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'accepted: GET\n', { Allow: 'GET, HEAD' })
    if (!(await this.#mayRead(request, response))) return
    if (this.#pages >= MAX_PAGES) return end(response, 503, 'too many read at once\n', { 'Retry-After': '1' })
    this.#pages++
    const timer = this.#settings.clock.after(MAX_READING_MS, () => response.destroy())
    response.once('close', () => {
      this.#pages--
      timer.cancel()
    })
    await this.#show(request, response)
  }

  async #show(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wanted = wantedBy(request.headers.accept, this.#config.enable_open_metrics)
    const body = await this.#body(wanted, response)
    const headers = { 'Content-Type': wanted.contentType, Vary: 'Accept, Accept-Encoding' }
    const isCompressed = body.length >= COMPRESSED_BYTES && acceptsGzip(request)
    if (isCompressed) end(response, 200, await compressed(body, { level: 1 }), { ...headers, 'Content-Encoding': 'gzip' })
    else end(response, 200, body, headers)
  }

  /** What comes in meanwhile is taken between two pieces of it. */
  async #body({ format, isUtf8 }: Wanted, response: ServerResponse): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (const piece of this.#piecesOf(format, isUtf8)) {
      pieces.push(typeof piece === 'string' ? Buffer.from(piece) : piece)
      await new Promise((resolve) => setImmediate(resolve))
      if (response.destroyed) break
    }
    return Buffer.concat(pieces)
  }

  #piecesOf(format: Wanted['format'], isUtf8: boolean): Iterable<string | Buffer> {
    const families = this.#families(isUtf8)
    const { send_timestamps: timestamps } = this.#config
    if (format === 'protobuf') return protobufOf(families, isUtf8, timestamps)
    return textOf(families, { isOpenMetrics: format === 'openmetrics', isUtf8, timestamps })
  }

  /** Answers whoever may not. */
  async #mayRead(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (this.#authenticator === undefined) return true
    try {
      await this.#authenticator.authenticate(loneHeaders(request.rawHeaders), peerOf(request.socket, request.socket))
      return true
    } catch (error) {
      if (error instanceof UnauthenticatedError) end(response, 401, `${error.message}\n`)
      else end(response, 503, 'who asks cannot be told now\n', { 'Retry-After': '1' })
      return false
    }
  }
}

function acceptsGzip(request: IncomingMessage): boolean {
  return /(^|[\s,])gzip\s*(?!;\s*q=0(\.0*)?\s*(,|$))(;|,|$)/.test(request.headers['accept-encoding'] ?? '')
}

function end(response: ServerResponse, status: number, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(body), ...headers })
  response.end(body)
}
