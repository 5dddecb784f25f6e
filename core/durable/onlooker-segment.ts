// The records of one segment as somebody sees them who does not own it: whole, or their beginnings alone. `onlooker.ts` calls it.

import type { Position } from '../storage.ts'
import type { Cipher } from './cipher.ts'
import { crc32c } from './crc32c.ts'
import type { OpenFile } from './files.ts'
import { associatedWith, HEADER_BYTES, RECORD_HEADER_BYTES, type RecordHeader, readRecordHeader } from './format.ts'
import { survey } from './survey.ts'

/** A record that is not released. */
export interface SeenRecord {
  readonly position: Position
  /** When it was appended, in milliseconds since 1970. */
  readonly timeMs: number
  /** Of the whole record. */
  readonly length: number
  /** The record, or its beginning. */
  readonly bytes: Uint8Array
}

/** What is seen on the way, of all segments together. */
export interface Glance {
  bytes: number
  damaged: number
  tornBytes: number
}

export interface Found {
  readonly file: OpenFile
  readonly base: number
  readonly salt: number
  readonly cipher: Cipher | undefined
  /** Of the file, in bytes: what is appended meanwhile is not looked at. */
  readonly size: number
  readonly released: ReadonlySet<Position>
  readonly glance: Glance
}

export async function* wholeRecordsIn(segment: Found, after: Position = -1): AsyncGenerator<SeenRecord, void> {
  const { file, base, salt, size, released, glance } = segment
  const bytes = await file.read(0, size)
  const { lengths, damaged, tornBytes } = survey(bytes, base, salt)
  glance.damaged += damaged.length
  glance.tornBytes += tornBytes
  for (const position of lengths.keys()) {
    if (position <= after || released.has(position)) continue
    const at = position - base
    const header = readRecordHeader(bytes, at, position, salt)
    const record = header === undefined ? undefined : opened(header, bytes.subarray(at + RECORD_HEADER_BYTES), segment)
    if (record === undefined) glance.damaged++
    else yield record
  }
}

/** The record at a position: undefined where none is, where it is released, or where it is damaged. */
export async function recordAt(segment: Found, position: Position): Promise<SeenRecord | undefined> {
  const { file, base, salt, size, released } = segment
  const at = position - base
  if (released.has(position) || at + RECORD_HEADER_BYTES > size) return undefined
  const header = readRecordHeader(await file.read(at, RECORD_HEADER_BYTES), 0, position, salt)
  if (header === undefined || at + RECORD_HEADER_BYTES + header.length > size) return undefined
  const stored = await file.read(at + RECORD_HEADER_BYTES, header.length)
  return crc32c(stored) === header.payloadCrc ? opened(header, stored, segment) : undefined
}

/** `stored` may go on behind the record. */
function opened(header: RecordHeader, stored: Uint8Array, { cipher }: Found): SeenRecord | undefined {
  const { position, timeMs, length } = header
  const own = stored.subarray(0, length)
  const bytes = cipher === undefined ? own : cipher.open(own, associatedWith(header))
  return bytes === undefined ? undefined : { position, timeMs, length: bytes.length, bytes }
}

/** How many bytes of a record are wanted, told from its first ones: at most `BEGINNING_BYTES`, and fewer only where it has no more. */
export type Wanted = (beginning: Uint8Array) => number

const BEGINNING_BYTES = 1024
/** Between large records it leaps, small ones it reads in one go. */
const LARGE_BYTES = 16 * 1024
const WINDOW_BYTES = 256 * 1024

export async function* beginningsIn(segment: Found, wanted: Wanted): AsyncGenerator<SeenRecord, void> {
  const { file, base, salt, cipher, size, released } = segment
  // A beginning alone cannot be told from one that somebody changed.
  if (cipher !== undefined) return yield* beginningsOfWhole(segment, wanted)
  let window: Uint8Array = new Uint8Array(0)
  let [windowAt, last] = [0, LARGE_BYTES]
  for (let at = HEADER_BYTES; at < size;) {
    const least = RECORD_HEADER_BYTES + BEGINNING_BYTES
    if (Math.min(at + least, size) > windowAt + window.length) {
      window = await file.read(at, Math.min(size - at, last < LARGE_BYTES ? WINDOW_BYTES : least))
      windowAt = at
    }
    const position = base + at
    const header = readRecordHeader(window, at - windowAt, position, salt)
    const from = at + RECORD_HEADER_BYTES
    const end = from + (header?.length ?? 0)
    if (header === undefined || end > size) {
      // Where the next one begins can be found only by looking at all of it.
      return yield* beginningsOfWhole(segment, wanted, position)
    }
    if (!released.has(position)) {
      let bytes = window.subarray(from - windowAt, Math.min(end, from + BEGINNING_BYTES) - windowAt)
      const length = Math.min(wanted(bytes), header.length)
      bytes = length > bytes.length ? await file.read(from, length) : bytes.subarray(0, length)
      yield { position, timeMs: header.timeMs, length: header.length, bytes }
    }
    last = header.length
    at = end
  }
}

async function* beginningsOfWhole(segment: Found, wanted: Wanted, after?: Position): AsyncGenerator<SeenRecord, void> {
  for await (const record of wholeRecordsIn(segment, after)) yield { ...record, bytes: record.bytes.subarray(0, wanted(record.bytes)) }
}
