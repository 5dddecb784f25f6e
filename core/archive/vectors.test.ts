// The format to the byte, as docs/archive.md has it: what somebody else writes or reads by it is what we do.

import t from 'tap'
import { FrameCipher } from './frame-cipher.ts'
import { TraceIndexWriter } from './trace-index.ts'

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')

t.test('a sealed frame', async (t) => {
  const cipher = new FrameCipher(KEY, { tenant: 'acme', object: 'traces/2026/01/31/12/tenant=acme/a.otlp.zst' })
  t.equal(cipher.seal(Buffer.from('first'), 0, false).toString('hex'), '68d5c7adc10886c6c8f51ce4db3619557f30c9e988')
  t.equal(cipher.seal(Buffer.from('last'), 1, true).toString('hex'), '046cf302fafb6697a57dd2104bb7d47e77bb8f68')
})

t.test('an index', async (t) => {
  const index = new TraceIndexWriter()
  const ids = Buffer.from(`${'ff'.repeat(16)}0102030405060708090a0b0c0d0e0f10`, 'hex')
  for (const at of [0, 16, 0, 16, 16]) index.add(ids, at)
  index.endFrame(0)
  index.add(ids, 16)
  index.endFrame(1)
  const bytes = index.write([
    { start: 0, length: 21, number: 0, isLast: false },
    { start: 21, length: 20, number: 1, isLast: true },
  ])
  t.equal(bytes.subarray(0, 8).toString('hex'), '4d52493100000003')
  t.same(
    [0, 1, 2, 254, 255].map((byte) => bytes.readUInt32BE(8 + 4 * byte)),
    [0, 2, 2, 2, 3],
  )
  t.equal(
    bytes.subarray(8 + 1024).toString('hex'),
    '0102030405060708090a0b0c0d0e0f10' +
      '0000000000000000' +
      '00000015' +
      '00000000' +
      '0102030405060708090a0b0c0d0e0f10' +
      '0000000000000015' +
      '00000014' +
      '80000001' +
      'ff'.repeat(16) +
      '0000000000000000' +
      '00000015' +
      '00000000',
  )
})
