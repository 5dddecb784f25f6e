// The door to the durable log for the extension that hands it out.

export type { SegmentLogOptions } from './segment-log.ts'
export { SegmentLog } from './segment-log.ts'
