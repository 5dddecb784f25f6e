import t from 'tap'
import { crc32c } from './crc32c.ts'

t.test('the checksums are those of RFC 3720, whole and in parts', async (t) => {
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43)
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  const digits = new TextEncoder().encode('123456789')
  t.equal(crc32c(digits), 0xe3069283)
  for (let cut = 0; cut <= digits.length; cut++) t.equal(crc32c(digits.subarray(cut), crc32c(digits.subarray(0, cut))), 0xe3069283)
})

t.test('long ones, at any place of a buffer, are those of one bit at a time', async (t) => {
  const all = Uint8Array.from({ length: 600 }, (_, i) => (i * i * 7 + i) & 255)
  for (let from = 0; from < 17; from++) {
    for (const length of [100, 127, 128, 129, 143, 144, 160, 500]) {
      const bytes = all.subarray(from, from + length)
      t.equal(crc32c(bytes), bitByBit(bytes), `${length} from ${from}`)
    }
  }
})

function bitByBit(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
