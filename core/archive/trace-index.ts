// Where in an archived object a trace is: beside the object lies an index, sorted by trace id, of which two small reads find one. object-writer.ts
// makes it, object-reader.ts asks.
//
//   header:  "MRI1" | u32 number of entries
//   fan-out: 256 × u32: how many entries have an id whose first byte is at most that
//   entries: 32 bytes each, in the order of their ids, then of their frames:
//            trace id, 16 | u64 where the frame begins in the object | u32 its length there | u32 its number; the highest bit of that says that it is the last
//
// Numbers are big-endian.

export const ENTRY_BYTES = 32
export const FAN_OUT_BYTES: number = 8 + 256 * 4
const MAGIC = 0x4d52_4931
const LAST = 0x8000_0000

/** A frame, as it lies in its object. */
export interface FramePlace {
  readonly start: number
  readonly length: number
  readonly number: number
  readonly isLast: boolean
}

export class TraceIndexWriter {
  readonly #entries: { readonly id: string; readonly frame: number }[] = []

  /** `ids` are 16 bytes each, as latin1: those of the frame of that number, none of them twice. */
  add(ids: Iterable<string>, frame: number): void {
    for (const id of ids) this.#entries.push({ id, frame })
  }

  /** The index, when all frames are known. */
  write(frames: readonly FramePlace[]): Buffer {
    const entries = this.#entries.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.frame - b.frame))
    const bytes = Buffer.alloc(FAN_OUT_BYTES + entries.length * ENTRY_BYTES)
    bytes.writeUInt32BE(MAGIC, 0)
    bytes.writeUInt32BE(entries.length, 4)
    let byte = 0
    for (const [i, { id, frame }] of entries.entries()) {
      for (; byte < id.charCodeAt(0); byte++) bytes.writeUInt32BE(i, 8 + byte * 4)
      const { start, length, number, isLast } = frames[frame]!
      const at = FAN_OUT_BYTES + i * ENTRY_BYTES
      bytes.write(id, at, 16, 'latin1')
      bytes.writeBigUInt64BE(BigInt(start), at + 16)
      bytes.writeUInt32BE(length, at + 24)
      bytes.writeUInt32BE(isLast ? number + LAST : number, at + 28)
    }
    for (; byte < 256; byte++) bytes.writeUInt32BE(entries.length, 8 + byte * 4)
    return bytes
  }
}

/** Which bytes of the index to read for a trace, of its first `FAN_OUT_BYTES`; undefined where that is no fan-out. Empty where there is none of its first byte. */
export function bucketOf(fanOut: Buffer, traceId: Uint8Array): { readonly start: number; readonly end: number } | undefined {
  if (fanOut.length < FAN_OUT_BYTES || fanOut.readUInt32BE(0) !== MAGIC) return undefined
  const first = traceId[0]!
  const from = first === 0 ? 0 : fanOut.readUInt32BE(8 + (first - 1) * 4)
  const to = fanOut.readUInt32BE(8 + first * 4)
  if (from > to || to > fanOut.readUInt32BE(4)) return undefined
  return { start: FAN_OUT_BYTES + from * ENTRY_BYTES, end: FAN_OUT_BYTES + to * ENTRY_BYTES }
}

/** The frames that have something of the trace, of the entries of its bucket. */
export function framesOf(bucket: Buffer, traceId: Uint8Array): readonly FramePlace[] {
  const wanted = Buffer.from(traceId).toString('latin1')
  return [...entriesIn(bucket)].filter(({ id }) => id === wanted).map(({ place }) => place)
}

/** Every entry of whole entries. */
export function* entriesIn(entries: Buffer): Generator<{ readonly id: string; readonly place: FramePlace }, void, undefined> {
  for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
    const number = entries.readUInt32BE(at + 28)
    const place = {
      start: Number(entries.readBigUInt64BE(at + 16)),
      length: entries.readUInt32BE(at + 24),
      number: number % LAST,
      isLast: number >= LAST,
    }
    yield { id: entries.toString('latin1', at, at + 16), place }
  }
}
