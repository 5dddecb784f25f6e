// What receivers share: an HTTP door with limits, and the answers of OTLP.

export { ByteBudget, bytesInFlight, limitBytesInFlight } from './byte-budget.ts'
export { type Exchange, type Handle } from './exchange.ts'
export { HttpDoor, type HttpDoorOptions } from './http-door.ts'
export { type Refusal, badRequest, unavailable } from './refusal.ts'
export { type Encoding, encodePartialSuccess, type PartialSuccess } from '../otlp/export-response.ts'
export { type FromJson, tracesFromJson } from '../otlp/json-read.ts'
