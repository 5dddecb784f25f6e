// Writes the answers of an HTTP door: exchanges call it, and whoever refuses a request that never became one.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Encoding } from '../otlp/export-response.ts'
import { CONTENT_TYPE } from './headers.ts'
import type { Refusal } from './refusal.ts'
import type { Content, Speech } from './speech.ts'

/** How much more is read of a request that was refused before its end, and for how long, so that its sender gets to read why. */
const MAX_DRAIN_BYTES = 256 * 1024
const MAX_DRAIN_MS = 1000
/** The most that Node reads at once. */
const READ_BYTES = 64 * 1024

/** As text, which Node sends with the head in one write; bytes would be a second one. */
const EMPTY: Readonly<Record<Encoding, string>> = { protobuf: '', json: '{}' }
const HEADERS: Readonly<Record<Encoding, string[]>> = {
  protobuf: ['Content-Type', CONTENT_TYPE.protobuf, 'Content-Length', '0'],
  json: ['Content-Type', CONTENT_TYPE.json, 'Content-Length', '2'],
}

export function writeSuccess(response: ServerResponse, encoding: Encoding, body: Uint8Array | undefined, closing: boolean): void {
  if (body === undefined && !closing) {
    response.writeHead(200, HEADERS[encoding])
    if (encoding === 'json') response.end(EMPTY.json)
    else response.end()
    return
  }
  writeContent(response, 200, { type: CONTENT_TYPE[encoding], body: body ?? EMPTY[encoding] }, closing)
}

/** `more` are headers: names and values in turn. */
export function writeContent(response: ServerResponse, status: number, content: Content, closing: boolean, more?: readonly string[]): void {
  response.writeHead(status, headersOf(content, closing, more))
  response.end(content.body)
}

/** A connection whose request was read to its end is kept; any other closes, after a little more was read. */
export function writeRefusal(request: IncomingMessage, response: ServerResponse, speech: Speech, refusal: Refusal, closing: boolean): void {
  const content = speech.refusal(refusal, request.headers['content-type'])
  const whole = request.complete
  response.writeHead(refusal.httpStatus, headersOf(content, closing || !whole, refusal.headers))
  const hasBody = request.method !== 'HEAD'
  if (whole) response.end(hasBody ? content.body : undefined)
  else {
    if (hasBody) response.write(content.body)
    drain(request, () => response.end())
  }
}

function headersOf({ type, body }: Content, close: boolean, more: readonly string[] = []): string[] {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const headers = ['Content-Type', type, 'Content-Length', String(length), ...more]
  if (close) headers.push('Connection', 'close')
  return headers
}

/** Reads on for a little, then calls `done`. A sender that is still writing would otherwise lose the answer to a reset. */
function drain(request: IncomingMessage, done: () => void): void {
  let left = MAX_DRAIN_BYTES
  const finish = (): void => {
    clearTimeout(timer)
    request.off('data', count)
    request.pause()
    done()
  }
  const timer = setTimeout(finish, MAX_DRAIN_MS)
  const count = (piece: Buffer): void => {
    left -= piece.length
    if (left < READ_BYTES) finish()
  }
  request.on('data', count)
  request.once('end', finish)
  request.once('close', finish)
}
