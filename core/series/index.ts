// The door for connectors that make metrics of what passes: series, the requests they are written into, the rounds in which they leave.

export { ExponentialHistogram } from './exponential-histogram.ts'
export { KeyTable } from './key-table.ts'
export { asText, attributesOf, keyOf, type Label, overflowAttributes } from './labels.ts'
export { ATTRIBUTES_TAG, CUMULATIVE, DELTA, type MetricHead, MetricsRequest, type Temporality } from './metrics-request.ts'
export { OriginKeys } from './origin-keys.ts'
export { Periodic, type PeriodicOptions } from './periodic.ts'
export { type Beginning, Buckets, Count, Exponential, type Series } from './series.ts'
export { Texts } from './texts.ts'
export { Weight } from './weight.ts'
/** Columns of the index: what is made of every span reads them without a cursor. */
export * as column from '../otlp/request-index.ts'
