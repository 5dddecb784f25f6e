// Looks through a segment that an earlier run left behind: what can be read, what is damaged, where it was cut off. `segment-log.ts` calls it.

import { crc32c } from './crc32c.ts'
import { HEADER_BYTES, RECORD_HEADER_BYTES, RECORD_MAGIC, readRecordHeader } from './format.ts'

export interface Survey {
  /** The payload's length of every whole record, by position. */
  readonly lengths: Map<number, number>
  /** Byte ranges that hold no whole record, though one follows or the header is whole. */
  readonly damaged: readonly (readonly [from: number, to: number])[]
  /** Bytes at the end that are the beginning of a record: a write that a crash cut off. */
  readonly tornBytes: number
  readonly newestMs: number
}

const MAGIC: Uint8Array = new Uint8Array(Uint32Array.of(RECORD_MAGIC).buffer)

export function survey(segment: Uint8Array, base: number, salt: number): Survey {
  const bytes = Buffer.from(segment.buffer, segment.byteOffset, segment.length)
  const lengths = new Map<number, number>()
  const damaged: [number, number][] = []
  let newestMs = 0
  let at = HEADER_BYTES
  let lostFrom = -1
  while (at < bytes.length) {
    const header = readRecordHeader(bytes, at, base + at, salt)
    const end = at + RECORD_HEADER_BYTES + (header?.length ?? 0)
    if (header === undefined || end > bytes.length) {
      if (lostFrom < 0) lostFrom = at
      // What looks like a record is one only where its position and its seeded checksum fit.
      const next = bytes.indexOf(MAGIC, at + 1)
      at = next < 0 ? bytes.length : next
      continue
    }
    if (lostFrom >= 0) damaged.push([lostFrom, at])
    lostFrom = -1
    if (crc32c(bytes.subarray(at + RECORD_HEADER_BYTES, end)) === header.payloadCrc) lengths.set(base + at, header.length)
    else damaged.push([at, end])
    newestMs = Math.max(newestMs, header.timeMs)
    at = end
  }
  return { lengths, damaged, tornBytes: lostFrom < 0 ? 0 : bytes.length - lostFrom, newestMs }
}
