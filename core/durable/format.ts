// The bytes of the durable log: segment headers, record headers, marks. `segment.ts` and `survey.ts` call it; README.md shows the layout.

import { KEY_CHECK_BYTES, KEY_SALT_BYTES, type KeyMark } from './cipher.ts'
import { crc32c } from './crc32c.ts'

/** The highest that is read. A segment is of version 1, or of 2 where its records are encrypted. */
export const FORMAT_VERSION = 2
/** The header stands twice, so that one damaged byte does not cost a segment. */
export const HEADER_COPY_BYTES = 64
export const HEADER_BYTES: number = 2 * HEADER_COPY_BYTES
export const RECORD_HEADER_BYTES = 32
export const MARK_BYTES = 16

const PLAIN_VERSION = 1
const ENCRYPTED_VERSION = 2
const KEY_SALT_AT = 28
const KEY_CHECK_AT: number = KEY_SALT_AT + KEY_SALT_BYTES

/** 'mrsegmnt' and 'mrec', as little-endian numbers. */
const SEGMENT_MAGIC = 0x746e_6d67_6573_726dn
export const RECORD_MAGIC = 0x6365_726d

export interface SegmentHeader {
  readonly version: number
  readonly base: number
  /** Random: a mark of one segment never counts for another that got its name. */
  readonly salt: number
  /** Set where its records are encrypted. */
  readonly keyMark: KeyMark | undefined
}

export interface RecordPlace {
  /** Of the payload as it is stored. */
  readonly length: number
  readonly position: number
  /** Wall clock, when it was appended. */
  readonly timeMs: number
}
export interface RecordHeader extends RecordPlace {
  readonly payloadCrc: number
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

export function writeSegmentHeader(base: number, salt: number, keyMark?: KeyMark): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = viewOf(bytes)
  view.setBigUint64(0, SEGMENT_MAGIC, true)
  view.setUint32(8, keyMark === undefined ? PLAIN_VERSION : ENCRYPTED_VERSION, true)
  view.setBigUint64(16, BigInt(base), true)
  view.setUint32(24, salt, true)
  if (keyMark !== undefined) {
    bytes.set(keyMark.salt, KEY_SALT_AT)
    bytes.set(keyMark.check, KEY_CHECK_AT)
  }
  view.setUint32(60, crc32c(bytes.subarray(0, 60)), true)
  bytes.copyWithin(HEADER_COPY_BYTES, 0, HEADER_COPY_BYTES)
  return bytes
}

/** Undefined where neither copy is whole. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  for (let at = 0; at + HEADER_COPY_BYTES <= Math.min(bytes.length, HEADER_BYTES); at += HEADER_COPY_BYTES) {
    const copy = bytes.subarray(at, at + HEADER_COPY_BYTES)
    const view = viewOf(copy)
    if (view.getBigUint64(0, true) !== SEGMENT_MAGIC || view.getUint32(60, true) !== crc32c(copy.subarray(0, 60))) continue
    const version = view.getUint32(8, true)
    const keyMark =
      version === ENCRYPTED_VERSION
        ? { salt: copy.slice(KEY_SALT_AT, KEY_SALT_AT + KEY_SALT_BYTES), check: copy.slice(KEY_CHECK_AT, KEY_CHECK_AT + KEY_CHECK_BYTES) }
        : undefined
    return { version, base: Number(view.getBigUint64(16, true)), salt: view.getUint32(24, true), keyMark }
  }
  return undefined
}

export function writeRecordHeader(header: RecordHeader, salt: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, RECORD_MAGIC, true)
  view.setUint32(4, header.length, true)
  view.setBigUint64(8, BigInt(header.position), true)
  view.setBigUint64(16, BigInt(header.timeMs), true)
  view.setUint32(24, header.payloadCrc, true)
  view.setUint32(28, crc32c(bytes.subarray(0, 28), salt), true)
  return bytes
}

/** What encryption binds a record to: the first 24 bytes of its header. */
export function associatedWith(place: RecordPlace): Uint8Array {
  return writeRecordHeader({ ...place, payloadCrc: 0 }, 0).subarray(0, 24)
}

/**
 * Undefined where there is no header that belongs at `position`: the checksum is seeded with the segment's salt, so that bytes within a payload
 * that look like a record are none.
 */
export function readRecordHeader(bytes: Uint8Array, at: number, position: number, salt: number): RecordHeader | undefined {
  if (at + RECORD_HEADER_BYTES > bytes.length) return undefined
  const header = bytes.subarray(at, at + RECORD_HEADER_BYTES)
  const view = viewOf(header)
  if (view.getUint32(0, true) !== RECORD_MAGIC || view.getBigUint64(8, true) !== BigInt(position)) return undefined
  if (view.getUint32(28, true) !== crc32c(header.subarray(0, 28), salt)) return undefined
  return { length: view.getUint32(4, true), position, timeMs: Number(view.getBigUint64(16, true)), payloadCrc: view.getUint32(24, true) }
}

export function writeMarks(positions: readonly number[], salt: number): Uint8Array {
  const bytes = new Uint8Array(positions.length * MARK_BYTES)
  const view = viewOf(bytes)
  for (const [i, position] of positions.entries()) {
    const at = i * MARK_BYTES
    view.setBigUint64(at, BigInt(position), true)
    view.setUint32(at + 8, crc32c(bytes.subarray(at, at + 8), salt), true)
  }
  return bytes
}

/** A mark that is torn or damaged is none: its record comes again. */
export function readMarks(bytes: Uint8Array, salt: number): number[] {
  const positions: number[] = []
  const view = viewOf(bytes)
  for (let at = 0; at + MARK_BYTES <= bytes.length; at += MARK_BYTES) {
    if (view.getUint32(at + 8, true) === crc32c(bytes.subarray(at, at + 8), salt)) positions.push(Number(view.getBigUint64(at, true)))
  }
  return positions
}

const SEGMENT_NAME = /^(\d{16})\.segment$/
const MARKS_NAME = /^(\d{16})\.(\d+)\.released$/

export const segmentName = (base: number): string => `${String(base).padStart(16, '0')}.segment`
export const marksName = (base: number, number: number): string => `${String(base).padStart(16, '0')}.${number}.released`

export function baseOfSegment(name: string): number | undefined {
  const base = SEGMENT_NAME.exec(name)?.[1]
  return base === undefined ? undefined : Number(base)
}

export function marksOf(name: string): { readonly base: number; readonly number: number } | undefined {
  const match = MARKS_NAME.exec(name)
  return match === null ? undefined : { base: Number(match[1]), number: Number(match[2]) }
}
