// The gRPC door of receiver `mplp`: service `mplp.v1.TraceProtocol`, on the executions that the HTTP door has, too.

import { acksOf, ackOf, type Executions, GRPC_METHODS, MessageQueue, messagesIn, oneMessageIn } from '../../core/executions/index.ts'
import { parseDuration, type Settings } from '../../core/index.ts'
import {
  badRequest,
  type ByteBudget,
  createGrpcDoor,
  type Exchange,
  type GrpcDoor,
  type Guard,
  listenAddressOf,
  ServerTls,
  unavailable,
} from '../../core/server/index.ts'
import type { GrpcConfig, MplpConfig } from './factory.ts'

/** Streams stay open for long: a client that has gone without a word is noticed, and one that looks after its connection itself may. */
const KEEPALIVE = {
  maxConnectionIdleMs: Infinity,
  maxConnectionAgeMs: Infinity,
  maxConnectionAgeGraceMs: Infinity,
  timeMs: 60_000,
  timeoutMs: 20_000,
  minTimeMs: 10_000,
  permitWithoutStream: true,
} as const

interface GrpcTools {
  readonly executions: Executions
  readonly budget: ByteBudget
  readonly guard: Guard
  readonly settings: Settings
}

export async function openGrpc(grpc: GrpcConfig, config: MplpConfig, tools: GrpcTools): Promise<GrpcDoor> {
  const { executions, budget, guard, settings } = tools
  const door = await createGrpcDoor({
    address: listenAddressOf(grpc.endpoint, 'tcp')!, // the factory has checked it
    budget,
    clock: settings.clock,
    maxBodyBytes: config.max_request_body_size,
    bodyRate: { minBytesPerSecond: config.min_body_rate, graceMs: 10_000, maxMs: 0 },
    maxConcurrentStreams: grpc.max_concurrent_streams,
    keepalive: KEEPALIVE,
    ...(config.tls === undefined ? {} : { tls: new ServerTls(config.tls, settings.clock, settings.log) }),
    ...guard,
    ...(config.max_connections === undefined ? {} : { maxConnections: config.max_connections }),
  })
  door.method(GRPC_METHODS.send, (body, exchange) => send(body, exchange, executions, config.max_messages))
  const limits = {
    maxUnanswered: grpc.max_unanswered,
    maxWaitingBytes: grpc.max_waiting_bytes,
    writeTimeoutMs: parseDuration(grpc.write_timeout),
  }
  door.stream(
    GRPC_METHODS.exchange,
    (origin) => {
      const queue = new MessageQueue(executions, origin)
      return { take: (message, number) => answered(queue, message, number) }
    },
    limits,
  )
  return door
}

function send(body: Uint8Array, exchange: Exchange, executions: Executions, most: number): void {
  const messages = messagesIn(body, most)
  if (messages === undefined) return exchange.refuse(badRequest(`not a Messages of protobuf, or of more than ${most}`))
  executions
    .take(
      messages.map((bytes) => oneMessageIn(bytes)),
      exchange.origin,
    )
    .then(
      (told) => exchange.succeed(acksOf(told.map(({ answer }) => answer))),
      (error: unknown) => exchange.refuse(unavailable(error instanceof Error ? error.message : String(error))),
    )
}

async function answered(queue: MessageQueue, envelope: Uint8Array, number: number): Promise<Uint8Array> {
  const messages = messagesIn(envelope, Infinity)
  if (messages === undefined) throw new Error(`message ${number} is not an Envelope of protobuf`)
  // A field that comes twice: the last one counts.
  const [answer] = await queue.take([oneMessageIn(messages.at(-1) ?? new Uint8Array())])
  return ackOf(number, answer!)
}
