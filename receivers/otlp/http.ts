// Opens the HTTP door of receiver `otlp`: its options from the configuration, and a path for each signal.

import { parseDuration, type Settings } from '../../core/index.ts'
import { type ByteBudget, createHttpDoor, guardOf, type HttpDoor, listenAddressOf, ServerTls } from '../../core/server/index.ts'
import type { HttpConfig } from './http-options.ts'
import type { Routes } from './intake.ts'

export async function openHttp(http: HttpConfig, routes: Routes, budget: ByteBudget, settings: Settings): Promise<HttpDoor> {
  const door = await createHttpDoor({
    address: listenAddressOf(http.endpoint, http.transport)!, // the factory has checked it
    budget,
    clock: settings.clock,
    maxBodyBytes: http.max_request_body_size,
    bodyRate: { minBytesPerSecond: http.min_body_rate, graceMs: parseDuration(http.min_body_rate_grace), maxMs: 0 },
    codings: new Set(http.compression_algorithms),
    readHeaderTimeoutMs: parseDuration(http.read_header_timeout),
    readTimeoutMs: parseDuration(http.read_timeout),
    writeTimeoutMs: parseDuration(http.write_timeout),
    idleTimeoutMs: parseDuration(http.idle_timeout),
    ...(http.cors === undefined ? {} : { cors: http.cors }),
    ...(http.tls === undefined ? {} : { tls: new ServerTls(http.tls, settings.clock, settings.log) }),
    ...guardOf(http.auth, settings),
    ...(http.max_connections === undefined ? {} : { maxConnections: http.max_connections }),
  })
  const timeoutMs = parseDuration(http.timeout)
  for (const signal of ['traces', 'metrics', 'logs'] as const)
    door.post(http[`${signal}_url_path`], routes(signal, timeoutMs, http.auth?.roles))
  return door
}
