import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { isCompressedWanted } from '../compressed.ts'
import { BodyCoder } from './body-coder.ts'

t.test('doors remember compressed bytes for exactly as long as an exporter could send them on', async (t) => {
  const zstd = new BodyCoder({ coding: 'zstd', concatenatedMembers: false })
  const none = new BodyCoder({ coding: undefined, concatenatedMembers: false })
  t.notOk(isCompressedWanted('zstd'))
  zstd.start()
  zstd.start()
  none.start()
  t.same([isCompressedWanted('zstd'), isCompressedWanted('gzip')], [true, false])
  zstd.stop()
  none.stop()
  t.notOk(isCompressedWanted('zstd'))
  zstd.stop()
  t.notOk(isCompressedWanted('zstd'), 'stopping twice counts once')
})

t.test('small and large bodies are one member, whatever way they are compressed', async (t) => {
  for (const bytes of [1, 16_384, 16_385, 300_000]) {
    const chunks = [Buffer.alloc(bytes, 'abc'), Buffer.from('end')]
    const whole = Buffer.concat(chunks)
    const [gzip] = await new BodyCoder({ coding: 'gzip', concatenatedMembers: false }).encode(chunks)
    const [zstd] = await new BodyCoder({ coding: 'zstd', level: 1, concatenatedMembers: false }).encode(chunks)
    t.ok(gunzipSync(gzip!).equals(whole))
    t.ok(zstdDecompressSync(zstd!).equals(whole))
    t.equal(
      await new BodyCoder({ coding: undefined, concatenatedMembers: false }).encode(chunks),
      chunks,
      'without compression nothing is copied',
    )
  }
})
