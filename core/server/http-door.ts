// The HTTP door of a receiver: listens, routes POSTs to the work of their paths within limits, and closes without losing an answer.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { encodeStatus, INVALID_ARGUMENT } from '../otlp/rpc-status.ts'
import { writeRefusal } from './answer.ts'
import type { ByteBudget } from './byte-budget.ts'
import { Desk, type DeskOptions } from './desk.ts'
import { Cors, type CorsOptions } from './cors.ts'
import { HttpExchange, type HttpHandle } from './http-exchange.ts'
import { type HttpAnswerer, HttpQuery } from './http-query.ts'
import { BACKLOG, listen } from './listen.ts'
import type { ListenAddress } from './listen-address.ts'
import { badRequest, type Refusal, tooSlow, unknownPath, wrongMethod } from './refusal.ts'
import type { ServerTls } from './server-tls.ts'
import { OTLP, type Speech } from './speech.ts'

export interface HttpDoorOptions extends DeskOptions {
  readonly address: ListenAddress
  readonly tls?: ServerTls
  readonly cors?: CorsOptions
  readonly readHeaderTimeoutMs: number
  /** From the first byte of a request to its last. */
  readonly readTimeoutMs: number
  /** How long a sender may take to read its answer; 0 is without limit. */
  readonly writeTimeoutMs: number
  /** How long a connection without a request is kept. */
  readonly idleTimeoutMs: number
  readonly maxConnections?: number
  /** The Content-Encodings that are taken, `''` for none; without it, all that are known. */
  readonly codings?: ReadonlySet<string>
}

const MAX_PARAM_LENGTH = 4096

export class HttpDoor {
  readonly budget: ByteBudget
  readonly #desk: Desk
  readonly #options: HttpDoorOptions
  readonly #cors: Cors | undefined
  readonly #servers: Server[] = []
  readonly #app: FastifyInstance
  readonly #paths: string[] = []

