// Destinations for the stories: OTLP servers in the test's own process that keep what they take, and answer as a story wants.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Test } from 'tap'
import { ANONYMOUS, type Batch, type Signal } from '../core/index.ts'
import { itemsOf, numbersOf } from '../core/testing/index.ts'

/** What a backend took: the requests, and the attribute `n` of every item in them. */
export class Taken {
  readonly requests: Batch[] = []

  add(signal: Signal, body: Uint8Array): void {
    const batch: Batch = { signal, chunks: [body], count: 0, origin: ANONYMOUS }
    this.requests.push({ ...batch, count: itemsOf(batch).length })
  }

  /** Ascending; a number that came twice is here twice. */
  numbers(signal: Signal): number[] {
    return this.#of(signal)
      .flatMap((batch) => numbersOf(batch).map(Number))
      .sort((a, b) => a - b)
  }

  items(signal: Signal): ReturnType<typeof itemsOf> {
    return this.#of(signal).flatMap((batch) => itemsOf(batch))
  }

  count(signal: Signal): number {
    return this.#of(signal).reduce((sum, { count }) => sum + count, 0)
  }

  #of(signal: Signal): Batch[] {
    return this.requests.filter((batch) => batch.signal === signal)
  }
}

export interface Backend {
  /** `127.0.0.1:<port>`. */
  readonly address: string
  readonly taken: Taken
}

const SIGNAL_OF: Readonly<Record<string, Signal>> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': 'traces',
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export': 'metrics',
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export': 'logs',
}

/** `true`: it has answered the `nth` request itself (from 1), and the request is not taken. A promise holds the answer back. */
export type HttpReply = (response: ServerResponse, nth: number) => boolean | Promise<boolean>

/** Takes everything, unless `reply` does otherwise. */
export async function httpBackend(t: Test, reply: HttpReply = () => false): Promise<Backend> {
  const taken = new Taken()
  let requests = 0
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    requests++
    if (await reply(response, requests)) return
    taken.add(SIGNAL_OF[request.url!]!, inflated(body, request.headers['content-encoding']))
    response.setHeader('Content-Type', 'application/x-protobuf').end()
  }
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()))
  t.teardown(() => server.closeAllConnections())
  return { address: await listening(t, server), taken }
}

/** The code that the `nth` request is answered with: 0 takes it, and with NaN it was answered here. */
export type GrpcReply = (stream: ServerHttp2Stream, nth: number) => number | Promise<number>

/** Takes everything, unless `reply` does otherwise. */
export async function grpcBackend(t: Test, reply: GrpcReply = () => 0): Promise<Backend> {
  const taken = new Taken()
  let requests = 0
  const take = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> => {
    const body = await buffer(stream)
    requests++
    const code = await reply(stream, requests)
    if (Number.isNaN(code)) return
    if (code === 0) taken.add(SIGNAL_OF[headers[':path']!]!, inflated(body.subarray(5), body[0] === 1 ? headers['grpc-encoding'] : ''))
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(code) }))
    stream.end(code === 0 ? Buffer.alloc(5) : undefined)
  }
  const server = createHttp2Server()
  const open = new Set<{ destroy(): void }>()
  server.on('session', (session) => {
    open.add(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {})
    take(stream, headers).catch(() => stream.destroy())
  })
  t.teardown(() => {
    for (const session of open) session.destroy()
  })
  return { address: await listening(t, server), taken }
}

/** Listens on a port of the system's choice, until the test ends. */
export async function listening(t: Test, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function inflated(body: Uint8Array, coding: string | string[] = ''): Uint8Array {
  return coding === 'gzip' ? gunzipSync(body) : coding === 'zstd' ? zstdDecompressSync(body) : body
}
