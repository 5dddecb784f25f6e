// The WebSocket door of a receiver: listens, lets in who may come, hands every connection to the talk of its path, and closes without losing
// an answer. The frames are those of `ws`; what bounds them is here and in web-socket-connection.ts.
//
//   https://www.rfc-editor.org/rfc/rfc6455

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { ANONYMOUS, type Origin } from '../batch.ts'
import type { Clock } from '../clock.ts'
import { UnauthenticatedError } from '../errors.ts'
import type { ByteBudget } from './byte-budget.ts'
import { originPattern } from './cors.ts'
import type { Guard } from './guard.ts'
import { BACKLOG, listen } from './listen.ts'
import type { ListenAddress } from './listen-address.ts'
import { loneHeaders } from './lone-headers.ts'
import { peerOf } from './peer.ts'
import { badRequest, type Refusal, unauthenticated, unavailable, unknownPath } from './refusal.ts'
import type { ServerTls } from './server-tls.ts'
import { whileKnown } from './still-known.ts'
import { type ConnectionLimits, MAX_CLOSE_MS, type Talker, WebSocketConnection } from './web-socket-connection.ts'

export interface WebSocketDoorOptions extends Guard, ConnectionLimits {
  readonly address: ListenAddress
  readonly tls?: ServerTls
  /** Of everything that is held for all connections. Doors may share one. */
  readonly budget: ByteBudget
  readonly clock: Clock
  readonly readHeaderTimeoutMs: number
  readonly maxConnections: number
  /** Which pages may connect; `*` stands for anything. What is no browser says no origin, and is not asked for one. */
  readonly allowedOrigins: readonly string[]
  /** Let clients that ask for it compress their messages. */
  readonly compression: boolean
}

/** What is spoken at a path, by subprotocol; `''` is for clients that offer none. */
export type Protocols = ReadonlyMap<string, Talker>

const LOOK_EVERY_MS = 1000
/** Connections that have not been upgraded yet, above `maxConnections`: they must be told why not. */
const SPARE_CONNECTIONS = 256
/** A page cannot set headers: its token comes as one more subprotocol. */
const BEARER = 'bearer.'
/** A policy is violated: the next connection needs another token. */
const NOT_KNOWN = 1008
/** A message in pieces may have so many; each takes memory beside its bytes. */
const MAX_PIECES = 16_384

export class WebSocketDoor {
  readonly #options: WebSocketDoorOptions
  readonly #paths = new Map<string, Protocols>()
  readonly #server: Server | SecureServer
  readonly #frames: WebSocketServer
  readonly #connections = new Set<WebSocketConnection>()
  readonly #origins: readonly RegExp[]
  /** Being let in. */
  #entering = 0
  #closing = false
  #timer: { cancel(): void } | undefined
  #onEmpty: (() => void) | undefined

