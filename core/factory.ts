// The part of the contract that a `factory.ts` imports: schemas, and the checks of what is written in YAML. Every start-up loads it for
// every component, used or not, so nothing that handles bytes or connections is in it; `index.ts` has the whole contract.

export { bare, socketPathOf, type Target, targetOf, urlFaults } from './client/address.ts'
export { proxyFaults } from './client/proxy-faults.ts'
export { retrySchema } from './client/retry-options.ts'
export * from './client/schema.ts'
export * from './client/tls-schema.ts'
export type * from './component.ts'
export { parseBytes } from './config/bytes.ts'
export { parseDuration } from './config/duration.ts'
export type * from './config/schema.ts'
export * from './define.ts'
export { type Endpoint, ENDPOINT_ACCEPTED, endpointOf, formatEndpoint } from './endpoint.ts'
export type { AttributeValue } from './otlp/any-value.ts'
export { queueSchema } from './pipeline/queue-options.ts'
export { printable, quoted } from './printable.ts'
export { formatListenAddress, LISTEN_ACCEPTED, type ListenAddress, listenAddressOf, type SocketPath } from './server/listen-address.ts'
export * from './tls/schema.ts'
