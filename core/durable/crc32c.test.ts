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
