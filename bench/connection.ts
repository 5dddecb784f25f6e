// One HTTP/1.1 connection of the generator, on a bare socket: sends prepared bytes and reads nothing of the answer but its status and its end.

import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const RECONNECT_MS = 20

/** What the load needs of a connection, whatever it speaks. */
export interface Sender {
  readonly number: number
  /** One message at a time. */
  send(message: Buffer): void
  close(): void
}
/** Called with the status, or 0 if the connection broke before the whole answer. */
export type AnswerTo = (connection: Sender, status: number) => void
/** Called whenever the connection is able to take a request again. */
export type IdleTo = (connection: Sender) => void

/** One request at a time. A connection that breaks reports its request as failed and comes back by itself. */
export class Connection implements Sender {
  readonly #port: number
  readonly #tls: boolean
  readonly #onAnswer: AnswerTo
  readonly #onIdle: IdleTo
  #socket: Socket | undefined
  #answer = ''
  #waiting = false
  #closed = false
  readonly number: number

  constructor(number: number, { port, tls }: { readonly port: number; readonly tls: boolean }, onAnswer: AnswerTo, onIdle: IdleTo) {
    this.number = number
    this.#port = port
    this.#tls = tls
    this.#onAnswer = onAnswer
    this.#onIdle = onIdle
    this.#connect()
  }

  send(message: Buffer): void {
    this.#waiting = true
    this.#socket?.write(message)
  }

  close(): void {
    this.#closed = true
    this.#socket?.destroy()
  }

  #connect(): void {
    const onread = { buffer: Buffer.allocUnsafe(16 << 10), callback: (length: number, buffer: Uint8Array) => this.#read(length, buffer) }
    const at = { port: this.#port, host: '127.0.0.1', noDelay: true, onread }
    // Whose certificate it is does not matter here.
    const socket: Socket = this.#tls ? connectTls({ ...at, rejectUnauthorized: false }) : connect(at)
    this.#socket = socket
    socket.once(this.#tls ? 'secureConnect' : 'connect', () => this.#onIdle(this))
    // 'close' follows, and says all that matters.
    socket.on('error', () => undefined)
    socket.once('close', () => this.#lost())
  }

  #lost(): void {
    this.#answer = ''
    this.#settle(0)
    if (!this.#closed) setTimeout(() => this.#closed || this.#connect(), RECONNECT_MS)
  }

  #settle(status: number): void {
    if (!this.#waiting) return
    this.#waiting = false
    this.#onAnswer(this, status)
  }

  #read(length: number, buffer: Uint8Array): boolean {
    this.#answer += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1')
    if (!isWhole(this.#answer)) return true
    const answer = this.#answer
    this.#answer = ''
    this.#settle(Number(answer.slice(9, 12)))
    const socket = this.#socket as Socket
    if (/\r\nconnection: *close/i.test(answer)) socket.destroy()
    // A server may answer before it has read the request; its message is not free to be patched until it is out.
    else if (socket.writableLength > 0) socket.once('drain', () => this.#onIdle(this))
    else this.#onIdle(this)
    return true
  }
}

/** Whether the text holds an HTTP answer up to its last byte. */
export function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer)
  if (length) return answer.length >= headEnd + 4 + Number(length[1])
  return !/\r\ntransfer-encoding: *chunked/i.test(answer) || answer.endsWith('\r\n0\r\n\r\n')
}
