// The door for components that hold spans until their traces are whole.

export { HandOff, type HandOffOptions } from './hand-off.ts'
export { type Decided, type Earlier, Journal, traceKey } from './journal.ts'
export * from './span-facts.ts'
export {
  type Cause,
  type Leaving,
  type Most,
  type Remembered,
  TraceBuffer,
  type TraceBufferOptions,
  type TraceOwner,
} from './trace-buffer.ts'
export { TraceLine } from './trace-line.ts'
export { BYTES, ID, OWN_CELLS, SPAN_COUNT, TraceTable, VERDICT } from './trace-table.ts'
