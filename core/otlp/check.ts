// The strict check of one message against the grammar: every rule, no columns. The walk's fast path comes here for whatever is not in
// the one shape that all SDKs write.

import { next, readUint32, skipValue, skipVarint, MAX_DEPTH } from './wire.ts'
import { type Field, type Message, WIRE_FIXED64, WIRE_LEN, WIRE_VARINT } from './schema.ts'
import { isUtf8 } from './utf8.ts'

/** The message is legal but uses a corner of protobuf (a singular field twice, two of a oneof, a tag longer than it need be): read it only after `canonical`. */
export const ODD = 1
/** The message is broken; `faultReason` and `faultOffset` say how. */
export const FAULT = -1

export let faultReason = ''
export let faultOffset = 0

/** Remembers why, for whoever reports it. An exception per bad span would make refusing dearer than accepting. */
export function fault(offset: number, reason: string): -1 {
  faultOffset = offset
  faultReason = reason
  return FAULT
}

/** Checks the message in `[p, end)`, `depth` messages below the request. 0, ODD or FAULT. */
export function checkMessage(bytes: Uint8Array, view: DataView, p: number, end: number, shape: Message, depth: number): number {
  if (depth > MAX_DEPTH) return fault(p, `${shape.name} lies deeper than ${MAX_DEPTH} messages`)
  let seen = 0
  let odd = 0
  while (p < end) {
    const start = p
    const tag = readUint32(bytes, p, end)
    if (tag < 8) return fault(start, `no field begins in ${shape.name}`)
    p = next
    const field = shape.fields[tag >>> 3]
    if (field === undefined) {
      p = skipValue(bytes, p, end, tag, depth)
      if (p < 0) return fault(start, `an unknown field runs out of ${shape.name}`)
      continue
    }
    if ((tag & 7) !== field.wire) {
      if (!field.repeated || (tag & 7) !== WIRE_LEN)
        return fault(start, `${shape.name}.${field.json} has wire type ${tag & 7} instead of ${field.wire}`)
      p = checkPacked(bytes, p, end, shape, field)
      if (p < 0) return FAULT
      continue
    }
    // Whoever reads single fields finds their values behind tags of the least length.
    if (p - start > (field.number < 16 ? 1 : 2)) odd = ODD
    if (!field.repeated) {
      const bit = field.oneof === undefined ? 1 << field.number : 1
      if ((seen & bit) !== 0) odd = ODD
      seen |= bit
    }
    const after = checkValue(bytes, view, p, end, shape, field, depth)
    if (after < 0) return FAULT
    if (valueWasOdd) odd = ODD
    p = after
  }
  valueWasOdd = false
  return odd
}

/** Repeated numbers laid end to end in one field. Returns the position after it, or FAULT. */
function checkPacked(bytes: Uint8Array, p: number, end: number, shape: Message, field: Field): number {
  const length = readUint32(bytes, p, end)
  if (length < 0 || next + length > end) return fault(p, `${shape.name}.${field.json} is longer than what holds it`)
  p = next
  const after = p + length
  if (field.wire === WIRE_VARINT) while (p >= 0 && p < after) p = skipVarint(bytes, p, after)
  else p = length % (field.wire === WIRE_FIXED64 ? 8 : 4) === 0 ? after : -1
  return p < 0 ? fault(after - length, `${shape.name}.${field.json} holds half a number`) : after
}

let valueWasOdd = false

function checkValue(bytes: Uint8Array, view: DataView, p: number, end: number, shape: Message, field: Field, depth: number): number {
  valueWasOdd = false
  if (field.wire === WIRE_VARINT) {
    const after = skipVarint(bytes, p, end)
    return after < 0 ? fault(p, `${shape.name}.${field.json} is not a whole varint`) : after
  }
  if (field.wire !== 2) {
    const after = p + (field.wire === 1 ? 8 : 4)
    return after > end ? fault(p, `${shape.name}.${field.json} is cut short`) : after
  }
  const length = readUint32(bytes, p, end)
  if (length < 0 || next + length > end) return fault(p, `${shape.name}.${field.json} is longer than what holds it`)
  p = next
  const after = p + length
  switch (field.kind) {
    case 'string':
      if (!isUtf8(bytes, view, p, after)) return fault(p, `${shape.name}.${field.json} is not valid UTF-8`)
      return after
    case 'id':
      if (length !== 0 && length !== field.size && field.loose !== true)
        return fault(p, `${shape.name}.${field.json} has ${length} bytes instead of ${field.size}`)
      return after
    case 'message': {
      const result = checkMessage(bytes, view, p, after, field.message!, depth + 1)
      if (result === FAULT) return FAULT
      valueWasOdd = result === ODD
      return after
    }
    default:
      return after
  }
}
