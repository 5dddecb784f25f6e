// One GET: who asks, for what, and the answer, whole or as a stream of server-sent events. The HTTP door makes one for every request.
//
//   https://html.spec.whatwg.org/multipage/server-sent-events.html

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Peer } from '../component.ts'
import type { Encoding } from '../otlp/export-response.ts'
import { writeContent, writeRefusal } from './answer.ts'
import type { Desk } from './desk.ts'
import { Exchange } from './exchange.ts'
import { loneHeaders } from './lone-headers.ts'
import { peerOf } from './peer.ts'
import type { Refusal } from './refusal.ts'
import type { Content, Speech } from './speech.ts'
import { whileKnown } from './still-known.ts'

/** How long a reader may take for an answer, and for what is left when a stream ends. */
const MAX_READING_MS = 30_000
const LAST_READING_MS = 10_000

/** Answers one GET, once, now or later. */
export type HttpAnswerer = (query: HttpQuery) => void

/** An answer without an end of its own. It ends when the reader goes or is known no longer, and when the door stops. */
export interface EventStream {
  /** Text that is already framed as events. */
  write(text: string): void
  /** Bytes that the reader has not taken yet: whoever writes keeps them within bounds. */
  readonly waitingBytes: number
  end(): void
  /** For a reader that does not read: what waits for it is lost. */
  cut(): void
}

export class HttpQuery extends Exchange {
  readonly encoding: Encoding = 'json'
  /** What stands for the `:names` of the path, decoded. */
  readonly params: ReadonlyMap<string, string>
  readonly search: URLSearchParams
  /** Path and query, as they were asked for. */
  readonly url: string
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #speech: Speech

  constructor(
    desk: Desk,
    request: IncomingMessage,
    response: ServerResponse,
    params: ReadonlyMap<string, string>,
    work: HttpAnswerer,
    speech: Speech,
  ) {
    super(desk, () => work(this))
    this.#request = request
    this.#response = response
    this.#speech = speech
    this.params = params
    const url = request.url!
    this.url = url
    const mark = url.indexOf('?')
    this.search = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  }

  begin(): void {
    this.#request.resume()
    this.authenticate(this.#request.rawHeaders, () => this.hand(new Uint8Array()))
  }

  answer(status: number, content: Content, headers?: readonly string[]): void {
    if (!this.end()) return
    const response = this.#response
    writeContent(response, status, content, this.desk.closing, headers)
    if (response.writableLength === 0) return
    const timer = this.desk.clock.after(MAX_READING_MS, () => response.destroy())
    response.once('close', () => timer.cancel())
  }

  /** `onEnd` is called once, whoever ends it. */
  stream(onEnd: () => void): EventStream {
    const response = this.#response
    const { streams } = this.desk
    const stream: EventStream = {
      write: (text) => void (response.writable && response.write(text)),
      get waitingBytes() {
        return response.writableLength
      },
      end: () => {
        response.end()
        if (response.writableLength > 0) last ??= this.desk.clock.after(LAST_READING_MS, () => stream.cut())
      },
      cut: () => void response.destroy(),
    }
    let last: { cancel(): void } | undefined
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', Connection: 'close' })
    response.flushHeaders()
    const open = { finish: (): void => stream.end() }
    streams.add(open)
    const forget = whileKnown(this.desk, loneHeaders(this.#request.rawHeaders), this.peer, open.finish)
    response.once('close', () => {
      forget()
      last?.cancel()
      streams.delete(open)
      if (this.end()) onEnd()
    })
    if (this.desk.closing) stream.end()
    return stream
  }

  protected writeSuccess(body: Uint8Array | undefined): void {
    writeContent(this.#response, 200, { type: 'application/json', body: body ?? '{}' }, this.desk.closing)
  }

  protected writeRefusal(refusal: Refusal): void {
    writeRefusal(this.#request, this.#response, this.#speech, refusal, this.desk.closing)
  }

  protected get isGone(): boolean {
    return this.#request.socket.destroyed
  }

  protected get peer(): Peer {
    return peerOf(this.#request.socket, this.#request.socket)
  }
}
