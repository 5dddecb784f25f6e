// Makes unary calls of gRPC to one destination over a connection that is replaced when it goes. Exporters hold one a destination.
//
// It is not grpc-js because that hides compressed bytes, knows no zstd and takes half as much CPU again: docs/decisions/0011.

import type { OutgoingHttpHeaders } from 'node:http2'
import type { Clock } from '../clock.ts'
import { RetryableError } from '../errors.ts'
import type { Target } from './address.ts'
import type { ClientTls } from './client-tls.ts'
import { dial } from './dial.ts'
import { GrpcCall, type GrpcAnswer } from './grpc-call.ts'
import { Http2Link, type KeepaliveOptions } from './http2-link.ts'
import { BrokenConnectionError } from './retry.ts'

export interface GrpcSenderOptions {
  readonly target: Target
  /** What the destination is asked for as its name, and errors call it. */
  readonly authority: string
  readonly proxy?: URL | undefined
  readonly tls?: ClientTls | undefined
  readonly keepalive: KeepaliveOptions
  readonly connectTimeoutMs: number
  readonly clock: Clock
}

/** Whole hours are as good as for ever, and fit into the eight digits of `grpc-timeout`. */
const LONGEST_TIMEOUT_MS = 86_400_000

export class GrpcSender {
  readonly #options: GrpcSenderOptions
  readonly #scheme: string
  /** Where new calls go. */
  #link: Promise<Http2Link> | undefined
  /** All that stand, those that only finish what they carry too. */
  readonly #links = new Set<Http2Link>()
  readonly #over = new AbortController()

  constructor(options: GrpcSenderOptions) {
    this.#options = options
    this.#scheme = options.target.isTls ? 'https' : 'http'
    options.tls?.watch(() => this.#renew())
  }

  /**
   * Calls `path` with one message, compressed or not as `coding` says. Resolves with whatever the server answered; rejects with
   * RetryableError where no whole answer came within `timeoutMs`, which the server is told.
   */
  unary(
    path: string,
    headers: Readonly<Record<string, string>>,
    message: readonly Uint8Array[],
    coding: string | undefined,
    timeoutMs: number,
  ): Promise<GrpcAnswer> {
    const all: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':scheme': this.#scheme,
      ':authority': this.#options.authority,
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
      'grpc-accept-encoding': 'identity,gzip',
      'grpc-timeout': `${Math.min(Math.ceil(timeoutMs), LONGEST_TIMEOUT_MS)}m`,
      ...(coding === undefined ? {} : { 'grpc-encoding': coding }),
      ...headers,
    }
    return this.#call(all, [prefixOf(message, coding !== undefined), ...message], timeoutMs)
  }

  async #call(headers: OutgoingHttpHeaders, pieces: readonly Uint8Array[], timeoutMs: number): Promise<GrpcAnswer> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    let link: Http2Link | undefined
    let call: GrpcCall | undefined
    let isAnswered = false
    const timer = this.#options.clock.after(timeoutMs, () => {
      const error = new RetryableError(`no whole answer within ${Math.round(timeoutMs)} ms`)
      call?.cancel(error)
      link?.suspect()
      reject(error)
    })
    try {
      link = await Promise.race([this.#current(), late])
      link.begin()
      call = started(link, headers, pieces)
      const answer = await call.answer
      isAnswered = true
      return answer
    } finally {
      timer.cancel()
      if (call !== undefined) link?.end(isAnswered)
    }
  }

  /** Calls that come while a connection is being opened share it, and its failure. */
  #current(): Promise<Http2Link> {
    if (this.#link === undefined) {
      const opening = this.#open(() => {
        if (this.#link === opening) this.#link = undefined
      })
      this.#link = opening
      opening.catch(() => {
        if (this.#link === opening) this.#link = undefined
      })
    }
    return this.#link
  }

  async #open(gone: () => void): Promise<Http2Link> {
    const { target, authority, proxy, tls, keepalive, connectTimeoutMs, clock } = this.#options
    const abort = new AbortController()
    const timer = clock.after(connectTimeoutMs, () => abort.abort(new Error(`no connection within ${Math.round(connectTimeoutMs)} ms`)))
    try {
      const signal = AbortSignal.any([abort.signal, this.#over.signal])
      const socket = await dial(target, { proxy, tls: tls?.options, alpn: ['h2'], abort: signal })
      const link = new Http2Link(`${this.#scheme}://${authority}`, socket, keepalive, clock, gone)
      this.#links.add(link)
      link.session.on('close', () => this.#links.delete(link))
      return link
    } catch (error) {
      const cause = abort.signal.aborted ? (abort.signal.reason as Error) : (error as Error)
      throw new RetryableError(cause.message || String((cause as NodeJS.ErrnoException).code), { cause })
    } finally {
      timer.cancel()
    }
  }

  /** What is on its way stays on the connection that stands; everything after goes over a new one. */
  #renew(): void {
    this.#link = undefined
    for (const link of this.#links) link.close()
  }

  /** Closes every connection now: what is in flight rejects with RetryableError. */
  async destroy(): Promise<void> {
    this.#options.tls?.stop()
    const reason = new Error('stopped before an answer came')
    this.#over.abort(reason)
    for (const link of this.#links) link.destroy(reason)
  }
}

function started(link: Http2Link, headers: OutgoingHttpHeaders, pieces: readonly Uint8Array[]): GrpcCall {
  try {
    return new GrpcCall(link.session, headers, pieces)
  } catch (error) {
    link.end(false)
    // It went between being chosen and being used.
    if (link.session.closed || link.session.destroyed) throw new BrokenConnectionError((error as Error).message, { cause: error })
    throw error
  }
}

/** Length-Prefixed-Message: one byte that says whether it is compressed, and its length. */
function prefixOf(message: readonly Uint8Array[], isCompressed: boolean): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = isCompressed ? 1 : 0
  let length = 0
  for (const piece of message) length += piece.length
  prefix.writeUInt32BE(length, 1)
  return prefix
}
