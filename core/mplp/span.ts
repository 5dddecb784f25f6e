// The parts of an execution as its span, in the bytes of an export request of its own. Whoever ends an execution calls it.
//
//   Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6;
//     fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; repeated Event events = 11;
//     repeated Link links = 13; Status status = 15; }

import { inOrder } from './execution.ts'
import { eachField } from './fields.ts'
import { MergedAttributes } from './merged-attributes.ts'
import type { Part } from './part.ts'
import { PieceWriter } from './piece-writer.ts'
import { requestOf } from './request.ts'
import { resourceOf } from './resource.ts'
import { ERROR, INTERNAL } from './status.ts'

/** How it ended: with a finish among its parts, or at `time` (in nanoseconds since 1970) because nobody heard of it, or because we stopped. */
export type Ending = { readonly how: 'finished' } | { readonly how: 'timeout' | 'interrupted'; readonly time: bigint }

export const FINISHED: Ending = { how: 'finished' }

const NAME = 0x2a
const KIND = 0x30
const START = 0x39
const END = 0x41
const ATTRIBUTE = 0x4a
const EVENT = 0x5a
const LINK = 0x6a
const STATUS = 0x7a

const out = new PieceWriter(65_536)
const last = new PieceWriter(1024)
const said = new PieceWriter(4096)
const attributes = new MergedAttributes()

/**
 * A whole traces request with one span. `execution` is its ids in hex, as in `Message.execution`; `parts` are in the order in which they came.
 * Where two parts say something different of one attribute, the later one counts, and what the earlier one said is kept in an event
 * `mplp.replaced` at the later one's time.
 */
export function spanOf(execution: string, parts: readonly Uint8Array[], ending: Ending): Buffer {
  const read = inOrder(parts)
  said.at = 0
  last.at = 0
  out.at = 0
  attributes.clear()
  const resource = resourceOf(read, keepReplaced)
  const start = out.begin(0x12)
  out.field(0x0a, Buffer.from(execution.slice(0, 32), 'hex'))
  out.field(0x12, Buffer.from(execution.slice(32), 'hex'))
  writeReplaced(read.at(-1)?.time ?? 0n)
  writeFields(read, ending, finalWords(read, ending, resource.service, resource.serviceVersion))
  out.end(start)
  return requestOf(resource.bytes, out)
}

/** What we say ourselves, as one part more that comes last. */
function finalWords(parts: readonly Part[], ending: Ending, service: string, serviceVersion: string): Buffer {
  if (service !== '') last.attribute(ATTRIBUTE, '', 'mplp.service_name', service)
  if (serviceVersion !== '') last.attribute(ATTRIBUTE, '', 'mplp.service_version', serviceVersion)
  if (!parts.some(({ kind }) => kind === 'start')) last.attribute(ATTRIBUTE, '', 'mplp.incomplete', true)
  if (ending.how !== 'finished') last.attribute(ATTRIBUTE, '', 'mplp.status', ending.how)
  return last.bytes.subarray(0, last.at)
}

/** What one of the parts says of the span itself: the later one counts. */
class Own {
  readonly #found = new Map<number, Buffer>()

  set(tag: number, field: Buffer): void {
    this.#found.set(tag, field)
  }

  /** The whole field, its tag too. */
  get(tag: number): Buffer | undefined {
    return this.#found.get(tag)
  }

  write(): void {
    for (const field of this.#found.values()) out.raw(field)
  }
}

function writeFields(parts: readonly Part[], ending: Ending, words: Buffer): void {
  const own = new Own()
  for (const { span, time } of parts) writePiece(span, time, own)
  writePiece(words, ending.how === 'finished' ? (parts.at(-1)?.time ?? 0n) : ending.time, own)
  attributes.write(out)
  if (own.get(NAME) === undefined) own.set(NAME, NAMELESS)
  if (own.get(KIND) === undefined) own.set(KIND, KIND_INTERNAL)
  if (own.get(START) === undefined) own.set(START, timeField(START, parts[0]?.time ?? 0n))
  if (ending.how === 'timeout') own.set(STATUS, STATUS_ERROR)
  if (ending.how !== 'finished' || own.get(END) === undefined) own.set(END, timeField(END, endTime(own, parts, ending)))
  own.write()
}

const NAMELESS = fieldOf((writer) => writer.text(NAME, 'mplp.execution'))
const KIND_INTERNAL = Buffer.from([KIND, INTERNAL])
const STATUS_ERROR = Buffer.from([STATUS, 2, 0x18, ERROR])

function timeField(tag: number, time: bigint): Buffer {
  return fieldOf((writer) => writer.time(tag, time))
}

function fieldOf(write: (writer: PieceWriter) => void): Buffer {
  const writer = new PieceWriter(64)
  write(writer)
  return writer.take()
}

/** A clock that stands behind the sender's must not end what has not begun. */
function endTime(own: Own, parts: readonly Part[], ending: Ending): bigint {
  const start = own.get(START)!.readBigUInt64LE(1)
  const heard = ending.how === 'finished' ? (parts.at(-1)?.time ?? 0n) : ending.time
  return heard > start ? heard : start
}

/** Events and links at once, attributes and the span's own fields when all are known. */
function writePiece(piece: Buffer, time: bigint, own: Own): void {
  eachField(piece, 0, piece.length, (tag, start, end, field) => {
    if (tag === ATTRIBUTE) attributes.add(piece, field, start, end, keepReplaced)
    else if (tag === EVENT || tag === LINK) out.range(piece, field, end)
    else own.set(tag, piece.subarray(field, end))
  })
  writeReplaced(time)
}

function keepReplaced(source: Buffer, field: number, end: number): void {
  said.byte(0x1a)
  said.range(source, field + 1, end)
}

function writeReplaced(time: bigint): void {
  if (said.at === 0) return
  const event = out.begin(EVENT)
  out.time(0x09, time)
  out.text(0x12, 'mplp.replaced')
  out.range(said.bytes, 0, said.at)
  out.end(event)
  said.at = 0
}
