// Opens the gRPC door of receiver `otlp`: its options from the configuration, and the three Export methods.

import { parseDuration, type Settings, type Signal } from '../../core/index.ts'
import {
  type ByteBudget,
  createGrpcDoor,
  type GrpcDoor,
  guardOf,
  type KeepaliveOptions,
  listenAddressOf,
  ServerTls,
} from '../../core/server/index.ts'
import type { GrpcConfig } from './grpc-options.ts'
import type { Routes } from './intake.ts'

const METHODS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

export async function openGrpc(grpc: GrpcConfig, routes: Routes, budget: ByteBudget, settings: Settings): Promise<GrpcDoor> {
  const door = await createGrpcDoor({
    address: listenAddressOf(grpc.endpoint, grpc.transport)!, // the factory has checked it
    budget,
    clock: settings.clock,
    maxBodyBytes: grpc.max_recv_msg_size_mib * 1024 * 1024,
    bodyRate: {
      minBytesPerSecond: grpc.min_body_rate,
      graceMs: parseDuration(grpc.min_body_rate_grace),
      maxMs: parseDuration(grpc.read_timeout),
    },
    maxConcurrentStreams: grpc.max_concurrent_streams === 0 ? 2 ** 32 - 1 : grpc.max_concurrent_streams,
    keepalive: keepaliveOf(grpc.keepalive),
    ...(grpc.tls === undefined ? {} : { tls: new ServerTls(grpc.tls, settings.clock, settings.log) }),
    ...guardOf(grpc.auth, settings),
    ...(grpc.max_connections === undefined ? {} : { maxConnections: grpc.max_connections }),
  })
  const timeoutMs = parseDuration(grpc.timeout)
  for (const [signal, path] of Object.entries(METHODS) as [Signal, string][]) door.method(path, routes(signal, timeoutMs, grpc.auth?.roles))
  return door
}

function keepaliveOf({ server_parameters: server, enforcement_policy: policy }: GrpcConfig['keepalive']): KeepaliveOptions {
  const orForEver = (text: string): number => parseDuration(text) || Infinity
  return {
    maxConnectionIdleMs: orForEver(server.max_connection_idle),
    maxConnectionAgeMs: orForEver(server.max_connection_age),
    maxConnectionAgeGraceMs: orForEver(server.max_connection_age_grace),
    timeMs: orForEver(server.time),
    timeoutMs: parseDuration(server.timeout),
    minTimeMs: parseDuration(policy.min_time),
    permitWithoutStream: policy.permit_without_stream,
  }
}
