// What one message adds to its execution, in bytes: all that is kept of it while the execution is open, and what its log on disk keeps. rows.ts fills
// it; span.ts joins the parts of an execution to its span.
//
//   Part { uint32 kind = 1; fixed64 time_unix_nano = 2; string service = 3; string service_version = 4; string operation = 5; string status = 6;
//     Resource resource = 7; repeated Threshold thresholds = 8; repeated string crossed = 9; repeated string back = 10;
//     bytes span = 11; }    // fields of a Span (opentelemetry-proto 1.9), without its ids
//   Threshold { string name = 1; double limit = 2; bool below = 3; bool target = 4; }

import { next, readUint32, skipValue } from '../otlp/wire.ts'
import type { Kind } from './message.ts'
import { PieceWriter } from './piece-writer.ts'

/** A limit that a sender set for an execution's measurements or its duration. */
export interface Threshold {
  /** As measurements are called: `max_` and `min_` are taken off. */
  readonly name: string
  readonly limit: number
  /** It is crossed by what is less; else by what is more. */
  readonly below: boolean
  /** One of the `performance_targets`; else of the `alert_thresholds`. */
  readonly target: boolean
}

/** A part, read. `resource` and `span` lie in its bytes. */
export interface Part {
  readonly kind: Kind
  readonly time: bigint
  readonly service: string
  readonly serviceVersion: string
  readonly operation: string
  readonly status: string
  readonly resource: Buffer
  readonly thresholds: readonly Threshold[]
  /** Names of thresholds that it crossed, and of those that it came back from. */
  readonly crossed: readonly string[]
  readonly back: readonly string[]
  readonly span: Buffer
}

const KINDS: readonly Kind[] = ['start', 'update', 'finish', 'metrics', 'anomaly']
const EMPTY = Buffer.alloc(0)
const scratch = new PieceWriter(16_384)

/** The bytes of a part, in memory of their own. */
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
  if (part.resource.length > 0) out.field(0x3a, part.resource)
  for (const threshold of part.thresholds) writeThreshold(out, threshold)
  for (const name of part.crossed) out.text(0x4a, name)
  for (const name of part.back) out.text(0x52, name)
  if (part.span.length > 0) out.field(0x5a, part.span)
  return out.take()
}

function writeThreshold(out: PieceWriter, { name, limit, below, target }: Threshold): void {
  const start = out.begin(0x42)
  out.text(0x0a, name)
  out.byte(0x11)
  out.double(limit)
  if (below) out.raw(TRUE_3)
  if (target) out.raw(TRUE_4)
  out.end(start)
}
const TRUE_3 = Buffer.from([0x18, 1])
const TRUE_4 = Buffer.from([0x20, 1])

/** Reads what `writePart` wrote. */
export function readPart(part: Uint8Array): Part {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.length)
  let kind: Kind = 'update'
  let time = 0n
  let [service, serviceVersion, operation, status] = ['', '', '', '']
  let [resource, span]: Buffer[] = [EMPTY, EMPTY]
  const thresholds: Threshold[] = []
  const crossed: string[] = []
  const back: string[] = []
  eachField(bytes, 0, bytes.length, (tag, start, end) => {
    if (tag === 0x08) kind = KINDS[bytes[start]!]!
    else if (tag === 0x11) time = bytes.readBigUInt64LE(start)
    else if (tag === 0x1a) service = bytes.toString('utf8', start, end)
    else if (tag === 0x22) serviceVersion = bytes.toString('utf8', start, end)
    else if (tag === 0x2a) operation = bytes.toString('utf8', start, end)
    else if (tag === 0x32) status = bytes.toString('utf8', start, end)
    else if (tag === 0x3a) resource = bytes.subarray(start, end)
    else if (tag === 0x42) thresholds.push(readThreshold(bytes, start, end))
    else if (tag === 0x4a) crossed.push(bytes.toString('utf8', start, end))
    else if (tag === 0x52) back.push(bytes.toString('utf8', start, end))
    else if (tag === 0x5a) span = bytes.subarray(start, end)
  })
  return { kind, time, service, serviceVersion, operation, status, resource: resource!, thresholds, crossed, back, span: span! }
}

function readThreshold(bytes: Buffer, from: number, to: number): Threshold {
  let name = ''
  let limit = 0
  let [below, target] = [false, false]
  eachField(bytes, from, to, (tag, start, end) => {
    if (tag === 0x0a) name = bytes.toString('utf8', start, end)
    else if (tag === 0x11) limit = bytes.readDoubleLE(start)
    else if (tag === 0x18) below = true
    else if (tag === 0x20) target = true
  })
  return { name, limit, below, target }
}

/**
 * The fields of a message: of each its tag and where its value begins and ends, without the length before it; `field` is where its tag is. For
 * what this folder wrote itself.
 */
export function eachField(
  bytes: Uint8Array,
  from: number,
  to: number,
  take: (tag: number, start: number, end: number, field: number) => void,
): void {
  for (let p = from; p < to;) {
    const field = p
    const tag = readUint32(bytes, p, to)
    const start = next
    p = skipValue(bytes, start, to, tag, 0)
    if (tag < 8 || p < 0) throw new RangeError(`a part of an execution is broken at byte ${field}`)
    if ((tag & 7) !== 2) take(tag, start, p, field)
    else {
      readUint32(bytes, start, to)
      take(tag, next, p, field)
    }
  }
}
