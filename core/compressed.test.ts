// What is remembered of compressed bytes: for the chunk itself, and only while somebody wants it.

import t from 'tap'
import { compressedOf, isCompressedWanted, rememberCompressed, wantCompressed } from './compressed.ts'

t.test('the bytes belong to the chunk, not to its content', (t) => {
  const chunk = Buffer.from('chunk')
  const compressed = { coding: 'gzip', bytes: Buffer.from('smaller') } as const
  rememberCompressed(chunk, compressed)
  t.equal(compressedOf(chunk), compressed)
  t.equal(compressedOf(Buffer.from('chunk')), undefined)
  t.equal(compressedOf(chunk.subarray()), undefined)
  t.end()
})

t.test('a coding is wanted as long as one exporter wants it', (t) => {
  t.equal(isCompressedWanted('gzip'), false)
  const first = wantCompressed('gzip')
  const second = wantCompressed('gzip')
  t.same([isCompressedWanted('gzip'), isCompressedWanted('zstd')], [true, false])
  first()
  first()
  t.equal(isCompressedWanted('gzip'), true, 'stopping twice counts once')
  second()
  t.equal(isCompressedWanted('gzip'), false)
  t.end()
})
