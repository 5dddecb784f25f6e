// CRC32C (Castagnoli), eight bytes a step: what guards every header, record and mark of the durable log. `format.ts` calls it. (node:zlib's
// crc32 is of another polynomial.)

const POLYNOMIAL = 0x82f63b78

/** Eight tables of 256, laid end to end: table k holds what a byte contributes that has k more bytes behind it. */
const TABLES: Int32Array = tables()

function tables(): Int32Array {
  const table = new Int32Array(8 * 256)
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

/** The checksum of `bytes`, or of what `before` is the checksum of with `bytes` behind it. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const t = TABLES
  let crc = ~before
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    // Indices stay below 2,048 and i + 7 below the length: nothing here is undefined.
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      t[1792 + (low & 255)]! ^
      t[1536 + ((low >>> 8) & 255)]! ^
      t[1280 + ((low >>> 16) & 255)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}
