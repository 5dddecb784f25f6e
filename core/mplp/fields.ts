// Goes over the fields of protobuf that this folder wrote itself.

import { next, readUint32, skipValue } from '../otlp/wire.ts'

/**
 * Hands over each field's tag and where its value begins and ends, without the length before it; `field` is where its tag is.
 * @throws RangeError where it is broken: the bytes come from a disk that lost some, or from a fault of ours.
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
    let start = next
    if (tag >= 8 && (tag & 7) === 2) {
      const length = readUint32(bytes, start, to)
      p = length < 0 ? -1 : next + length
      start = next
    } else p = tag < 8 ? -1 : skipValue(bytes, start, to, tag, 0)
    if (p < 0 || p > to) throw new RangeError(`a part of an execution is broken at byte ${field}`)
    take(tag, start, p, field)
  }
}
