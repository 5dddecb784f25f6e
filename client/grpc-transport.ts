// Messages over gRPC: calls of `Send` on one connection of HTTP/2, for Node alone. `createClient` imports it where it is asked for; pages never load it.
//
//   rpc Send(Messages) returns (Acks);
//   message Messages { repeated bytes json = 1; }
//   message Acks { repeated bytes json = 1; }

import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import { decoded } from './context.ts'
import { tokenOf } from './http-transport.ts'
import type { Settled } from './options.ts'
import { type Answer, isAnswer, NotNow, TooLarge, type Transport } from './transport.ts'

const PATH = '/mplp.v1.TraceProtocol/Send'
const FRAME_HEAD_BYTES = 5
const FIELD_1 = 0x0a
const OK = '0'
const RESOURCE_EXHAUSTED = '8'
const UNAUTHENTICATED = '16'
/** INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED: the same call will never pass. */
const NEVER: ReadonlySet<string> = new Set(['3', '7', '12'])

interface Reply {
  readonly body: Buffer
  readonly status: string
  readonly message: string
}

export class GrpcTransport implements Transport {
  readonly window = 1
  readonly #options: Settled
  #session: ClientHttp2Session | undefined

  constructor(options: Settled) {
    this.#options = options
  }

  async send(texts: readonly string[]): Promise<readonly Answer[]> {
    const headers = await this.#headers()
    const session = this.#open()
    const stream = session.request(headers)
    // Whatever came between may have forgotten the connection: the next call makes another.
    const reply = replyOf(stream, this.#options.answerTimeoutMs, () => session.destroy())
    stream.end(requestOf(texts))
    const { body, status, message } = await reply
    if (status === OK) return answersIn(body)
    const why = `the server answered ${status}: ${message}`
    if (status === RESOURCE_EXHAUSTED) throw new TooLarge(why)
    const isFinal = NEVER.has(status) || (status === UNAUTHENTICATED && typeof this.#options.token !== 'function')
    if (!isFinal) throw new NotNow(why)
    return texts.map(() => ({ status: 'rejected', errors: [{ path: '', message: why }] }))
  }

  close(): void {
    this.#session?.destroy()
  }

  #open(): ClientHttp2Session {
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect(this.#options.url.origin.replace(/^ws/, 'http'))
    // Each call has the error, too.
    session.on('error', () => session.destroy())
    session.on('goaway', () => session.close())
    // A connection keeps the program alive only while something is on its way.
    session.on('connect', () => session.unref())
    this.#session = session
    return session
  }

  async #headers(): Promise<Record<string, string>> {
    const token = await tokenOf(this.#options)
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const fixed = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' }
    return { ...this.#options.headers, ...fixed, ...authorization }
  }
}

function replyOf(stream: ClientHttp2Stream, timeoutMs: number, overdue: () => void): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const chunks: Buffer[] = []
  // A stream does not keep the program alive once its session is let go; this timer does.
  const timer = setTimeout(() => {
    stream.destroy(new NotNow(`no answer within ${timeoutMs} ms`))
    overdue()
  }, timeoutMs)
  let found: IncomingHttpHeaders = {}
  const look = (headers: IncomingHttpHeaders): void => void (found = { ...found, ...headers })
  stream.on('response', look).on('trailers', look)
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', reject)
  stream.on('close', () => {
    clearTimeout(timer)
    const status = found['grpc-status']
    if (status === undefined) return reject(new NotNow('the call ended without a status'))
    resolve({ body: Buffer.concat(chunks), status: String(status), message: decoded(String(found['grpc-message'] ?? '')) })
  })
  return promise
}

function requestOf(texts: readonly string[]): Buffer {
  const bodies = texts.map((text) => Buffer.from(text))
  const parts = bodies.flatMap((body) => [Buffer.from([FIELD_1, ...varint(body.length)]), body])
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  head.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    1,
  )
  return Buffer.concat([head, ...parts])
}

function answersIn(frame: Buffer): readonly Answer[] {
  const answers: Answer[] = []
  for (let p = FRAME_HEAD_BYTES; p < frame.length;) {
    if (frame[p++] !== FIELD_1) throw new NotNow('the answer is none of Send')
    let length = 0
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = frame[p++] ?? 0
      length |= (byte & 0x7f) << shift
    }
    const answer: unknown = JSON.parse(frame.toString('utf8', p, p + length))
    if (!isAnswer(answer)) throw new NotNow('the answer is none of the trace protocol')
    answers.push(answer)
    p += length
  }
  return answers
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  return [...bytes, value]
}
