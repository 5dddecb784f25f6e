// The door for samplers: consistent probability sampling as OpenTelemetry specifies it, and the tracestate that carries it.

export * from './bits.ts'
export * from './trace-state.ts'
export * from './item-fields.ts'
