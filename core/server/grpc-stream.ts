// One bidirectional call of gRPC: messages in, an answer for each, and a status when both sides have said everything. The gRPC door makes one for
// every call of a method that streams.
//
//   Length-Prefixed-Message: compressed-flag(1) message-length(4, big-endian) message

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Origin } from '../batch.ts'
import type { Peer } from '../component.ts'
import type { Encoding } from '../otlp/export-response.ts'
import { INTERNAL } from '../otlp/rpc-status.ts'
import { BodyBuffer } from './body-buffer.ts'
import { decompress, type Room } from './decompress.ts'
import type { Desk } from './desk.ts'
import { Exchange } from './exchange.ts'
import {
  answerOnly,
  CODINGS,
  type Connection,
  drain,
  framed,
  PREFIX_BYTES,
  refusalHeaders,
  SUCCESS,
  WITH_TRAILERS,
  wrongEncoding,
} from './grpc-exchange.ts'
import { statusHeaders } from './grpc-status.ts'
import type { Coding } from './headers.ts'
import { loneHeaders } from './lone-headers.ts'
import { NO_PEER, peerOf } from './peer.ts'
import { type Refusal, tooLarge, tooSlow, unauthenticated, unavailable } from './refusal.ts'
import type { ReadingBody } from './slow-bodies.ts'
import { whileKnown } from './still-known.ts'

/** What is said on one stream. */
export interface StreamTalk {
  /** Settles with the answer to the message of this number; in any order. Rejects where there can be none: then the stream ends. */
  take(message: Uint8Array, number: number): Promise<Uint8Array>
}
export type StreamTalker = (origin: Origin) => StreamTalk

export interface StreamLimits {
  /** Messages that are not answered yet: past it nothing more is read until half of them are. */
  readonly maxUnanswered: number
  /** Answers that are not read yet: past it nothing more is read. */
  readonly maxWaitingBytes: number
  /** How long a client that is not read from any more, or to whom all was said, may take to read its answers. */
  readonly writeTimeoutMs: number
}

const STOPPING: Refusal = unavailable('this receiver stops')

export class GrpcStream extends Exchange {
  readonly encoding: Encoding = 'protobuf'
  readonly #stream: ServerHttp2Stream
  readonly #connection: Connection
  readonly #talker: StreamTalker
  readonly #limits: StreamLimits
  #talk: StreamTalk | undefined
  #coding: Coding | undefined
  /** Bytes of a message's prefix that came without the rest of it. */
  #prefix: Buffer | undefined
  #part: Part | undefined
  #number = 0
  #unanswered = 0
  /** Runs while answers wait that are not read. */
  #stalled: { cancel(): void } | undefined
  #forget: () => void = () => {}
  /** How it ends, once that is known: then nothing more is taken. */
  #ending: Refusal | 'ok' | undefined

  constructor(desk: Desk, connection: Connection, stream: ServerHttp2Stream, talker: StreamTalker, limits: StreamLimits) {
    super(desk, unreachable)
    this.#connection = connection
    this.#stream = stream
    this.#talker = talker
    this.#limits = limits
    stream.on('close', () => {
      this.#stalled?.cancel()
      this.#forget()
      this.#finish('ok')
    })
  }

