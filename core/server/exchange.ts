// One request, from its head to its answer, whatever carries it: the memory it takes, its way through decompression to the path's work.
// The doors of HTTP and gRPC each have their own kind, which reads and answers.

import { ANONYMOUS, type Origin } from '../batch.ts'
import type { Peer } from '../component.ts'
import { type Compressed, isCompressedWanted } from '../compressed.ts'
import { UnauthenticatedError } from '../errors.ts'
import type { Encoding } from '../otlp/export-response.ts'
import { decompress, type Room } from './decompress.ts'
import type { Desk } from './desk.ts'
import type { Coding } from './headers.ts'
import { loneHeaders } from './lone-headers.ts'
import { forbidden, type Refusal, tooSlow, unauthenticated, unavailable } from './refusal.ts'
import type { ReadingBody } from './slow-bodies.ts'

const OVER_BUDGET: Refusal = unavailable('too many bytes are in flight')

/** Does the work of one path. It answers `exchange` once, now or later; until then the body's bytes count as in flight. */
export type Handle = (body: Uint8Array, exchange: Exchange) => void

export abstract class Exchange implements Room, ReadingBody {
  /** The request's, and so the answer's. */
  abstract readonly encoding: Encoding
  readonly overBudget: Refusal = OVER_BUDGET
  readonly limitBytes: number
  readonly startedMs: number
  receivedBytes = 0
  /** Who sent it. */
  origin: Origin = ANONYMOUS
  /** How long the sender waits, in milliseconds from `startedMs`, where it says so. */
  timeoutMs: number = Infinity
  /** What the body was inflated from, where an exporter could send that on. */
  compressed: Compressed | undefined
  /** It was answered, or nobody waits for an answer any more. */
  protected over = false
  protected readonly desk: Desk
  readonly #handle: Handle
  #reservedBytes = 0

  constructor(desk: Desk, handle: Handle) {
    this.desk = desk
    this.#handle = handle
    this.limitBytes = desk.maxBodyBytes
    this.startedMs = desk.clock.monotonicMs()
    desk.opened()
  }

  /** Answers success; `body` is an export response with something to say. */
  succeed(body?: Uint8Array): void {
    if (this.end()) this.writeSuccess(body)
  }

  refuse(refusal: Refusal): void {
    if (this.end()) this.writeRefusal(refusal)
  }

  /** The sender is known, and may not do this: `act` is for the record, as `send traces`. */
  forbid(act: string): void {
    const { tenant, subject } = this.origin
    this.desk.audit?.({ kind: 'refusal', act, tenant, ...(subject === undefined ? {} : { subject }), reason: 'no role allows it' })
    this.refuse(forbidden())
  }

  tooSlow(): void {
    this.refuse(tooSlow())
  }

  reserve(bytes: number): boolean {
    if (this.over || !this.desk.budget.take(bytes)) return false
    this.#reservedBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes
    this.desk.budget.give(bytes)
  }

  protected abstract writeSuccess(body: Uint8Array | undefined): void
  protected abstract writeRefusal(refusal: Refusal): void
  /** The connection or the stream is gone. */
  protected abstract get isGone(): boolean
  /** The other end of the connection. */
  protected abstract get peer(): Peer

  /** Calls `read` once the sender is known; refuses one that is not. */
  protected authenticate(rawHeaders: readonly string[], read: () => void): void {
    const { authenticator } = this.desk
    if (authenticator === undefined) return read()
    const asked = async (): Promise<Origin> => authenticator.authenticate(loneHeaders(rawHeaders), this.peer)
    asked()
      .then((origin) => {
        this.origin = origin
        if (!this.over) read()
      })
      .catch((error: unknown) => {
        if (!(error instanceof UnauthenticatedError)) return this.refuse(unavailable(wordsOf(error)))
        this.desk.audit?.({ kind: 'refusal', act: 'authenticate', reason: error.message })
        this.refuse(unauthenticated(error.message))
      })
  }

  /** The whole body has come. */
  protected take(body: Buffer, coding: Coding | undefined): void {
    this.desk.slowBodies.delete(this)
    if (coding === undefined || body.length === 0) return this.hand(body)
    const wanted = coding !== 'deflate' && isCompressedWanted(coding)
    decompress(coding, body, this, wanted, (result, isWhole) => {
      if (!(result instanceof Uint8Array)) return this.refuse(result)
      if (isWhole && coding !== 'deflate') this.compressed = { coding, bytes: body }
      // What the way to these bytes took is returned: the compressed body, the pieces that were joined.
      this.#keepOnly(result.buffer.byteLength + (this.compressed === undefined ? 0 : body.buffer.byteLength))
      // A sender that has gone meanwhile will send again: its data is not taken twice.
      if (this.isGone) this.end()
      else this.hand(result)
    })
  }

  /** False where the exchange is over already. */
  protected end(): boolean {
    if (this.over) return false
    this.over = true
    this.desk.slowBodies.delete(this)
    this.release(this.#reservedBytes)
    this.desk.closed()
    return true
  }

  /** To the path's work. */
  protected hand(body: Uint8Array): void {
    try {
      this.#handle(body, this)
    } catch (error) {
      this.refuse(unavailable(wordsOf(error)))
    }
  }

  #keepOnly(bytes: number): void {
    this.release(this.#reservedBytes - bytes)
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