  constructor(options: HttpDoorOptions) {
    this.#options = options
    this.budget = options.budget
    this.#desk = new Desk(options)
    this.#cors = options.cors && new Cors(options.cors)
    const refuse = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => refuseRaw(request, reply, refusalOf(error))
    this.#app = fastify({
      logger: false,
      exposeHeadRoutes: false,
      // Names in paths may be whatever a sender made up.
      routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
      // Answers while closing are ours, in the encoding of the request.
      return503OnClosing: false,
      // No route has a schema; fastify would load its compilers all the same, 15 ms of every start.
      schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
      serverFactory: (listener) => this.#makeServer(listener),
      clientErrorHandler: () => {}, // each server has its own, so that a second address of `localhost` has it too
      frameworkErrors: refuse,
    })
    this.#app.setErrorHandler(refuse)
    this.#app.setNotFoundHandler((request, reply) => refuseRaw(request, reply, unknownPath(request.url, this.#paths)))
    // What no route takes is left unread: whoever refuses it decides how much to read.
    this.#app.removeAllContentTypeParsers()
    this.#app.addContentTypeParser('*', (_request, _body, done) => done(null))
  }

  /** Before `start`: the work of a path, or why there is none. */
  post(path: string, served: HttpHandle | Refusal, speech: Speech = OTLP): void {
    this.#route('POST', path, speech, ({ raw }, response) => {
      if (typeof served === 'object') return served
      new HttpExchange(this.#desk, raw, response, served, speech, this.#options).begin()
    })
  }

  /** Before `start`. `path` may have parts such as `:id`. */
  get(path: string, answer: HttpAnswerer, speech: Speech = OTLP): void {
    this.#route('GET', path, speech, ({ raw, params }, response) => {
      const named = new Map(Object.entries(params as Record<string, string>))
      new HttpQuery(this.#desk, raw, response, named, answer, speech).begin()
    })
  }

  /** Hooks answer everything themselves: what fastify would do after them is not needed here, and costs. */
  #route(
    method: 'GET' | 'POST',
    path: string,
    speech: Speech,
    serve: (request: FastifyRequest, response: ServerResponse) => Refusal | undefined | void,
  ): void {
    this.#paths.push(path)
    const refuse = (request: IncomingMessage, response: ServerResponse, refusal: Refusal): void =>
      writeRefusal(request, response, speech, refusal, this.#desk.closing)
    this.#app.route({
      method,
      url: path,
      onRequest: (request, { raw: response }, _done) => {
        this.#cors?.allow(request.raw, response)
        const refusal = serve(request, response)
        if (refusal !== undefined) refuse(request.raw, response, refusal)
      },
      handler: unreachable,
    })
    this.#app.route({
      method: this.#app.supportedMethods.filter((other) => other !== method),
      url: path,
      onRequest: ({ raw }, { raw: response }, _done) => {
        const asked = this.#cors?.preflight(raw, response, method) ?? wrongMethod(raw.method!, method)
        if (asked !== 'answered') refuse(raw, response, asked)
      },
      handler: unreachable,
    })
  }

  /** Rejects with an error that names the address where it cannot be had. */
  async start(): Promise<void> {
    const { address, tls } = this.#options
    await listen(address, () => this.#app.listen({ ...address, backlog: BACKLOG }))
    tls?.watch((context) => {
      for (const server of this.#servers) (server as SecureServer).setSecureContext(context)
    })
    this.#desk.slowBodies.watch()
  }

  /** Where it listens, once started. */
  get address(): ListenAddress {
    const bound = this.#app.server.address() as AddressInfo | string
    return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
  }

  /** Takes no more connections, closes the idle ones, and waits for the answers that are owed; `abort` ends the waiting. */
  async stop(abort: AbortSignal): Promise<void> {
    const desk = this.#desk
    if (desk.closing) return
    desk.closing = true
    desk.slowBodies.stop()
    this.#options.tls?.stop()
    for (const stream of desk.streams) stream.finish()
    const cut = (): void => this.#cut()
    abort.addEventListener('abort', cut)
    if (abort.aborted) cut()
    await Promise.all([this.#app.close(), desk.idle(abort)])
    abort.removeEventListener('abort', cut)
  }

  #cut(): void {
    for (const server of this.#servers) server.closeAllConnections()
  }

  #makeServer(listener: (request: IncomingMessage, response: ServerResponse) => void): Server {
    const { readHeaderTimeoutMs, readTimeoutMs, idleTimeoutMs, maxConnections, tls } = this.#options
    const options = {
      headersTimeout: readTimeoutMs === 0 ? readHeaderTimeoutMs : Math.min(readHeaderTimeoutMs, readTimeoutMs),
      requestTimeout: readTimeoutMs,
      keepAliveTimeout: idleTimeoutMs,
      // How often Node looks for requests that are late.
      connectionsCheckingInterval: Math.min(1000, readHeaderTimeoutMs),
    }
    const server = tls === undefined ? createServer(options, listener) : createSecureServer({ ...options, ...tls.read() }, listener)
    if (maxConnections !== undefined) server.maxConnections = maxConnections
    // An exchange says `100 Continue` itself, once it knows that it wants the body.
    server.on('checkContinue', listener)
    server.on('clientError', refuseSocket)
    this.#servers.push(server)
    return server
  }
}

function refuseRaw(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
  reply.hijack()
  writeRefusal(request.raw, reply.raw, OTLP, refusal, false)
}

function refusalOf(error: FastifyError): Refusal {
  return { ...badRequest(error.message), httpStatus: error.statusCode ?? 400 }
}

/** What was not HTTP, or came too slowly: there is no request to answer, so the answer is written by hand. */
function refuseSocket(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const large = error.code === 'HPE_HEADER_OVERFLOW'
  const line = late ? '408 Request Timeout' : large ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const status = late ? tooSlow() : { code: INVALID_ARGUMENT, message: error.message }
  const body = encodeStatus('json', status.code, status.message)
  const head = `HTTP/1.1 ${line}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  ;(socket as Socket).end(head + body.toString(), () => socket.destroy())
}

function noSchemas(): never {
  throw new Error('a route has a schema, and there is no compiler for it')
}

function unreachable(): never {
  throw new Error('a route that answers in its hook reached its handler')
}
