// One HTTP/2 connection of the gRPC door: how long it may live, idle or at all, whether the peer is still there, and how often it may ping.
// The door looks at each once a second.

import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../clock.ts'
import type { Connection } from './grpc-exchange.ts'

/** `grpc.keepalive` of the Collector, in milliseconds; Infinity is without limit. */
export interface KeepaliveOptions {
  readonly maxConnectionIdleMs: number
  readonly maxConnectionAgeMs: number
  readonly maxConnectionAgeGraceMs: number
  /** Without a sign of life for so long, the peer is pinged. */
  readonly timeMs: number
  /** How long it may take to answer. */
  readonly timeoutMs: number
  /** How often a client may ping. */
  readonly minTimeMs: number
  readonly permitWithoutStream: boolean
}

/** As in grpc-go: a third ping too many is the end. */
const MAX_PING_STRIKES = 2
/** Changes of settings at once. A client changes them a few times in its life; each must be acknowledged. */
const MAX_SETTINGS = 100
/** How often a client without calls may ping, unless `permitWithoutStream`. */
const IDLE_PING_MS = 2 * 3_600_000
/** How long a connection may take to begin to speak HTTP/2. */
const MAX_PREFACE_MS = 10_000
/** Connections that began together do not all end together. */
const AGE_JITTER = 0.1

export type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  from: GrpcConnection,
) => void

export class GrpcConnection implements Connection {
  readonly #session: ServerHttp2Session
  readonly #options: KeepaliveOptions
  readonly #clock: Clock
  readonly #openedMs: number
  readonly #maxAgeMs: number
  #streams = 0
  #idleSinceMs: number
  #closingSinceMs: number | undefined
  #readBytes = 0
  #heardMs: number
  #pingedMs: number | undefined
  #lastPingMs = -Infinity
  #strikes = 0
  /** Changes of settings, less one a second. */
  #settings = 0

  constructor(session: ServerHttp2Session, options: KeepaliveOptions, clock: Clock, onStream: OnStream) {
    this.#session = session
    this.#options = options
    this.#clock = clock
    this.#openedMs = this.#idleSinceMs = this.#heardMs = clock.monotonicMs()
    this.#maxAgeMs = options.maxConnectionAgeMs * (1 + AGE_JITTER * (2 * Math.random() - 1))
    session.on('stream', (stream, headers, _flags, rawHeaders) => {
      this.#streams++
      stream.on('close', () => this.#streamClosed())
      stream.on('error', ignore)
      onStream(stream, headers, rawHeaders, this)
    })
    session.on('ping', () => this.#pinged())
    session.on('remoteSettings', () => {
      if (++this.#settings > MAX_SETTINGS) this.#calm('too_many_settings')
    })
    session.on('error', ignore)
  }

  wrote(): void {
    this.#strikes = 0
  }

  /** Takes no more calls; ends when those that are open are answered. */
  close(): void {
    if (this.#closingSinceMs !== undefined) return
    this.#closingSinceMs = this.#clock.monotonicMs()
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }

  look(): void {
    if (this.#settings > 0) this.#settings--
    const nowMs = this.#clock.monotonicMs()
    const { maxConnectionIdleMs, maxConnectionAgeGraceMs } = this.#options
    if (this.#closingSinceMs !== undefined) {
      if (nowMs - this.#closingSinceMs > maxConnectionAgeGraceMs) this.destroy()
    } else if (this.#session.pendingSettingsAck && nowMs - this.#openedMs > MAX_PREFACE_MS) this.destroy()
    else if (nowMs - this.#openedMs > this.#maxAgeMs || (this.#streams === 0 && nowMs - this.#idleSinceMs > maxConnectionIdleMs))
      this.close()
    this.#keepAlive(nowMs)
  }

  #keepAlive(nowMs: number): void {
    const { destroyed, socket } = this.#session
    if (destroyed) return
    if (socket.bytesRead !== this.#readBytes) {
      this.#readBytes = socket.bytesRead
      this.#heardMs = nowMs
      this.#pingedMs = undefined
    } else if (this.#pingedMs !== undefined) {
      if (nowMs - this.#pingedMs > this.#options.timeoutMs) this.destroy()
    } else if (nowMs - this.#heardMs > this.#options.timeMs) {
      this.#pingedMs = nowMs
      this.#session.ping(ignore)
    }
  }

  #streamClosed(): void {
    if (--this.#streams === 0) this.#idleSinceMs = this.#clock.monotonicMs()
  }

  #pinged(): void {
    const nowMs = this.#clock.monotonicMs()
    const { minTimeMs, permitWithoutStream } = this.#options
    const everyMs = this.#streams > 0 || permitWithoutStream ? minTimeMs : Math.max(minTimeMs, IDLE_PING_MS)
    if (nowMs - this.#lastPingMs < everyMs && ++this.#strikes > MAX_PING_STRIKES) this.#calm('too_many_pings')
    this.#lastPingMs = nowMs
  }

  #calm(reason: string): void {
    const session = this.#session
    if (session.destroyed || session.closed) return
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(reason))
    setImmediate(() => session.destroy())
  }
}

/** Whatever happens to a connection or a stream is told to its exchanges by its closing. */
function ignore(): void {}
