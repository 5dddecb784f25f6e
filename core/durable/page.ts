// Reads what is wanted of a segment, some records at a time, and tells what of it is damaged. `segment-log.ts` calls it.

import type { DurableRecord, Position } from '../storage.ts'
import { crc32c } from './crc32c.ts'
import { associatedWith, RECORD_HEADER_BYTES, type RecordHeader, readRecordHeader } from './format.ts'
import type { Segment } from './segment.ts'

export interface SegmentPage {
  readonly records: readonly DurableRecord[]
  /** Bytes that are no record any more, by the position of what they were. */
  readonly damaged: ReadonlyMap<Position, Uint8Array>
  /** Those that were appended too long ago. */
  readonly expired: readonly Position[]
  readonly next: Position
}

/** Undefined where nothing at `from` or behind it is wanted: else one record at least is read, damaged or expired, and then at most `maxBytes` of the file. */
export async function readPage(segment: Segment, from: Position, maxBytes: number, notBeforeMs: number): Promise<SegmentPage | undefined> {
  const chosen = choose(segment, from, maxBytes)
  const [first] = chosen[0] ?? []
  if (first === undefined) return undefined
  const bytes = await segment.read(first - segment.base, (chosen.at(-1) as Chosen)[1] - first)
  const records: DurableRecord[] = []
  const damaged = new Map<Position, Uint8Array>()
  const expired: Position[] = []
  let next = first
  for (const [position, limit] of chosen) {
    const record = bytes.subarray(position - first, limit - first)
    const header = readRecordHeader(record, 0, position, segment.salt)
    const whole = header === undefined ? record : record.subarray(0, RECORD_HEADER_BYTES + header.length)
    if (header !== undefined && header.timeMs < notBeforeMs) expired.push(position)
    else {
      const payload = header === undefined ? undefined : payloadOf(whole, header, segment)
      if (payload === undefined) damaged.set(position, whole)
      else records.push({ position, bytes: payload })
    }
    // Not the limit: behind the newest record there may be one by now that was not yet wanted when this began.
    next = position + whole.length
  }
  return { records, damaged, expired, next }
}

function payloadOf(record: Uint8Array, header: RecordHeader, { cipher }: Segment): Uint8Array | undefined {
  const stored = record.subarray(RECORD_HEADER_BYTES)
  if (stored.length !== header.length || crc32c(stored) !== header.payloadCrc) return undefined
  return cipher === undefined ? stored : cipher.open(stored, associatedWith(header))
}

/** A record, and where at the latest it ends. */
type Chosen = readonly [position: Position, limit: Position]

function choose(segment: Segment, from: Position, maxBytes: number): readonly Chosen[] {
  const end = segment.base + segment.bytes
  const chosen: Chosen[] = []
  for (const [position, next] of segment.wanted?.from(from) ?? []) {
    const limit = Math.min(next, end)
    if (limit - (chosen[0]?.[0] ?? limit) > maxBytes) break
    chosen.push([position, limit])
  }
  return chosen
}
