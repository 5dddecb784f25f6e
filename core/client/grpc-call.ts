// One unary call of gRPC on a connection of HTTP/2: GrpcSender makes one for every attempt. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { RetryableError } from '../errors.ts'
import { MAX_ANSWER_BYTES } from './answer-reader.ts'
import { BrokenConnectionError } from './retry.ts'

/** What a status of HTTP means where no gRPC stands behind it (a proxy, mostly): doc/http-grpc-status-mapping.md. */
const OF_HTTP: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 }
const HTTP_OK = 200
const UNKNOWN = 2
const RESOURCE_EXHAUSTED = 8

export interface GrpcAnswer {
  readonly status: number
  readonly message: string
  /** google.rpc.Status in bytes, or none. */
  readonly details: Buffer
  /** How `body` is compressed, if its first byte says that it is. */
  readonly encoding: string
  /** Messages in their frames: at most MAX_ANSWER_BYTES. */
  readonly body: Buffer
}

export class GrpcCall {
  readonly answer: Promise<GrpcAnswer>
  readonly #resolve: (answer: GrpcAnswer) => void
  readonly #reject: (error: Error) => void
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream
  #headers: IncomingHttpHeaders = {}
  #trailers: IncomingHttpHeaders = {}
  #error: Error | undefined
  #pieces: Buffer[] = []
  #length = 0

  /** @throws Error where the session is not open any more. */
  constructor(session: ClientHttp2Session, headers: OutgoingHttpHeaders, pieces: readonly Uint8Array[]) {
    const { promise, resolve, reject } = Promise.withResolvers<GrpcAnswer>()
    this.answer = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#session = session
    this.#stream = session.request(headers)
    this.#listen()
    // Held back until all are written, they leave in one call.
    this.#stream.cork()
    for (const piece of pieces) this.#stream.write(piece)
    this.#stream.end()
    this.#stream.uncork()
  }

  /** Nobody waits any more: the server is told. */
  cancel(reason: Error): void {
    this.#reject(reason)
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  #listen(): void {
    const stream = this.#stream
    stream.on('response', (headers) => (this.#headers = headers))
    stream.on('trailers', (trailers) => (this.#trailers = trailers))
    stream.on('data', (piece: Buffer) => this.#take(piece))
    stream.on('error', (error) => (this.#error = error))
    stream.on('close', () => this.#settle())
  }

  #take(piece: Buffer): void {
    this.#length += piece.length
    if (this.#length <= MAX_ANSWER_BYTES) return void this.#pieces.push(piece)
    this.#resolve(answerOf(RESOURCE_EXHAUSTED, `the answer is longer than ${MAX_ANSWER_BYTES} bytes`))
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  #settle(): void {
    // An answer without a message has its status among the headers.
    const last = this.#trailers['grpc-status'] === undefined ? this.#headers : this.#trailers
    const status = /^\d{1,4}$/.exec(String(last['grpc-status'] ?? ''))?.[0]
    const http = Number(this.#headers[':status'] ?? 0)
    if (status !== undefined) {
      const details = last['grpc-status-details-bin']
      this.#resolve({
        status: Number(status),
        message: decoded(String(last['grpc-message'] ?? '')),
        details: details === undefined ? EMPTY : Buffer.from(String(details), 'base64'),
        encoding: String(this.#headers['grpc-encoding'] ?? 'identity'),
        body: Buffer.concat(this.#pieces),
      })
    } else if (http !== 0 && http !== HTTP_OK) this.#resolve(answerOf(OF_HTTP[http] ?? UNKNOWN, `HTTP status ${http}, and no gRPC`))
    else this.#reject(this.#broken(http === 0))
  }

  /** `unanswered`: nothing at all had come. */
  #broken(unanswered: boolean): Error {
    const { rstCode } = this.#stream
    const wasReset = rstCode !== constants.NGHTTP2_NO_ERROR && !this.#session.destroyed
    const reason = wasReset
      ? `the stream was reset: ${codeName(rstCode)}`
      : (this.#error?.message ?? 'the connection closed before the answer came')
    // REFUSED_STREAM promises that nothing was done with the request.
    const isAtOnce = unanswered && (!wasReset || rstCode === constants.NGHTTP2_REFUSED_STREAM)
    return isAtOnce ? new BrokenConnectionError(reason) : new RetryableError(reason)
  }
}

const EMPTY = Buffer.alloc(0)

function answerOf(status: number, message: string): GrpcAnswer {
  return { status, message, details: EMPTY, encoding: 'identity', body: EMPTY }
}

/** Of RFC 9113, 7. */
function codeName(code: number): string {
  const name = Object.entries(constants).find(([name, value]) => value === code && NAMES.has(name))?.[0]
  return name?.slice('NGHTTP2_'.length) ?? String(code)
}
const NAMES = new Set(
  ['PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'STREAM_CLOSED', 'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL']
    .concat(['COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY'])
    .map((name) => `NGHTTP2_${name}`),
)

/** Percent-encoded, of whatever was not printable; what is broken is shown as it came. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
