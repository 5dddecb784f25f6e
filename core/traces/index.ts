// The door for components that hold spans until their traces are whole.

export { HandOff, type HandOffOptions } from './hand-off.ts'
export { type Decided, type Earlier, Journal, traceKey } from './journal.ts'
export * from './span-facts.ts'
export { TraceBuffer } from './trace-buffer.ts'
export type { Cause, Leaving, Most, Remembered, TraceBufferOptions, TraceOwner } from './trace-owner.ts'
export { TraceLine } from './trace-line.ts'
export { BYTES, ID, LINE, OWN_CELLS, SPAN_COUNT, TraceTable, VERDICT } from './trace-table.ts'
