// What exporters share: retrying, sending over HTTP, compressing. It loads an HTTP client: a factory's module imports core/factory.ts alone.

export { MAX_ANSWER_BYTES } from './answer-reader.ts'
export { compress, type Compression } from './compress.ts'
export { HttpSender, type HttpAnswer, type HttpSenderOptions } from './http-sender.ts'
export { InFlight } from './in-flight.ts'
export { Retry } from './retry.ts'
export { retryAfterMs } from './retry-after.ts'
export { retryOptionsOf, type RetryOptions } from './retry-options.ts'
export { decodePartialSuccess, type Encoding, type PartialSuccess } from '../otlp/export-response.ts'
export { tracesToJson } from '../otlp/json-write.ts'
export { statusMessage } from '../otlp/rpc-status.ts'
export { FaultLog } from './fault-log.ts'
