// Rewrites a request that uses corners of protobuf into the plain form that says the same, so that nothing hides in a shadowed field:
// singular fields once (the last wins, messages merge), one member a oneof, fields in order, varints minimal, unknown fields kept behind.
// Called before anyone reads or edits an odd request; one that is only forwarded goes on as it came.
// Source: https://protobuf.dev/programming-guides/encoding/ ("Last One Wins")

import { ByteWriter } from './byte-writer.ts'
import type { RequestIndex } from './request-index.ts'
import { type Field, type Message, WIRE_VARINT } from './schema.ts'
import { SHAPES } from './shapes.ts'
import { next, readUint32, skipValue } from './wire.ts'

export function canonicalRequest(index: RequestIndex): Buffer {
  const out = new ByteWriter(index.bytes.length + 64)
  writeMessage(out, index.bytes, SHAPES[index.signal].request)
  return out.copy()
}

/** One field as it came: the value's range, behind tag and length. */
interface Occurrence {
  readonly field: Field
  readonly start: number
  readonly end: number
}

/** `bytes` is a checked message, so nothing in it can be cut short. Recursion is as deep as the check's bound. */
function writeMessage(out: ByteWriter, bytes: Buffer, shape: Message): void {
  const known: Occurrence[] = []
  const unknown: Buffer[] = []
  let p = 0
  while (p < bytes.length) {
    const at = p
    const tag = readUint32(bytes, p, bytes.length)
    p = next
    const after = skipValue(bytes, p, bytes.length, tag, 0)
    const field = shape.fields[tag >>> 3]
    if (field === undefined) unknown.push(bytes.subarray(at, after))
    else {
      if ((tag & 7) === 2) {
        readUint32(bytes, p, bytes.length)
        p = next
      }
      known.push({ field, start: p, end: after })
    }
    p = after
  }
  for (const field of shape.fields) if (field !== undefined) writeField(out, bytes, field, occurrencesOf(known, field))
  for (const raw of unknown) out.raw(raw)
}

/** The occurrences that count. In a oneof a member counts from where it last took over from another. */
function occurrencesOf(known: readonly Occurrence[], field: Field): Occurrence[] {
  let kept: Occurrence[] = []
  for (const occurrence of known) {
    if (occurrence.field === field) kept.push(occurrence)
    else if (field.oneof !== undefined && occurrence.field.oneof === field.oneof) kept = []
  }
  return kept
}

function writeField(out: ByteWriter, bytes: Buffer, field: Field, occurrences: readonly Occurrence[]): void {
  if (occurrences.length === 0) return
  const tag = field.number * 8 + field.wire
  if (field.repeated && field.wire !== 2) writePacked(out, bytes, field, occurrences)
  else if (field.repeated) {
    for (const { start, end } of occurrences) writeValue(out, bytes.subarray(start, end), field, tag)
  } else if (field.kind === 'message') {
    // Messages merge, and laying their bytes end to end is how.
    const bodies = occurrences.map(({ start, end }) => bytes.subarray(start, end))
    writeValue(out, bodies.length === 1 ? bodies[0]! : Buffer.concat(bodies), field, tag)
  } else {
    const last = occurrences.at(-1)!
    writeValue(out, bytes.subarray(last.start, last.end), field, tag)
  }
}

/** Repeated numbers, single ones and packed ones, in one packed field. */
function writePacked(out: ByteWriter, bytes: Buffer, field: Field, occurrences: readonly Occurrence[]): void {
  const start = out.begin(field.number * 8 + 2)
  for (const occurrence of occurrences) out.raw(bytes, occurrence.start, occurrence.end)
  out.end(start)
}

function writeValue(out: ByteWriter, value: Buffer, field: Field, tag: number): void {
  if (field.kind === 'message') {
    const start = out.begin(tag)
    writeMessage(out, value, field.message!)
    out.end(start)
  } else if (field.wire === WIRE_VARINT) {
    out.varint(tag)
    let wide = 0n
    for (let i = value.length - 1; i >= 0; i--) wide = (wide << 7n) | BigInt(value[i]! & 0x7f)
    out.int64(wide)
  } else if (field.wire === 2) out.field(tag, value)
  else {
    out.varint(tag)
    out.raw(value)
  }
}
