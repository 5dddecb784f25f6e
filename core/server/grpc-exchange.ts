// One unary call of gRPC: reads its one message within the limits, and answers with a status in trailers. The gRPC door makes one for
// every stream.
//
//   Length-Prefixed-Message: compressed-flag(1) message-length(4, big-endian) message

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Peer } from '../component.ts'
import type { Encoding } from '../otlp/export-response.ts'
import { DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED } from '../otlp/rpc-status.ts'
import { BodyBuffer } from './body-buffer.ts'
import type { Desk } from './desk.ts'
import { Exchange, type Handle } from './exchange.ts'
import { statusHeaders } from './grpc-status.ts'
import { grpcTimeoutMs } from './grpc-timeout.ts'
import type { Coding } from './headers.ts'
import { NO_PEER, peerOf } from './peer.ts'
import { type Refusal, tooLarge } from './refusal.ts'

export const PREFIX_BYTES = 5
export const CODINGS: ReadonlyMap<string, Coding | undefined> = new Map([
  ['identity', undefined],
  ['gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['zstd', 'zstd'],
])
const ACCEPTED_CODINGS: string = [...CODINGS.keys()].join(',')

/** As arrays, and without a date, which nobody reads: half the cost of answering. */
export const SUCCESS: readonly string[] = [':status', '200', 'content-type', 'application/grpc']
export const WITH_TRAILERS = { waitForTrailers: true, sendDate: false } as const
const TRAILERS_ONLY = { endStream: true, sendDate: false } as const
/** How much more is read of a call that was refused before its end, and for how long. */
const MAX_DRAIN_BYTES = 256 * 1024
const MAX_DRAIN_MS = 1000
const EMPTY_MESSAGE: Buffer = Buffer.alloc(PREFIX_BYTES)

/** Told whenever something was written: the connection counts it. */
export interface Connection {
  wrote(): void
}

/** Answers up to this are not watched: as many as one connection may have are a megabyte. Others have so long to be read. */
const SMALL_ANSWER_BYTES = 1024
const MAX_READING_MS = 30_000

export class GrpcExchange extends Exchange {
  readonly encoding: Encoding = 'protobuf'
  readonly #stream: ServerHttp2Stream
  readonly #connection: Connection
  #coding: Coding | undefined
  /** Bytes of a message's prefix that came without the rest of it. */
  #prefix: Buffer | undefined
  #body: BodyBuffer | undefined
  #missingBytes = 0
  #isCompressed = false
  #isWhole = false

  constructor(desk: Desk, connection: Connection, stream: ServerHttp2Stream, handle: Handle) {
    super(desk, handle)
    this.#connection = connection
    this.#stream = stream
    stream.on('close', () => {
      // Gone before the end of its message: nobody waits for an answer.
      if (!this.#isWhole) this.end()
    })
  }

  begin(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    this.authenticate(rawHeaders, () => {
      const encoding = headers['grpc-encoding'] as string | undefined
      if (encoding !== undefined) {
        if (!CODINGS.has(encoding)) return this.refuse(wrongEncoding(encoding))
        this.#coding = CODINGS.get(encoding)
      }
      const timeout = headers['grpc-timeout'] as string | undefined
      this.timeoutMs = grpcTimeoutMs(timeout)
      if (Number.isNaN(this.timeoutMs)) return this.refuse(wrongTimeout(timeout!))
      this.#read()
    })
  }

  /** Infinitely far for a client that does not say. */
  get #isLate(): boolean {
    return this.desk.clock.monotonicMs() - this.startedMs >= this.timeoutMs
  }

  #read(): void {
    this.desk.slowBodies.add(this)
    this.#stream.on('data', (piece: Buffer) => {
      if (this.over) return
      this.receivedBytes += piece.length
      const fault = this.#append(piece)
      if (fault !== undefined) this.refuse(fault)
    })
    this.#stream.on('end', () => {
      if (this.over) return
      if (this.#body === undefined || this.#missingBytes > 0) return this.refuse(broken('the stream ends before its message does'))
      this.#isWhole = true
      if (this.#isLate) return this.refuse(LATE)
      this.take(this.#body.take(), this.#isCompressed ? this.#coding : undefined)
    })
  }

  #append(piece: Buffer): Refusal | undefined {
    if (this.#body !== undefined) return this.#appendMessage(piece)
    const start = this.#prefix === undefined ? piece : Buffer.concat([this.#prefix, piece])
    if (start.length < PREFIX_BYTES) {
      this.#prefix = start
      return undefined
    }
    const flag = start[0]!
    const length = start.readUInt32BE(1)
    if (flag > 1) return broken(`a message begins with ${flag}; accepted: 0 or 1`)
    if (flag === 1 && this.#coding === undefined) return broken('a message is marked as compressed, and grpc-encoding does not say how')
    if (length > this.limitBytes) return tooLarge(this.limitBytes)
    this.#isCompressed = flag === 1
    this.#missingBytes = length
    this.#body = new BodyBuffer(this, length)
    return start.length === PREFIX_BYTES ? undefined : this.#appendMessage(start.subarray(PREFIX_BYTES))
  }

  #appendMessage(piece: Buffer): Refusal | undefined {
    if (piece.length > this.#missingBytes) return broken('more than one message; accepted: exactly one')
    this.#missingBytes -= piece.length
    return this.#body!.append(piece)
  }

  protected writeSuccess(body: Uint8Array | undefined): void {
    if (this.isGone) return
    const stream = this.#stream
    this.#connection.wrote()
    stream.on('wantTrailers', sendOk)
    stream.respond(SUCCESS, WITH_TRAILERS)
    stream.end(body === undefined ? EMPTY_MESSAGE : framed(body))
    if (body !== undefined && body.length > SMALL_ANSWER_BYTES) this.#awaitReader()
  }

  /** A client decides how much it lets come, and may let nothing. */
  #awaitReader(): void {
    const stream = this.#stream
    const timer = this.desk.clock.after(MAX_READING_MS, () => stream.close(constants.NGHTTP2_CANCEL))
    stream.once('close', () => timer.cancel())
  }

  protected writeRefusal(refusal: Refusal): void {
    if (this.isGone) return
    // A destination that could not take it in time: the client has stopped waiting, and may be told so.
    const told = refusal.retryAfterMs !== undefined && this.#isLate ? LATE : refusal
    this.#connection.wrote()
    answerOnly(this.#stream, refusalHeaders(told))
  }

  protected get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  protected get peer(): Peer {
    const { session } = this.#stream
    return session === undefined ? NO_PEER : peerOf(session, session.socket)
  }
}

