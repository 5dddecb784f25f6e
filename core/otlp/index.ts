// The door to OTLP bytes for components that work on them without a cursor. Offsets hold until the next await: see trace-index.ts.

export { readAnyValue, writeAnyValue } from './any-value.ts'
export { ByteWriter } from './byte-writer.ts'
export * from './span-attributes.ts'
export { TraceEdits } from './trace-edits.ts'
export { TraceIndex } from './trace-index.ts'
export { admitTraces, indexTraces } from './traces.ts'
export { tracesToJson } from './json-write.ts'
