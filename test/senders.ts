// Senders for the stories: OTLP over HTTP and gRPC in every encoding and coding, and what each request was answered.

import type { ClientHttp2Session } from 'node:http2'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { otlp, type Signal } from '../core/index.ts'
import { frame, send } from '../core/server/fixtures/grpc.ts'

export type Coding = 'identity' | 'gzip' | 'zstd'
export type Encoding = 'protobuf' | 'json'

export const METHODS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

export interface Answered {
  /** The status of HTTP, or the code of gRPC. */
  readonly status: number
  readonly retryAfter: string | null
  readonly body: Buffer
}

/** Rejects where there was no answer. */
export async function sendHttp(
  url: string,
  signal: Signal,
  chunk: Uint8Array,
  encoding: Encoding = 'protobuf',
  coding: Coding = 'identity',
): Promise<Answered> {
  const type = encoding === 'json' ? 'application/json' : 'application/x-protobuf'
  const body = compressed(encoding === 'json' ? Buffer.from(otlp.toJson(signal, chunk)) : chunk, coding)
  const headers = { 'Content-Type': type, ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }) }
  const answer = await fetch(`${url}/v1/${signal}`, { method: 'POST', headers, body: Buffer.from(body) })
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: Buffer.from(await answer.arrayBuffer()) }
}

/** Without a status, because the stream was reset, it is NaN. */
export async function sendGrpc(
  session: ClientHttp2Session,
  signal: Signal,
  chunk: Uint8Array,
  coding: Coding = 'identity',
): Promise<Answered> {
  const headers = { ':path': METHODS[signal], ...(coding === 'identity' ? {} : { 'grpc-encoding': coding }) }
  const { code, body } = await send(session, frame(compressed(chunk, coding), coding === 'identity' ? 0 : 1), headers)
  return { status: Number(code ?? 'NaN'), retryAfter: null, body }
}

function compressed(body: Uint8Array, coding: Coding): Uint8Array {
  return coding === 'gzip' ? gzipSync(body) : coding === 'zstd' ? zstdCompressSync(body) : body
}
