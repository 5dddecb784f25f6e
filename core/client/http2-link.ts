// One connection of HTTP/2 that calls share: it knows how many are on it, asks whether anybody is still there, and says when it is no more
// for new ones. GrpcSender holds them.

import { type ClientHttp2Session, connect } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'

export interface KeepaliveOptions {
  /** For how long nothing has to be heard before it is asked. */
  readonly timeMs: number
  /** How long an answer may take before the connection counts as dead. */
  readonly timeoutMs: number
  /** Whether to ask while there are no calls. */
  readonly withoutCalls: boolean
}

/** In megabytes: more than there is. */
const NO_LIMIT_MB = 1_000_000

/** After a call without an answer it is asked at once whether anybody is there, and no longer than this waited for. */
const SUSPECT_TIMEOUT_MS = 2000
/** Who has answered that is not asked again so soon: servers close connections that ping more than they call. */
const SUSPECT_REST_MS = 30_000

export class Http2Link {
  readonly session: ClientHttp2Session
  readonly #clock: Clock
  readonly #keepalive: KeepaliveOptions
  #calls = 0
  #timer: { cancel(): void } | undefined
  #asking = false
  #heardMs: number
  #suspectedMs = -Infinity

  /** `gone` is called once: nobody may begin a call here any more. */
  constructor(authority: string, socket: Socket, keepalive: KeepaliveOptions, clock: Clock, gone: () => void) {
    this.#clock = clock
    this.#keepalive = keepalive
    this.#heardMs = clock.monotonicMs()
    // Node counts what waits to be sent, and past its limit (10 MB) resets calls. What is in flight is bounded where it comes in.
    this.session = connect(authority, { createConnection: () => socket, maxSessionMemory: NO_LIMIT_MB })
    this.session.on('error', () => {}) // every call on it learns of it
    this.session.on('goaway', gone)
    this.session.on('close', () => {
      this.#timer?.cancel()
      gone()
    })
    this.#schedule()
  }

  begin(): void {
    this.#calls++
  }

  end(isAnswered: boolean): void {
    this.#calls--
    if (isAnswered) this.#heardMs = this.#clock.monotonicMs()
  }

  /** A call had no answer in its time. The server may be slow, or not there: calls that follow must not all wait to learn which. */
  suspect(): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#suspectedMs < SUSPECT_REST_MS) return
    this.#suspectedMs = nowMs
    this.#ask(Math.min(SUSPECT_TIMEOUT_MS, this.#keepalive.timeoutMs))
  }

  /** Nothing new; what is on its way is waited for. */
  close(): void {
    if (!this.session.closed) this.session.close()
  }

  destroy(reason: Error): void {
    if (!this.session.destroyed) this.session.destroy(reason)
  }

  #schedule(): void {
    const { timeMs, withoutCalls } = this.#keepalive
    if (timeMs === Infinity) return
    const quietMs = this.#clock.monotonicMs() - this.#heardMs
    this.#timer = this.#clock.after(quietMs < timeMs ? timeMs - quietMs : timeMs, () => {
      const isQuiet = this.#clock.monotonicMs() - this.#heardMs >= timeMs
      if (isQuiet && (withoutCalls || this.#calls > 0)) this.#ask(this.#keepalive.timeoutMs)
      this.#schedule()
    })
  }

  #ask(timeoutMs: number): void {
    if (this.#asking || this.session.destroyed || this.session.closed) return
    this.#asking = true
    const timer = this.#clock.after(timeoutMs, () => this.destroy(new Error(`no answer to a ping within ${timeoutMs} ms`)))
    const answered = (): void => {
      this.#asking = false
      this.#heardMs = this.#clock.monotonicMs()
      timer.cancel()
    }
    this.session.once('close', answered)
    this.session.ping(() => {
      this.session.removeListener('close', answered)
      answered()
    })
  }
}
