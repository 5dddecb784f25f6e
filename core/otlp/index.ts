// The door to OTLP bytes for components that work on them without a cursor. Offsets hold until the next await: see trace-index.ts.

export { readAnyValue, writeAnyValue } from './any-value.ts'
export { ByteWriter } from './byte-writer.ts'
export { countItems } from './count.ts'
export { fromJson, type FromJson } from './json-read.ts'
export { toJson, tracesToJson } from './json-write.ts'
export { admit, indexChunk } from './requests.ts'
export * from './span-attributes.ts'
export { splitChunk } from './split.ts'
export { TraceEdits } from './trace-edits.ts'
export { TraceIndex } from './trace-index.ts'
export { type Admitted, admitTraces, indexTraces } from './traces.ts'
