// One POST: reads the body within its limits and answers in the request's encoding. The HTTP door makes one for every request.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Peer } from '../component.ts'
import type { Encoding } from '../otlp/export-response.ts'
import { writeContent, writeRefusal, writeSuccess } from './answer.ts'
import { BodyBuffer } from './body-buffer.ts'
import type { Desk } from './desk.ts'
import { Exchange } from './exchange.ts'
import { type Coding, codingOf, encodingOf, lengthOf, mediaTypeOf } from './headers.ts'
import { peerOf } from './peer.ts'
import { type Refusal, tooLarge, wrongCoding, wrongType } from './refusal.ts'
import type { Content, Speech } from './speech.ts'

/** Does the work of one path of an HTTP door: a `Handle` that may answer in words of its own. */
export type HttpHandle = (body: Uint8Array, exchange: HttpExchange) => void

export interface HttpExchangeOptions {
  readonly writeTimeoutMs: number
  readonly codings?: ReadonlySet<string>
}

export class HttpExchange extends Exchange {
  readonly encoding: Encoding
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #speech: Speech
  readonly #options: HttpExchangeOptions

  constructor(
    desk: Desk,
    request: IncomingMessage,
    response: ServerResponse,
    handle: HttpHandle,
    speech: Speech,
    options: HttpExchangeOptions,
  ) {
    super(desk, (body) => handle(body, this))
    this.#request = request
    this.#response = response
    this.#speech = speech
    this.#options = options
    this.encoding = encodingOf(request.headers['content-type']) ?? 'json'
  }

  /** Reads the body and hands it to the path's work, or refuses it. */
  begin(): void {
    const { headers, rawHeaders } = this.#request
    this.#request.on('close', () => {
      // Gone before the end of its body: nobody waits for an answer.
      if (!this.#request.complete) this.end()
    })
    this.authenticate(rawHeaders, () => {
      const { types } = this.#speech
      if (!types.includes(this.mediaType)) return this.refuse(wrongType(headers['content-type'], types))
      const coding = codingOf(headers['content-encoding'])
      if (typeof coding === 'object') return this.refuse(coding)
      const { codings } = this.#options
      if (codings?.has(coding ?? '') === false) return this.refuse(wrongCoding(coding ?? 'missing', codings))
      const length = lengthOf(headers['content-length'])
      if (length > this.limitBytes) return this.refuse(tooLarge(this.limitBytes))
      if (headers.expect !== undefined) this.#response.writeContinue()
      this.#read(length, coding)
    })
  }

  /** Of the body, in lower case and without parameters; empty where the request does not say. */
  get mediaType(): string {
    return mediaTypeOf(this.#request.headers['content-type']) ?? ''
  }

  /** Answers in the words of the path. `headers` are names and values in turn. */
  answer(status: number, content: Content, headers?: readonly string[]): void {
    if (!this.end()) return
    writeContent(this.#response, status, content, this.desk.closing, headers)
    this.#awaitReader()
  }

  #read(length: number, coding: Coding | undefined): void {
    const buffer = new BodyBuffer(this, length)
    this.desk.slowBodies.add(this)
    this.#request.on('data', (piece: Buffer) => {
      if (this.over) return
      this.receivedBytes += piece.length
      const fault = buffer.append(piece)
      if (fault !== undefined) this.refuse(fault)
    })
    this.#request.on('end', () => {
      if (!this.over) this.take(buffer.take(), coding)
    })
  }

  protected writeSuccess(body: Uint8Array | undefined): void {
    writeSuccess(this.#response, this.encoding, body, this.desk.closing)
    this.#awaitReader()
  }

  protected writeRefusal(refusal: Refusal): void {
    writeRefusal(this.#request, this.#response, this.#speech, refusal, this.desk.closing)
    this.#awaitReader()
  }

  /** An answer that is out of our hands at once needs no watching. */
  #awaitReader(): void {
    const { writeTimeoutMs } = this.#options
    const response = this.#response
    if (writeTimeoutMs === 0 || response.writableLength === 0) return
    const timer = this.desk.clock.after(writeTimeoutMs, () => response.destroy())
    response.once('close', () => timer.cancel())
  }

  protected get isGone(): boolean {
    return this.#request.socket.destroyed
  }

  protected get peer(): Peer {
    return peerOf(this.#request.socket, this.#request.socket)
  }
}
