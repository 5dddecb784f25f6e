// The contract: everything a component imports, built in or published on npm.

export * from './factory.ts'
export * from './batch.ts'
export * from './clock.ts'
export { type Compressed, compressedOf, rememberCompressed, type SurvivingCoding, wantCompressed } from './compressed.ts'
export * from './errors.ts'
export { eachSpan, type EachSpan } from './each-span.ts'
export type { Attributes } from './otlp/attribute-cursor.ts'
export type { Span } from './otlp/cursor.ts'
export type { Admitted } from './otlp/traces.ts'
/** OTLP bytes, below the cursors. */
export * as otlp from './otlp/index.ts'
export { MalformedError } from './otlp/wire.ts'
export { Batcher, type BatcherOptions } from './pipeline/batcher.ts'
export { Ledger, type LedgerRow } from './ledger.ts'
