// The door to the durable log, for the extension that hands it out and for the commands that look at it from outside.

export { encryptionKeyOf } from './key.ts'
export { Onlooker, type Summary } from './onlooker.ts'
export type { SeenRecord, Wanted } from './onlooker-segment.ts'
export type { SegmentLogOptions } from './segment-log.ts'
export { SegmentLog } from './segment-log.ts'
export { InUseError, own } from './owner.ts'
