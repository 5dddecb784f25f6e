// What waits to be archived, as one record of the storage: archiver.ts writes it before it answers, and reads it when it starts.
//
//   length of the head in bytes, 4, little-endian | head, JSON: [{ "object", "tenant", "hourMs", "bytes": of its chunk } …] | the chunks, end to end

import type { Belongs } from './filling.ts'

type Part = readonly [belongs: Belongs, chunk: Uint8Array]

export function encodeRecord(parts: readonly Part[]): readonly Uint8Array[] {
  const head = Buffer.from(JSON.stringify(parts.map(([belongs, { length: bytes }]) => ({ ...belongs, bytes }))))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  return [length, head, ...parts.map(([, chunk]) => chunk)]
}

/** The chunks are parts of the record's bytes. @throws Error where it is no such record. */
export function partsOf(record: Uint8Array): readonly Part[] {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  let at = 4 + bytes.readUInt32LE(0)
  const head = JSON.parse(bytes.toString('utf8', 4, at)) as readonly (Belongs & { readonly bytes: number })[]
  return head.map(({ bytes: length, ...belongs }) => [belongs, bytes.subarray(at, (at += length))])
}
