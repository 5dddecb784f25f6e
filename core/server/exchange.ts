// One POST, from its head to its answer: reads and inflates the body within its limits, and answers in the request's encoding. A door
// makes one for every request.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Encoding } from '../otlp/export-response.ts'
import { writeRefusal, writeSuccess } from './answer.ts'
import { BodyBuffer } from './body-buffer.ts'
import type { ByteBudget } from './byte-budget.ts'
import { type Room, decompress } from './decompress.ts'
import { type Coding, codingOf, encodingOf, lengthOf } from './headers.ts'
import { type Refusal, tooLarge, unavailable, wrongType } from './refusal.ts'

const OVER_BUDGET: Refusal = unavailable('too many bytes are in flight')

/** What a door lends to its exchanges. */
export interface Desk {
  readonly maxBodyBytes: number
  readonly budget: ByteBudget
  /** The door is stopping: connections end with the answer they wait for. */
  readonly closing: boolean
  opened(): void
  closed(): void
}

/** Does the work of one path. It answers `exchange` once, now or later; until then the body's bytes count as in flight. */
export type Handle = (body: Uint8Array, exchange: Exchange) => void

export class Exchange implements Room {
  /** The request's, and so the answer's. */
  readonly encoding: Encoding
  readonly overBudget: Refusal = OVER_BUDGET
  readonly #desk: Desk
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #handle: Handle
  #reservedBytes = 0
  #over = false

  constructor(desk: Desk, request: IncomingMessage, response: ServerResponse, handle: Handle) {
    this.#desk = desk
    this.#request = request
    this.#response = response
    this.#handle = handle
    // What is neither is refused at once, in words that a person with curl can read.
    this.encoding = encodingOf(request.headers['content-type']) ?? 'json'
    desk.opened()
  }

  /** Reads the body and hands it to the path's work, or refuses it. */
  begin(): void {
    const { headers } = this.#request
    if (encodingOf(headers['content-type']) === undefined) return this.refuse(wrongType(headers['content-type']))
    const coding = codingOf(headers['content-encoding'])
    if (typeof coding === 'object') return this.refuse(coding)
    const length = lengthOf(headers['content-length'])
    if (length > this.limitBytes) return this.refuse(tooLarge(this.limitBytes))
    if (headers.expect !== undefined) this.#response.writeContinue()
    this.#read(length, coding)
  }

  get limitBytes(): number {
    return this.#desk.maxBodyBytes
  }

  reserve(bytes: number): boolean {
    if (this.#over || !this.#desk.budget.take(bytes)) return false
    this.#reservedBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes
    this.#desk.budget.give(bytes)
  }

  /** Answers 200; `body` is an export response with something to say. */
  succeed(body?: Uint8Array): void {
    if (this.#end()) writeSuccess(this.#response, this.encoding, body, this.#desk.closing)
  }

  refuse(refusal: Refusal): void {
    if (this.#end()) writeRefusal(this.#request, this.#response, this.encoding, refusal, this.#desk.closing)
  }

  #read(length: number, coding: Coding | undefined): void {
    const buffer = new BodyBuffer(this, length)
    const request = this.#request
    request.on('data', (piece: Buffer) => {
      if (this.#over) return
      const fault = buffer.append(piece)
      if (fault !== undefined) this.refuse(fault)
    })
    request.on('end', () => {
      if (!this.#over) this.#inflate(buffer.take(), coding)
    })
    request.on('close', () => {
      // Gone before the end of its body: nobody waits for an answer.
      if (!request.complete) this.#end()
    })
  }

  #inflate(body: Buffer, coding: Coding | undefined): void {
    if (coding === undefined || body.length === 0) return this.#hand(body)
    decompress(coding, body, this, (result) => {
      if (!(result instanceof Uint8Array)) return this.refuse(result)
      this.#keepOnly(result.buffer.byteLength)
      // A sender that has gone meanwhile will send again: its data is not taken twice.
      if (this.#request.socket.destroyed) this.#end()
      else this.#hand(result)
    })
  }

  #hand(body: Uint8Array): void {
    try {
      this.#handle(body, this)
    } catch (error) {
      this.refuse(unavailable(error instanceof Error ? error.message : String(error)))
    }
  }

  /** Returns what the way to these bytes took: the compressed body, the pieces that were joined. */
  #keepOnly(bytes: number): void {
    this.release(this.#reservedBytes - bytes)
  }

  /** False where the exchange is over already. */
  #end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.release(this.#reservedBytes)
    this.#desk.closed()
    return true
  }
}
