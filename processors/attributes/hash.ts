// The `hash` action: SHA-256 of a value, in hex. A hash call costs a microsecond and the same values come again and again, so the
// fields of recent ones are remembered. Used by actions.ts.

import { hash } from 'node:crypto'
import { otlp } from '../../core/index.ts'

/** A power of two. Each slot keeps one value: a newer one that falls into it takes its place. */
const SLOTS = 8192
/** Longer values are hashed anew each time: what is remembered must stay small. */
const MAX_REMEMBERED_BYTES = 128

export class HashCache {
  readonly #key: Buffer
  readonly #values: (Buffer | undefined)[] = Array.from({ length: SLOTS })
  readonly #fields: (Buffer | undefined)[] = Array.from({ length: SLOTS })

  constructor(key: Buffer) {
    this.#key = key
  }

  /** The whole attribute field that replaces the one whose AnyValue is `[start, end)`. */
  fieldOf(bytes: Buffer, start: number, end: number): Buffer {
    if (end - start > MAX_REMEMBERED_BYTES) return this.#make(bytes, start, end)
    const slot = slotOf(bytes, start, end)
    const known = this.#values[slot]
    if (known !== undefined && equals(known, bytes, start, end)) return this.#fields[slot]!
    const field = this.#make(bytes, start, end)
    this.#values[slot] = Buffer.from(bytes.subarray(start, end))
    this.#fields[slot] = field
    return field
  }

  #make(bytes: Buffer, start: number, end: number): Buffer {
    const hashed = bytesToHash(bytes, start, end)
    return otlp.encodeSpanAttribute(this.#key.toString(), hashed.length === 0 ? '' : hash('sha256', hashed, 'hex'))
  }
}

/** FNV-1a over the bytes of the value; they are few. */
function slotOf(bytes: Buffer, start: number, end: number): number {
  let mixed = 0x811c9dc5
  for (let p = start; p < end; p++) mixed = Math.imul(mixed ^ bytes[p]!, 0x01000193)
  return (mixed ^ (mixed >>> 15)) & (SLOTS - 1)
}

function equals(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false
  return true
}

/** What the Collector hashes: a string's bytes, a number's eight (little endian), a boolean's one; nothing of lists, maps and bytes. */
function bytesToHash(bytes: Buffer, start: number, end: number): Buffer {
  const tag = start < end ? bytes[start] : 0
  const value = otlp.readAnyValue(bytes, start, end)
  if (typeof value === 'string') return Buffer.from(value)
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0])
  if (typeof value !== 'number' && typeof value !== 'bigint') return Buffer.alloc(0)
  const eight = Buffer.alloc(8)
  if (tag === 0x21) eight.writeDoubleLE(Number(value))
  else eight.writeBigInt64LE(BigInt(value))
  return eight
}
