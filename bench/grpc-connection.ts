// One HTTP/2 connection of the generator: prepared gRPC messages, one call at a time, as a gRPC client sends them.

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'

import type { AnswerTo, IdleTo, Sender } from './connection.ts'

const RECONNECT_MS = 20

export class GrpcConnection implements Sender {
  readonly number: number
  readonly #port: number
  readonly #path: string
  readonly #gzip: boolean
  readonly #onAnswer: AnswerTo
  readonly #onIdle: IdleTo
  #session: ClientHttp2Session | undefined
  #closed = false

  constructor(
    number: number,
    { port, path, gzip }: { readonly port: number; readonly path: string; readonly gzip: boolean },
    onAnswer: AnswerTo,
    onIdle: IdleTo,
  ) {
    this.number = number
    this.#port = port
    this.#path = path
    this.#gzip = gzip
    this.#onAnswer = onAnswer
    this.#onIdle = onIdle
    this.#connect()
  }

  send(message: Buffer): void {
    const session = this.#session
    if (session === undefined || session.closed) return this.#onAnswer(this, 0)
    const stream = session.request({
      ':method': 'POST',
      ':path': this.#path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(this.#gzip ? { 'grpc-encoding': 'gzip' } : {}),
    })
    this.#watch(stream)
    stream.end(message)
  }

  close(): void {
    this.#closed = true
    this.#session?.destroy()
  }

  /** 200 for `grpc-status: 0`, else a thousand and the status, so that both kinds of answer stand in one table. */
  #watch(stream: ClientHttp2Stream): void {
    let status = 0
    const read = (headers: Readonly<Record<string, unknown>>): void => {
      const grpc = headers['grpc-status']
      if (grpc !== undefined) status = Number(grpc) === 0 ? 200 : 1000 + Number(grpc)
    }
    stream.on('response', read)
    stream.on('trailers', read)
    stream.on('error', () => undefined)
    stream.resume()
    stream.once('close', () => {
      this.#onAnswer(this, status)
      if (!this.#closed && this.#session?.closed === false) this.#onIdle(this)
    })
  }

  #connect(): void {
    const session = connect(`http://127.0.0.1:${this.#port}`, { settings: { initialWindowSize: 1 << 20 } })
    this.#session = session
    session.once('connect', () => this.#onIdle(this))
    session.on('error', () => undefined)
    session.once('close', () => {
      if (!this.#closed) setTimeout(() => this.#closed || this.#connect(), RECONNECT_MS)
    })
    session.on('goaway', (code) => code !== constants.NGHTTP2_NO_ERROR && session.close())
  }
}

/** A message behind its five bytes: whether it is compressed, and its length. */
export function grpcMessage(body: Buffer, compressed: boolean): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = compressed ? 1 : 0
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}
