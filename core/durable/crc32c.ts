// CRC32C (Castagnoli), sixteen bytes a step: what guards every header, record and mark of the durable log. `format.ts` calls it. (node:zlib's
// crc32 is of another polynomial.)

const POLYNOMIAL = 0x82f63b78

/** Sixteen tables of 256, laid end to end: table k holds what a byte contributes that has k more bytes behind it. */
const TABLES: Int32Array = tables()

function tables(): Int32Array {
  const table = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    table[byte] = crc
  }
  for (let i = 256; i < table.length; i++) {
    const before = table[i - 256] as number
    table[i] = (before >>> 8) ^ (table[before & 255] as number)
  }
  return table
}

/** Below this, a view of words costs more than it saves. */
const FEW_BYTES = 128
/** A word's first byte must be its lowest. */
const LITTLE_ENDIAN: boolean = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** The checksum of `bytes`, or of what `before` is the checksum of with `bytes` behind it. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  if (bytes.length < FEW_BYTES || !LITTLE_ENDIAN) return ~byBytes(bytes, 0, bytes.length, ~before) >>> 0
  const lead = -bytes.byteOffset & 3
  const steps = (bytes.length - lead) >>> 4
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + lead, 4 * steps)
  const crc = bySixteen(words, byBytes(bytes, 0, lead, ~before))
  return ~byBytes(bytes, lead + 16 * steps, bytes.length, crc) >>> 0
}

// Indices stay within the tables and the bytes: nothing below is undefined.

function byBytes(bytes: Uint8Array, from: number, to: number, before: number): number {
  let crc = before
  for (let i = from; i < to; i++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[i]!) & 255]!
  return crc
}

function bySixteen(words: Int32Array, before: number): number {
  const t = TABLES
  let crc = before
  for (let i = 0; i < words.length; i += 4) {
    const a = crc ^ words[i]!
    const b = words[i + 1]!
    const c = words[i + 2]!
    const d = words[i + 3]!
    crc =
      t[3840 + (a & 255)]! ^
      t[3584 + ((a >>> 8) & 255)]! ^
      t[3328 + ((a >>> 16) & 255)]! ^
      t[3072 + (a >>> 24)]! ^
      t[2816 + (b & 255)]! ^
      t[2560 + ((b >>> 8) & 255)]! ^
      t[2304 + ((b >>> 16) & 255)]! ^
      t[2048 + (b >>> 24)]! ^
      t[1792 + (c & 255)]! ^
      t[1536 + ((c >>> 8) & 255)]! ^
      t[1280 + ((c >>> 16) & 255)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + (d & 255)]! ^
      t[512 + ((d >>> 8) & 255)]! ^
      t[256 + ((d >>> 16) & 255)]! ^
      t[d >>> 24]!
  }
  return crc
}
