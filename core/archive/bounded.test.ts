// Requests that are too large for a frame: cut where they can be, and refused before anybody is told that they were taken.

import fc from 'fast-check'
import t from 'tap'
import type { Batch } from '../batch.ts'
import { toJson } from '../otlp/index.ts'
import { encodeTraces, readSpans } from '../testing/index.ts'
import { bounded, MAX_REQUEST_BYTES, takeBounded } from './bounded.ts'
import { MemoryStore } from './fixtures/memory-store.ts'
import { MANIFEST_SUFFIX, ObjectReader, ObjectWriter } from './index.ts'
import { publish } from './publish.ts'

const spanOf = (name: string): Buffer => encodeTraces([{ spans: [{ name }] }])
const namesIn = (chunks: readonly Uint8Array[]): readonly string[] => chunks.flatMap((chunk) => readSpans(chunk).map(({ name }) => name))

t.test('whatever its spans are, each is written in its order, or counted as refused', async () => {
  const spans = fc.array(fc.record({ size: fc.integer({ min: 0, max: 900 }), isControl: fc.boolean() }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(spans, fc.constantFrom('otlp_json', 'otlp_proto'), fc.integer({ min: 0, max: 800 }), (sizes, encoding, resource) => {
      const names = sizes.map(({ size, isControl }, i) => `${i}${(isControl ? '\u0001' : 'x').repeat(size)}`)
      const chunk = encodeTraces([{ resource: { text: 'r'.repeat(resource) }, spans: names.map((name) => ({ name })) }])
      const { chunks, refused } = bounded(chunk, encoding, 2000)
      for (const one of chunks) {
        const bytes = encoding === 'otlp_json' ? Buffer.byteLength(toJson('traces', one)) : one.length
        if (bytes > 2000) throw new Error(`${bytes} bytes`)
      }
      const kept = namesIn(chunks)
      if (kept.length + refused !== names.length) throw new Error(`${kept.length} kept and ${refused} refused of ${names.length}`)
      if (kept.join() !== names.filter((name) => kept.includes(name)).join()) throw new Error('another order')
      if (resource === 0 && refused > 0 && names.every((name) => name.length < 200)) throw new Error('refused, though it fits')
    }),
    { numRuns: 300 },
  )
})

t.test('a resource that is most of it is not written again for each of its spans', (t) => {
  const spans = Array.from({ length: 1000 }, () => ({}))
  const chunk = encodeTraces([{ resource: { text: 'r'.repeat(2_000_000) }, spans }])
  t.same(bounded(chunk, 'otlp_proto', 1_000_000), { chunks: [], refused: 1000 })
  t.equal(bounded(chunk, 'otlp_json', 3_000_000).chunks.length, 1, 'and is written where it fits')
  t.end()
})

t.test(
  'a span of control characters, which JSON makes six times as large, is refused; as protobuf it is written and read back',
  async (t) => {
    const batch: Batch = {
      signal: 'traces',
      chunks: [encodeTraces([{ spans: [{ name: '\u0001'.repeat(30_000_000) }, { name: 'small' }] }])],
      count: 2,
      origin: { tenant: '', headers: new Map() },
    }
    const taken: Uint8Array[] = []
    const take = async (chunks: readonly Uint8Array[]): Promise<void> => void taken.push(...chunks)
    await t.rejects(takeBounded(batch, 'otlp_json', take), {
      name: 'PartialError',
      refused: 1,
      message: /^1 spans are too large to be archived: each takes more than 134217728 bytes as otlp_json/,
    })
    t.same(namesIn(taken), ['small'])
    const several = { ...batch, chunks: [...batch.chunks, spanOf('other')], count: 3 }
    taken.length = 0
    await t.rejects(takeBounded(several, 'otlp_json', take), { name: 'PermanentError' })
    t.same(taken, [], 'and nothing of a batch that is offered again chunk by chunk')
    await takeBounded(batch, 'otlp_proto', take)
    const writer = new ObjectWriter({ object: 'a', tenant: '', encoding: 'otlp_proto', compression: 'zstd' })
    for (const chunk of taken) writer.add(chunk)
    const store = new MemoryStore()
    await publish(store, await writer.finish(new Date(0)))
    await (await ObjectReader.open(store, `a${MANIFEST_SUFFIX}`, [])).verify()
  },
)

t.test('the largest request that is taken is read back in each encoding', async (t) => {
  for (const encoding of ['otlp_json', 'otlp_proto'] as const) {
    const character = encoding === 'otlp_json' ? '\u0001' : 'x'
    const name = character.repeat(Math.floor((MAX_REQUEST_BYTES - 1000) / (encoding === 'otlp_json' ? 6 : 1)))
    const store = new MemoryStore()
    const writer = new ObjectWriter({ object: 'a', tenant: '', encoding, compression: 'zstd' })
    writer.add(encodeTraces([{ spans: [{ name: 'y'.repeat(100_000) }] }]))
    const { chunks, refused } = bounded(spanOf(name), encoding)
    t.equal(refused, 0)
    for (const chunk of chunks) writer.add(chunk)
    const finished = await writer.finish(new Date(0))
    t.equal(finished.manifest.frames, 1, 'all in one frame')
    await publish(store, finished)
    await (await ObjectReader.open(store, `a${MANIFEST_SUFFIX}`, [])).verify()
  }
})
