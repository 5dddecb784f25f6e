// What receivers share: doors of HTTP and gRPC with limits, and the answers of OTLP.

export { ByteBudget, bytesInFlight, limitBytesInFlight } from './byte-budget.ts'
export { type CorsOptions } from './cors.ts'
export { type DeskOptions } from './desk.ts'
export { type Exchange, type Handle } from './exchange.ts'
export { type KeepaliveOptions } from './grpc-connection.ts'
export { GrpcDoor, type GrpcDoorOptions } from './grpc-door.ts'
export { HttpDoor, type HttpDoorOptions } from './http-door.ts'
export { formatListenAddress, type ListenAddress, listenAddressOf } from './listen-address.ts'
export { badRequest, type Refusal, signalNotTaken, unavailable } from './refusal.ts'
export { ServerTls } from './server-tls.ts'
export { type BodyRate } from './slow-bodies.ts'
export { type Encoding, encodePartialSuccess, type PartialSuccess } from '../otlp/export-response.ts'
