// What receivers share: doors of HTTP, gRPC and WebSocket with limits, and the answers of OTLP. Importing it loads no server; the three functions do.

import type { GrpcDoor, GrpcDoorOptions } from './grpc-door.ts'
import type { StreamLimits, StreamTalk, StreamTalker } from './grpc-stream.ts'
import type { HttpDoor, HttpDoorOptions } from './http-door.ts'
import type { HttpExchange, HttpHandle } from './http-exchange.ts'
import type { EventStream, HttpAnswerer, HttpQuery } from './http-query.ts'
import type { Line, Talk, Talker } from './web-socket-connection.ts'
import type { Protocols, WebSocketDoor, WebSocketDoorOptions } from './web-socket-door.ts'

export { ByteBudget, bytesInFlight, limitBytesInFlight } from './byte-budget.ts'
export type { CorsOptions } from './cors.ts'
export type { DeskOptions } from './desk.ts'
export type { Exchange, Handle } from './exchange.ts'
export { type Audit, type Guard, guardOf } from './guard.ts'
export type { KeepaliveOptions } from './grpc-connection.ts'
export { formatListenAddress, type ListenAddress, listenAddressOf } from './listen-address.ts'
export { loneHeaders } from './lone-headers.ts'
export { peerOf } from './peer.ts'
export { badRequest, type Refusal, signalNotTaken, unavailable } from './refusal.ts'
export { ServerTls } from './server-tls.ts'
export type { BodyRate } from './slow-bodies.ts'
export { MESSAGE_PATHS, messageProtocols, webSocketLimits } from './web-socket-schema.ts'
export { type Encoding, encodePartialSuccess, type PartialSuccess } from '../otlp/export-response.ts'
export type { Content, Speech } from './speech.ts'
export type { EventStream, GrpcDoor, GrpcDoorOptions, HttpAnswerer, HttpDoor, HttpDoorOptions, HttpExchange, HttpHandle, HttpQuery }
export type { Line, Protocols, StreamLimits, StreamTalk, StreamTalker, Talk, Talker, WebSocketDoor, WebSocketDoorOptions }

export async function createGrpcDoor(options: GrpcDoorOptions): Promise<GrpcDoor> {
  const { GrpcDoor } = await import('./grpc-door.ts')
  return new GrpcDoor(options)
}

export async function createHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
  const { HttpDoor } = await import('./http-door.ts')
  return new HttpDoor(options)
}

export async function createWebSocketDoor(options: WebSocketDoorOptions): Promise<WebSocketDoor> {
  const { WebSocketDoor } = await import('./web-socket-door.ts')
  return new WebSocketDoor(options)
}