  constructor(options: WebSocketDoorOptions) {
    this.#options = options
    this.#origins = options.allowedOrigins.map((origin) => originPattern(origin))
    this.#server = this.#makeServer()
    this.#frames = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.maxMessageBytes,
      maxFragments: MAX_PIECES,
      maxBufferedChunks: MAX_PIECES,
      // Whoever takes messages checks their text, and so need not ws.
      skipUTF8Validation: true,
      closeTimeout: MAX_CLOSE_MS,
      // Without a context from message to message a connection that is idle holds no window, 300 KB of memory each.
      perMessageDeflate: options.compression && { clientNoContextTakeover: true, serverNoContextTakeover: true, threshold: 1024 },
      handleProtocols: (offered, request) => chosen(offered, this.#paths.get(pathOf(request))!) ?? false,
    } as ConstructorParameters<typeof WebSocketServer>[0])
  }

  /** Before `start`. */
  speak(path: string, protocols: Protocols): void {
    this.#paths.set(path, protocols)
  }

  get connections(): number {
    return this.#connections.size
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
    tls?.watch((context) => (server as SecureServer).setSecureContext(context))
    const look = (): void => {
      this.#timer = clock.after(LOOK_EVERY_MS, look)
      const nowMs = clock.monotonicMs()
      for (const connection of this.#connections) connection.look(nowMs)
    }
    this.#timer = clock.after(LOOK_EVERY_MS, look)
  }

  /** Where it listens, once started. */
  get address(): ListenAddress {
    const bound = this.#server.address() as AddressInfo | string
    return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
  }

  /** Lets nobody in any more, answers what was taken, and closes every connection with 1001; `abort` ends the waiting. */
  async stop(abort: AbortSignal): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    this.#options.tls?.stop()
    const closed = this.#server.listening ? new Promise<void>((resolve) => void this.#server.close(() => resolve())) : undefined
    this.#server.closeIdleConnections()
    const { promise: empty, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    const cut = (): void => {
      for (const connection of this.#connections) connection.destroy()
      this.#server.closeAllConnections()
      resolve()
    }
    abort.addEventListener('abort', cut)
    for (const connection of this.#connections) connection.leave()
    if (abort.aborted) cut()
    this.#left()
    await Promise.all([closed, empty])
    this.#timer?.cancel()
    abort.removeEventListener('abort', cut)
  }

  #makeServer(): Server | SecureServer {
    const { tls, readHeaderTimeoutMs, maxConnections } = this.#options
    const options = {
      headersTimeout: readHeaderTimeoutMs,
      requestTimeout: readHeaderTimeoutMs,
      keepAliveTimeout: readHeaderTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, readHeaderTimeoutMs),
    }
    const server = tls === undefined ? createServer(options) : createSecureServer({ ...options, ...tls.read() })
    server.maxConnections = maxConnections + SPARE_CONNECTIONS
    server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(426, { Upgrade: 'websocket', Connection: 'close', 'Content-Type': 'application/json' })
      response.end(bodyOf('nothing but WebSocket is spoken here; accepted: an upgrade'))
    })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => void this.#enter(request, socket, head))
    return server
  }

  /** Never rejects. */
  async #enter(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', ignore)
    this.#entering++
    const refusal = this.#refusalOf(request) ?? (await this.#originOf(request, socket))
    this.#entering--
    if ('httpStatus' in refusal) return refuse(socket, refusal)
    if (this.#closing) return refuse(socket, unavailable('this receiver stops'))
    if (socket.destroyed) return
    const talker = talkerOf(request, this.#paths)!
    this.#frames.handleUpgrade(request, socket, head, (frames) => {
      const connection = new WebSocketConnection(frames, socket as Socket, this.#options, () => {
        this.#connections.delete(connection)
        this.#left()
      })
      this.#connections.add(connection)
      const unknown = (): void => connection.leave(NOT_KNOWN, 'whoever opened this connection is known no longer')
      socket.once('close', whileKnown(this.#options, credentialsOf(request), peerOf(socket, socket), unknown))
      connection.begin(talker(refusal, connection))
    })
  }

  #left(): void {
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  #refusalOf(request: IncomingMessage): Refusal | undefined {
    const { maxConnections } = this.#options
    if (this.#closing) return unavailable('this receiver stops')
    if (this.#connections.size + this.#entering > maxConnections) return unavailable('too many connections')
    const protocols = this.#paths.get(pathOf(request))
    if (protocols === undefined) return unknownPath(pathOf(request), [...this.#paths.keys()])
    if (talkerOf(request, this.#paths) === undefined) return badRequest(`no such subprotocol here; accepted: ${accepted(protocols)}`)
    const { origin } = request.headers
    if (origin === undefined || this.#origins.some((pattern) => pattern.test(origin))) return undefined
    return { ...badRequest('the origin of this page is not in allowed_origins'), httpStatus: 403 }
  }

  async #originOf(request: IncomingMessage, socket: Duplex): Promise<Origin | Refusal> {
    const { authenticator, audit } = this.#options
    if (authenticator === undefined) return ANONYMOUS
    try {
      return await authenticator.authenticate(credentialsOf(request), peerOf(socket, socket))
    } catch (error) {
      if (!(error instanceof UnauthenticatedError)) return unavailable(error instanceof Error ? error.message : String(error))
      audit?.({ kind: 'refusal', act: 'authenticate', reason: error.message })
      return unauthenticated(error.message)
    }
  }
}

function pathOf({ url }: IncomingMessage): string {
  const mark = url!.indexOf('?')
  return mark < 0 ? url! : url!.slice(0, mark)
}

function talkerOf(request: IncomingMessage, paths: ReadonlyMap<string, Protocols>): Talker | undefined {
  const protocols = paths.get(pathOf(request))
  const offered = offeredBy(request)
  const wanted = offered.filter((name) => !name.startsWith(BEARER))
  return protocols?.get(wanted.length === 0 ? '' : (chosen(wanted, protocols) ?? '-'))
}

/** The first that is offered and known. */
function chosen(offered: Iterable<string>, protocols: Protocols): string | undefined {
  for (const name of offered) if (name !== '' && protocols.has(name)) return name
  return undefined
}

function accepted(protocols: Protocols): string {
  return [...protocols.keys()].map((name) => (name === '' ? 'none' : name)).join(', ')
}

function offeredBy({ headers }: IncomingMessage): readonly string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** The headers, and a token that came as a subprotocol where there is no `Authorization`. */
function credentialsOf(request: IncomingMessage): ReadonlyMap<string, string> {
  const headers = loneHeaders(request.rawHeaders)
  const tokens = offeredBy(request).filter((name) => name.startsWith(BEARER))
  if (tokens.length !== 1 || request.headers.authorization !== undefined) return headers
  return new Map([...headers, ['authorization', `Bearer ${Buffer.from(tokens[0]!.slice(BEARER.length), 'base64url').toString()}`]])
}

/** Before the upgrade there is no response to write to. */
function refuse(socket: Duplex, { httpStatus, message, headers = [] }: Refusal): void {
  const body = bodyOf(message)
  const more = Array.from({ length: headers.length / 2 }, (_, i) => `${headers[2 * i]}: ${headers[2 * i + 1]}\r\n`).join('')
  const length = Buffer.byteLength(body)
  const head = `HTTP/1.1 ${httpStatus} ${STATUS[httpStatus] ?? 'Refused'}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}`
  socket.end(`${head}Connection: close\r\n\r\n${body}`, () => socket.destroy())
}

const STATUS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

function bodyOf(message: string): string {
  return JSON.stringify({ message })
}

/** Whatever happens to a connection is told by its closing. */
function ignore(): void {}