  begin(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    this.authenticate(rawHeaders, () => {
      const encoding = headers['grpc-encoding'] as string | undefined
      if (encoding !== undefined && !CODINGS.has(encoding)) return this.refuse(wrongEncoding(encoding))
      if (this.isGone) return
      this.#coding = encoding === undefined ? undefined : CODINGS.get(encoding)
      this.#talk = this.#talker(this.origin)
      const stream = this.#stream
      this.desk.streams.add(this)
      stream.on('wantTrailers', () => this.#sendStatus())
      stream.respond(SUCCESS, WITH_TRAILERS)
      stream.on('data', (piece: Buffer) => this.#read(piece))
      stream.on('end', () => this.#finish(this.#part === undefined && this.#prefix === undefined ? 'ok' : BROKEN))
      stream.on('drain', () => this.#resume())
      this.#forget = whileKnown(this.desk, loneHeaders(rawHeaders), this.peer, (message) => this.#finish(unauthenticated(message)))
      if (this.desk.closing) this.finish()
    })
  }

  /** Answers what was taken, and nothing more. */
  finish(): void {
    this.#finish(STOPPING)
  }

  #read(all: Buffer): void {
    let piece = this.#prefix === undefined ? all : Buffer.concat([this.#prefix, all])
    this.#prefix = undefined
    while (piece.length > 0 && this.#ending === undefined) {
      if (this.#part === undefined) {
        if (piece.length < PREFIX_BYTES) return void (this.#prefix = piece)
        const fault = this.#beginPart(piece[0]!, piece.readUInt32BE(1))
        if (fault !== undefined) return this.#finish(fault)
        piece = piece.subarray(PREFIX_BYTES)
      }
      const part = this.#part!
      const taken = piece.subarray(0, part.missingBytes)
      const fault = taken.length === 0 ? undefined : part.append(taken)
      if (fault !== undefined) return this.#finish(fault)
      piece = piece.subarray(taken.length)
      if (part.missingBytes === 0) this.#takeWhole(part)
    }
  }

  #beginPart(flag: number, length: number): Refusal | undefined {
    if (flag > 1) return broken(`a message begins with ${flag}; accepted: 0 or 1`)
    if (flag === 1 && this.#coding === undefined) return broken('a message is marked as compressed, and grpc-encoding does not say how')
    if (length > this.limitBytes) return tooLarge(this.limitBytes)
    this.#part = new Part(this, flag === 1 ? this.#coding : undefined, length, this.desk, () => this.#finish(tooSlow()))
    this.desk.slowBodies.add(this.#part)
    return undefined
  }

  #takeWhole(part: Part): void {
    this.#part = undefined
    this.desk.slowBodies.delete(part)
    const number = ++this.#number
    this.#unanswered++
    this.#pause()
    const body = part.body.take()
    if (part.coding === undefined || body.length === 0) return this.#hand(part, body, number)
    decompress(part.coding, body, part, false, (result) => {
      if (result instanceof Uint8Array) return this.#hand(part, result, number)
      this.#settle(part)
      this.#finish(result)
    })
  }

  #hand(part: Part, message: Uint8Array, number: number): void {
    this.#talk!.take(message, number).then(
      (answer) => {
        if (!this.isGone) {
          this.#connection.wrote()
          this.#stream.write(framed(answer))
        }
        this.#settle(part)
      },
      (error: unknown) => {
        this.#settle(part)
        this.#finish(broken(error instanceof Error ? error.message : String(error)))
      },
    )
  }

  #settle(part: Part): void {
    part.releaseAll()
    this.#unanswered--
    this.#resume()
    if (this.#unanswered === 0 && this.#ending !== undefined) this.#end()
  }

  #pause(): void {
    if (this.#unanswered >= this.#limits.maxUnanswered || this.#isFull) this.#stream.pause()
  }

  #resume(): void {
    const isFull = this.#isFull
    if (isFull) this.#awaitReader()
    else if (this.#ending === undefined) this.#hasRead()
    if (this.#stream.isPaused() && this.#unanswered <= this.#limits.maxUnanswered / 2 && !isFull) this.#stream.resume()
  }

  /** Its own pings keep its connection for as long as it likes. */
  #awaitReader(): void {
    const stream = this.#stream
    this.#stalled ??= this.desk.clock.after(this.#limits.writeTimeoutMs, () => stream.close(constants.NGHTTP2_CANCEL))
  }

  #hasRead(): void {
    this.#stalled?.cancel()
    this.#stalled = undefined
  }

  get #isFull(): boolean {
    return this.#stream.writableLength > this.#limits.maxWaitingBytes
  }

  #finish(how: Refusal | 'ok'): void {
    if (this.#ending !== undefined) return
    this.#ending = how
    if (this.#part !== undefined) {
      this.desk.slowBodies.delete(this.#part)
      this.#part.releaseAll()
      this.#part = undefined
    }
    if (this.#unanswered === 0) this.#end()
  }

  #end(): void {
    if (!this.end()) return
    this.desk.streams.delete(this)
    if (this.#talk === undefined || this.isGone) return
    this.#connection.wrote()
    this.#stream.end()
    this.#awaitReader()
  }

  #sendStatus(): void {
    const stream = this.#stream
    const how = this.#ending
    const status = how === undefined || how === 'ok' ? ['grpc-status', '0'] : statusHeaders(how)
    const trailers: Record<string, string> = {}
    for (let i = 0; i < status.length; i += 2) trailers[status[i]!] = status[i + 1]!
    stream.sendTrailers(trailers)
    drain(stream)
  }

  /** Before the answer has begun. */
  protected writeRefusal(refusal: Refusal): void {
    if (this.isGone) return
    this.#ending = refusal
    this.#connection.wrote()
    answerOnly(this.#stream, refusalHeaders(refusal))
  }

  protected writeSuccess(): void {
    unreachable()
  }

  protected get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  protected get peer(): Peer {
    const { session } = this.#stream
    return session === undefined ? NO_PEER : peerOf(session, session.socket)
  }
}

/** One message on its way: what it takes, from its first byte to its answer. */
class Part implements Room, ReadingBody {
  readonly limitBytes: number
  readonly overBudget: Refusal
  readonly coding: Coding | undefined
  readonly body: BodyBuffer
  readonly startedMs: number
  readonly tooSlow: () => void
  receivedBytes = 0
  missingBytes: number
  readonly #desk: Desk
  #reservedBytes = 0

  constructor({ limitBytes, overBudget }: GrpcStream, coding: Coding | undefined, length: number, desk: Desk, tooSlow: () => void) {
    this.limitBytes = limitBytes
    this.overBudget = overBudget
    this.coding = coding
    this.missingBytes = length
    this.#desk = desk
    this.startedMs = desk.clock.monotonicMs()
    this.tooSlow = tooSlow
    this.body = new BodyBuffer(this, length)
  }

  append(piece: Buffer): Refusal | undefined {
    this.receivedBytes += piece.length
    this.missingBytes -= piece.length
    return this.body.append(piece)
  }

  reserve(bytes: number): boolean {
    if (!this.#desk.budget.take(bytes)) return false
    this.#reservedBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes
    this.#desk.budget.give(bytes)
  }

  releaseAll(): void {
    this.release(this.#reservedBytes)
  }
}

function broken(message: string): Refusal {
  return { httpStatus: 400, code: INTERNAL, message }
}

const BROKEN: Refusal = broken('the stream ends before its message does')

function unreachable(): never {
  throw new Error('a stream was answered as one call is')
}
