// The `grpc-timeout` header: how long the client waits. The gRPC door reads it.

const TIMEOUT = /^(\d{1,8})([HMSmun])$/
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** Milliseconds; Infinity where there is none, NaN where it cannot be read. */
export function grpcTimeoutMs(header: string | undefined): number {
  if (header === undefined) return Infinity
  const match = TIMEOUT.exec(header)
  return match === null ? NaN : Number(match[1]) * UNIT_MS[match[2]!]!
}