export function refusalHeaders(refusal: Refusal): readonly string[] {
  const more = refusal.code === UNIMPLEMENTED ? ['grpc-accept-encoding', ACCEPTED_CODINGS] : []
  return [...SUCCESS, ...statusHeaders(refusal), ...more]
}

/** Answers with headers alone, and reads on for a little: some clients lose an answer that a reset follows at once. */
export function answerOnly(stream: ServerHttp2Stream, headers: readonly string[]): void {
  stream.respond(headers, TRAILERS_ONLY)
  drain(stream)
}

/** Behind an answer that came before the end of the call. */
export function drain(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return
  let left = MAX_DRAIN_BYTES
  const finish = (): void => {
    clearTimeout(timer)
    if (!stream.closed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  }
  const timer = setTimeout(finish, MAX_DRAIN_MS)
  stream.on('data', (piece: Buffer) => {
    left -= piece.length
    if (left < 0) finish()
  })
  stream.once('close', finish)
  stream.resume()
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers({ 'grpc-status': '0' })
}

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, PREFIX_BYTES)
  return frame
}

const LATE: Refusal = { httpStatus: 504, code: DEADLINE_EXCEEDED, message: 'the time that grpc-timeout gives is over' }

function broken(message: string): Refusal {
  return { httpStatus: 400, code: INTERNAL, message }
}

export function wrongEncoding(found: string): Refusal {
  return { httpStatus: 415, code: UNIMPLEMENTED, message: `grpc-encoding is ${found}; accepted: one of ${ACCEPTED_CODINGS}` }
}

function wrongTimeout(found: string): Refusal {
  return {
    httpStatus: 400,
    code: INVALID_ARGUMENT,
    message: `grpc-timeout is ${found}; accepted: up to eight digits and one of H M S m u n`,
  }
}
