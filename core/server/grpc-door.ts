// The gRPC door of a receiver: listens for HTTP/2, routes calls to the work of their methods within limits, and closes without losing
// an answer. The server is ours because the three Export methods need little of gRPC and all of its speed: docs/decisions/ has the measurements.

import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { UNIMPLEMENTED } from '../otlp/rpc-status.ts'
import { Desk, type DeskOptions } from './desk.ts'
import type { Handle } from './exchange.ts'
import { GrpcConnection, type KeepaliveOptions } from './grpc-connection.ts'
import { answerOnly, GrpcExchange, refusalHeaders } from './grpc-exchange.ts'
import { GrpcStream, type StreamLimits, type StreamTalker } from './grpc-stream.ts'
import { BACKLOG, listen } from './listen.ts'
import type { ListenAddress } from './listen-address.ts'
import type { Refusal } from './refusal.ts'
import type { ServerTls } from './server-tls.ts'

export interface GrpcDoorOptions extends DeskOptions {
  readonly address: ListenAddress
  readonly tls?: ServerTls
  /** On one connection at once. */
  readonly maxConcurrentStreams: number
  readonly keepalive: KeepaliveOptions
  readonly maxConnections?: number
}

interface Streamed {
  readonly talker: StreamTalker
  readonly limits: StreamLimits
}

/** What a sender may have on its way unasked: enough for the largest requests at 10 ms from here, and the most that waits for an authenticator. */
const STREAM_WINDOW_BYTES = 1024 * 1024
const CONNECTION_WINDOW_BYTES = 2 * 1024 * 1024
const LOOK_EVERY_MS = 1000

export class GrpcDoor {
  readonly #options: GrpcDoorOptions
  readonly #desk: Desk
  readonly #methods = new Map<string, Handle | Refusal | Streamed>()
  readonly #connections = new Set<GrpcConnection>()
  readonly #server: Http2Server | Http2SecureServer
  #timer: { cancel(): void } | undefined

  constructor(options: GrpcDoorOptions) {
    this.#options = options
    this.#desk = new Desk(options)
    this.#server = this.#makeServer()
    if (options.maxConnections !== undefined) this.#server.maxConnections = options.maxConnections
    this.#server.on('session', (session: ServerHttp2Session) => this.#opened(session))
  }

  /** Before `start`: the work of `/package.Service/Method`, or why there is none. */
  method(path: string, served: Handle | Refusal): void {
    this.#methods.set(path, served)
  }

  /** The same for a method that streams both ways. */
  stream(path: string, talker: StreamTalker, limits: StreamLimits): void {
    this.#methods.set(path, { talker, limits })
  }

  /** Rejects with an error that names the address where it cannot be had. */
  async start(): Promise<void> {
    const { address, tls, clock } = this.#options
    const server = this.#server
    await listen(address, () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      server.once('error', reject)
      server.listen({ ...address, backlog: BACKLOG }, () => (server.off('error', reject), resolve()))
      return promise
    })
    tls?.watch((context) => (server as Http2SecureServer).setSecureContext(context))
    this.#desk.slowBodies.watch()
    const look = (): void => {
      this.#timer = clock.after(LOOK_EVERY_MS, look)
      for (const connection of this.#connections) connection.look()
    }
    this.#timer = clock.after(LOOK_EVERY_MS, look)
  }

  /** Where it listens, once started. */
  get address(): ListenAddress {
    const bound = this.#server.address() as AddressInfo | string
    return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
  }

  /** Takes no more calls, and waits for the answers that are owed; `abort` ends the waiting. */
  async stop(abort: AbortSignal): Promise<void> {
    const desk = this.#desk
    if (desk.closing) return
    desk.closing = true
    desk.slowBodies.stop()
    this.#options.tls?.stop()
    const cut = (): void => {
      for (const connection of this.#connections) connection.destroy()
    }
    abort.addEventListener('abort', cut)
    const closed = this.#server.listening ? new Promise<void>((resolve) => void this.#server.close(() => resolve())) : undefined
    if (abort.aborted) cut()
    else for (const connection of this.#connections) connection.close()
    for (const stream of desk.streams) stream.finish()
    await Promise.all([closed, desk.idle(abort)])
    this.#timer?.cancel()
    abort.removeEventListener('abort', cut)
  }

  #makeServer(): Http2Server | Http2SecureServer {
    const settings = {
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxConcurrentStreams: this.#options.maxConcurrentStreams,
      enablePush: false,
    }
    const { tls } = this.#options
    return tls === undefined ? createServer({ settings }) : createSecureServer({ settings, ...tls.read() })
  }

  #opened(session: ServerHttp2Session): void {
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    const connection = new GrpcConnection(session, this.#options.keepalive, this.#options.clock, this.#take)
    this.#connections.add(connection)
    session.on('close', () => this.#connections.delete(connection))
    if (this.#desk.closing) connection.close()
  }

  readonly #take = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    connection: GrpcConnection,
  ): void => {
    if (headers[':method'] !== 'POST') return answerOnly(stream, [':status', '405', 'allow', 'POST'])
    if (!isGrpc(headers['content-type'])) return answerOnly(stream, [':status', '415'])
    const served = this.#methods.get(headers[':path']!) ?? unknownMethod(headers[':path']!, [...this.#methods.keys()])
    if (typeof served === 'function') new GrpcExchange(this.#desk, connection, stream, served).begin(headers, rawHeaders)
    else if ('talker' in served) new GrpcStream(this.#desk, connection, stream, served.talker, served.limits).begin(headers, rawHeaders)
    else answerOnly(stream, refusalHeaders(served))
  }
}

/** The messages of OTLP are protobuf, which is what gRPC means where nothing is said. */
function isGrpc(contentType: string | undefined): boolean {
  return (
    contentType === 'application/grpc' || contentType === 'application/grpc+proto' || contentType?.startsWith('application/grpc;') === true
  )
}

function unknownMethod(path: string, known: readonly string[]): Refusal {
  return { httpStatus: 404, code: UNIMPLEMENTED, message: `nothing is served at ${path}; known methods: ${known.join(', ')}` }
}
