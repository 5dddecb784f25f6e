// What one message adds to its execution, in bytes: all that is kept of it while the execution is open, and what its log on disk keeps. pieces.ts
// fills it; span.ts joins the parts of an execution to its span.
//
//   Part { uint32 kind = 1; fixed64 time_unix_nano = 2; string service = 3; string service_version = 4; string operation = 5; string status = 6;
//     Resource resource = 7; Thresholds thresholds = 8; repeated string crossed = 9; repeated string back = 10;
//     bytes span = 11; }    // fields of a Span (opentelemetry-proto 1.9), without its ids

import { eachField } from './fields.ts'
import type { Kind } from './message.ts'
import { room } from './arena.ts'
import { PieceWriter } from './piece-writer.ts'

export interface Part {
  readonly kind: Kind
  /** Nanoseconds since 1970. */
  readonly time: bigint
  readonly service: string
  readonly serviceVersion: string
  readonly operation: string
  readonly status: string
  /** The body of a Resource. No key is in it twice. */
  readonly resource: Buffer
  /** The body of a Thresholds: see thresholds.ts. */
  readonly thresholds: Buffer
  /** Keys of thresholds that it crossed, and of those that it came back from. */
  readonly crossed: readonly string[]
  readonly back: readonly string[]
  readonly span: Buffer
}

const KINDS: readonly Kind[] = ['start', 'update', 'finish', 'metrics', 'anomaly']
const EMPTY = Buffer.alloc(0)
const NONE: readonly string[] = []
const scratch = new PieceWriter(16_384)

/** The bytes of a part, to be copied by whoever keeps them. */
export function writePart(part: Part): Buffer {
  const out = scratch
  out.at = 0
  out.byte(0x08)
  out.byte(KINDS.indexOf(part.kind))
  out.time(0x11, part.time)
  if (part.service !== '') out.text(0x1a, part.service)
  if (part.serviceVersion !== '') out.text(0x22, part.serviceVersion)
  if (part.operation !== '') out.text(0x2a, part.operation)
  if (part.status !== '') out.text(0x32, part.status)
  for (const key of part.crossed) out.text(0x4a, key)
  for (const key of part.back) out.text(0x52, key)
  if (part.thresholds.length > 0) out.field(0x42, part.thresholds)
  if (part.resource.length > 0) out.field(0x3a, part.resource)
  return withSpan(out, part.span)
}

/** The longest goes where it belongs at once. */
function withSpan(out: PieceWriter, span: Buffer): Buffer {
  if (span.length > 0) {
    out.byte(0x5a)
    out.varint(span.length)
  }
  const bytes = room(out.at + span.length)
  out.bytes.copy(bytes, 0, 0, out.at)
  bytes.set(span, out.at)
  return bytes
}

/** Reads what `writePart` wrote. What is bytes lies in `part`. */
export function readPart(part: Uint8Array): Part {
  const reader = new PartReader(Buffer.from(part.buffer, part.byteOffset, part.length))
  eachField(part, 0, part.length, (tag, start, end) => reader.take(tag, start, end))
  return reader
}

class PartReader implements Part {
  readonly #bytes: Buffer
  kind: Kind = 'update'
  time = 0n
  service = ''
  serviceVersion = ''
  operation = ''
  status = ''
  resource: Buffer = EMPTY
  thresholds: Buffer = EMPTY
  crossed: readonly string[] = NONE
  back: readonly string[] = NONE
  span: Buffer = EMPTY

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(tag: number, start: number, end: number): void {
    switch (tag) {
      case 0x08:
        this.kind = KINDS[this.#bytes[start]!] ?? 'update'
        return
      case 0x11:
        this.time = this.#bytes.readBigUInt64LE(start)
        return
      case 0x3a:
        this.resource = this.#bytes.subarray(start, end)
        return
      case 0x42:
        this.thresholds = this.#bytes.subarray(start, end)
        return
      case 0x5a:
        this.span = this.#bytes.subarray(start, end)
        return
      default:
        this.#text(tag, this.#bytes.toString('utf8', start, end))
    }
  }

  #text(tag: number, text: string): void {
    if (tag === 0x1a) this.service = text
    else if (tag === 0x22) this.serviceVersion = text
    else if (tag === 0x2a) this.operation = text
    else if (tag === 0x32) this.status = text
    else if (tag === 0x4a) this.crossed = [...this.crossed, text]
    else if (tag === 0x52) this.back = [...this.back, text]
  }
}
