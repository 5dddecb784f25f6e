// Messages over a WebSocket: lists of them as text frames, several on their way, each message's answer told by its running number on the connection.
// The global WebSocket of browsers and Node carries them. `createClient` imports it where it is asked for.

import { endpointOf, tokenOf } from './http-transport.ts'
import type { Settled } from './options.ts'
import { type Answer, isAnswer, NotNow, TooLarge, type Transport } from './transport.ts'

const SUBPROTOCOL = 'mplp.v1'
const TOO_LARGE = 1009

/** A list of messages that was sent, and its answers so far. */
interface Flight {
  /** The number of its first message on this connection. */
  readonly first: number
  readonly chars: number
  readonly answers: (Answer | undefined)[]
  missing: number
  readonly sentMs: number
  readonly resolve: (answers: readonly Answer[]) => void
  readonly reject: (error: Error) => void
}

export class WebSocketTransport implements Transport {
  /** With batches of the usual size less than what a server lets one connection have in flight. */
  readonly window = 4
  readonly #options: Settled
  #connection: Promise<Connection> | undefined
  readonly #closing = new AbortController()

  constructor(options: Settled) {
    this.#options = options
  }

  async send(texts: readonly string[]): Promise<readonly Answer[]> {
    if (this.#closing.signal.aborted) throw new NotNow('the client is closed')
    this.#connection ??= this.#connect()
    const connection = await this.#connection
    return connection.send(texts)
  }

  close(): void {
    this.#closing.abort()
    void this.#connection?.then(
      (connection) => connection.close(),
      () => undefined,
    )
  }

  #connect(): Promise<Connection> {
    const gone = (): void => {
      if (this.#connection === made) this.#connection = undefined
    }
    const made = Connection.open(this.#options, gone, this.#closing.signal)
    made.catch(gone)
    return made
  }
}

class Connection {
  readonly #socket: WebSocket
  readonly #options: Settled
  /** Whoever sends next is to make another one. */
  readonly #gone: () => void
  /** By the number of each message. */
  readonly #flights = new Map<number, Flight>()
  #sent = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  private constructor(socket: WebSocket, options: Settled, gone: () => void) {
    this.#socket = socket
    this.#options = options
    this.#gone = gone
    socket.addEventListener('message', ({ data }) => this.#take(data))
    socket.addEventListener('close', ({ code, reason }) => this.#ended(code, reason))
    this.#watch()
  }

  static async open(options: Settled, gone: () => void, closing: AbortSignal): Promise<Connection> {
    const token = await tokenOf(options)
    // A page cannot set headers; Node could, and does the same.
    const protocols = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${base64Url(token)}`]
    const socket = new WebSocket(endpointOf(options.url, 'ws'), protocols)
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const refuse = (why: string): void => reject(new NotNow(`no WebSocket at ${options.url.host}: ${why}`))
    const giveUp = (why: string): void => {
      refuse(why)
      socket.close()
    }
    const timer = setTimeout(() => giveUp(`not open within ${options.answerTimeoutMs} ms`), options.answerTimeoutMs)
    const closed = (): void => giveUp('the client is closed')
    closing.addEventListener('abort', closed)
    if (closing.aborted) closed()
    socket.addEventListener('open', () => resolve(new Connection(socket, options, gone)))
    // Why it could not be opened, platforms keep to themselves or tell as text.
    socket.addEventListener('error', (failure) => refuse('message' in failure && failure.message ? failure.message : 'it was refused'))
    socket.addEventListener('close', ({ code }) => refuse(`it was closed with ${code}`))
    return promise.finally(() => {
      clearTimeout(timer)
      closing.removeEventListener('abort', closed)
    })
  }

  send(texts: readonly string[]): Promise<readonly Answer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>()
    if (this.#socket.readyState !== 1) {
      reject(new NotNow('the connection is gone'))
      return promise
    }
    const text = texts.length === 1 ? texts[0]! : `[${texts.join(',')}]`
    const answers = Array.from<Answer | undefined>({ length: texts.length })
    const flight = { first: this.#sent + 1, chars: text.length, answers, missing: texts.length, sentMs: performance.now(), resolve, reject }
    for (let i = 0; i < texts.length; i++) this.#flights.set(++this.#sent, flight)
    this.#socket.send(text)
    this.#watch()
    return promise
  }

  close(): void {
    this.#end('the client is closed')
  }

  /** The other side may be gone without a word: nobody waits for its goodbye. */
  #end(reason: string): void {
    this.#socket.close(1000)
    this.#ended(1000, reason)
  }

  #take(frame: unknown): void {
    let answers: unknown
    try {
      answers = JSON.parse(String(frame))
    } catch {
      return this.#end('an answer is no JSON')
    }
    for (const answer of Array.isArray(answers) ? answers : [answers]) if (isAnswer(answer)) this.#answer(answer)
    if (this.#flights.size === 0) this.#watch()
  }

  #answer(answer: Answer): void {
    const { n } = answer as { n?: unknown }
    const flight = typeof n === 'number' ? this.#flights.get(n) : undefined
    if (flight === undefined) return
    this.#flights.delete(n as number)
    flight.answers[(n as number) - flight.first] = answer
    if (--flight.missing === 0) flight.resolve(flight.answers as Answer[])
  }

  /** Ends a connection that is not used, or on which an answer is overdue: whatever came between may have forgotten it. */
  #watch(): void {
    clearTimeout(this.#timer)
    if (this.#socket.readyState !== 1) return
    const oldest = this.#flights.values().next().value
    const { answerTimeoutMs, idleTimeoutMs } = this.#options
    const afterMs = oldest === undefined ? idleTimeoutMs : oldest.sentMs + answerTimeoutMs - performance.now()
    this.#timer = setTimeout(() => {
      const overdue = this.#flights.values().next().value
      if (overdue !== undefined && performance.now() < overdue.sentMs + answerTimeoutMs) return this.#watch()
      this.#end(overdue === undefined ? '' : `no answer within ${answerTimeoutMs} ms`)
    }, afterMs)
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  #ended(code: number, reason: string): void {
    clearTimeout(this.#timer)
    this.#gone()
    const flights = new Set(this.#flights.values())
    this.#flights.clear()
    const largest = [...flights].reduce<Flight | undefined>((most, one) => (one.chars > (most?.chars ?? -1) ? one : most), undefined)
    for (const flight of flights) {
      const isTooLarge = code === TOO_LARGE && flight === largest
      flight.reject(
        isTooLarge
          ? new TooLarge('the server closed with 1009: a frame was too large')
          : new NotNow(`the connection ended: ${code} ${reason}`),
      )
    }
  }
}

function base64Url(text: string): string {
  const binary = String.fromCharCode(...new TextEncoder().encode(text))
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
