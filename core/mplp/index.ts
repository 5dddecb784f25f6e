// The door to the trace protocol, whatever it came over: JSON to messages, and messages to spans, log records and measurements in OTLP bytes.
// It loads ajv: import it where a receiver is created.

export * from './ids.ts'
export * from './json.ts'
export * from './message.ts'
export { type Execution, executionOf, goneOn, reversedIn, UNKNOWN } from './execution.ts'
export type { Identity } from './metrics.ts'
export { MetricsWindow } from './metrics-window.ts'
export { type Outcome, type OutcomeOptions, outcomeOf } from './outcome.ts'
export { type Part, readPart } from './part.ts'
export { type Crossings, partOf } from './pieces.ts'
export type { Items } from './request.ts'
export { MAPPING_VERSION } from './rows.ts'
export { VERSION } from './schema.ts'
export { type Ending, FINISHED, spanOf } from './span.ts'
export { type Threshold, type Thresholds } from './thresholds.ts'
export { parseTime } from './time.ts'
