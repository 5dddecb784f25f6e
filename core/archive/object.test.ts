// What goes into archived objects and what comes out: every trace, all of it, and every change.

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { encodeTraces, type PlainSpan, readSpans } from '../testing/index.ts'
import { MemoryStore } from './fixtures/memory-store.ts'
import {
  ArchiveError,
  bytesOf,
  sealed,
  type Compression,
  type Encoding,
  INDEX_SUFFIX,
  LocalKey,
  MANIFEST_SUFFIX,
  ObjectReader,
  ObjectWriter,
  placeOf,
} from './index.ts'

const MASTER = new LocalKey('one', Buffer.alloc(32, 7))
const NOON = Date.parse('2026-01-31T12:00:00Z')

interface How {
  readonly encoding: Encoding
  readonly compression: Compression
  readonly encrypted: boolean
  readonly frameBytes?: number
}

/** Writes all that belongs to an object; returns the name of its manifest. */
async function archive(
  store: MemoryStore,
  requests: readonly Uint8Array[],
  { encoding, compression, encrypted, frameBytes }: How,
): Promise<string> {
  const object = placeOf({ prefix: 'traces', encoding, compression }, 'acme', NOON, 'one')
  const keys = encrypted ? { masterKey: MASTER, dataKey: Buffer.alloc(32, 9) } : {}
  const options = { object, tenant: 'acme', encoding, compression, ...keys, ...(frameBytes === undefined ? {} : { frameBytes }) }
  const writer = new ObjectWriter(options)
  for (const request of requests) writer.add(request)
  const { manifest, frames, index } = await writer.finish(new Date(NOON))
  await store.put(object, frames)
  await store.put(`${object}${INDEX_SUFFIX}`, [index])
  await store.put(`${object}${MANIFEST_SUFFIX}`, [bytesOf(manifest)])
  return `${object}${MANIFEST_SUFFIX}`
}

const traceId = (n: number): string =>
  Buffer.from([n * 37, n])
    .toString('hex')
    .padEnd(32, '5')
const requestOf = (traces: readonly number[]): Buffer =>
  encodeTraces([
    {
      resource: { 'service.name': 'a' },
      spans: traces.map((n, i): PlainSpan => ({ traceId: traceId(n), name: `${n}`, attributes: { i } })),
    },
  ])

const how = fc.record({
  encoding: fc.constantFrom<Encoding>('otlp_proto', 'otlp_json'),
  compression: fc.constantFrom<Compression>('none', 'gzip', 'zstd'),
  encrypted: fc.boolean(),
  frameBytes: fc.constantFrom(1, 300, 100_000),
})
const traffic = fc.array(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 })

t.test('whatever is written comes back, all of it and each trace by itself', async () => {
  await fc.assert(
    fc.asyncProperty(traffic, how, async (batches, chosen) => {
      const store = new MemoryStore()
      const requests = batches.map(requestOf)
      const reader = await ObjectReader.open(store, await archive(store, requests, chosen), [MASTER])
      await reader.verify()
      const written = requests.flatMap((request) => readSpans(request))
      const all: unknown[] = []
      for await (const request of reader.requests()) all.push(...readSpans(request))
      if (JSON.stringify(all, shown) !== JSON.stringify(written, shown)) throw new Error('not what was written')
      for (let n = 1; n <= 13; n++) {
        const found = (await reader.trace(Buffer.from(traceId(n), 'hex'))).flatMap((request) => readSpans(request))
        const wanted = written.filter((span) => span.traceId === traceId(n))
        if (JSON.stringify(found, shown) !== JSON.stringify(wanted, shown)) throw new Error(`trace ${n} is not what was written`)
      }
      const { manifest } = reader
      if (manifest.spans !== written.length || manifest.traces !== new Set(batches.flat()).size) throw new Error('counted wrongly')
    }),
    { numRuns: 60 },
  )
})

t.test('every change of a byte, and every cut, is found', async (t) => {
  for (const chosen of [
    { encoding: 'otlp_proto', compression: 'zstd', encrypted: true, frameBytes: 1 },
    { encoding: 'otlp_json', compression: 'gzip', encrypted: false, frameBytes: 1 },
  ] as const) {
    const store = new MemoryStore()
    const name = await archive(store, [requestOf([1, 2]), requestOf([2])], chosen)
    const isWhole = async (): Promise<boolean> => {
      try {
        await (await ObjectReader.open(store, name, [MASTER])).verify()
        return true
      } catch (error) {
        if (!(error instanceof ArchiveError)) throw error
        return false
      }
    }
    t.ok(await isWhole())
    for (const [object, bytes] of Array.from(store.objects)) {
      let found = 0
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1 << (at % 8)
        store.objects.set(object, changed)
        if (await isWhole()) t.fail(`${object}: byte ${at} may be another`)
        else found++
      }
      for (const cut of [0, 1, bytes.length - 1]) {
        store.objects.set(object, bytes.subarray(0, cut))
        if (await isWhole()) t.fail(`${object}: cut at ${cut}`)
      }
      t.equal(found, bytes.length, object)
      store.objects.set(object, bytes)
    }
  }
})

t.test('frames that were swapped, or are another object’s, do not open', async (t) => {
  const store = new MemoryStore()
  const chosen = { encoding: 'otlp_proto', compression: 'none', encrypted: true, frameBytes: 1 } as const
  // Of one length, so that only what they are bound to tells them apart.
  const name = await archive(store, [requestOf([1]), requestOf([2]), requestOf([3])], chosen)
  const [object] = [name.slice(0, -MANIFEST_SUFFIX.length)]
  const bytes = store.objects.get(object)!
  const third = bytes.length / 3
  const part = (i: number): Buffer => bytes.subarray(i * third, (i + 1) * third)
  const read = async (n: number): Promise<unknown> => (await ObjectReader.open(store, name, [MASTER])).trace(Buffer.from(traceId(n), 'hex'))
  for (const order of [
    [1, 0, 2],
    [0, 2, 1],
  ]) {
    store.objects.set(object, Buffer.concat(order.map(part)))
    const moved = order.findIndex((from, to) => from !== to)
    await t.rejects(read(moved + 1), { name: 'ArchiveError', message: `frame ${moved} is not what was sealed there` })
  }
  store.objects.set(object, bytes)
  const other = object.replace('acme', 'umbrella')
  for (const suffix of ['', INDEX_SUFFIX, MANIFEST_SUFFIX]) store.objects.set(`${other}${suffix}`, store.objects.get(`${object}${suffix}`)!)
  await t.rejects(ObjectReader.open(store, `${other}${MANIFEST_SUFFIX}`, [MASTER]), { message: `is that of ${object}` })
})

t.test('who has another key, or none, reads nothing; what was erased nobody does', async (t) => {
  const store = new MemoryStore()
  const name = await archive(store, [requestOf([1])], { encoding: 'otlp_json', compression: 'gzip', encrypted: true })
  await t.rejects(ObjectReader.open(store, name, []), { message: 'its key is wrapped by one, which is not among the keys given here' })
  await t.rejects(ObjectReader.open(store, name, [new LocalKey('one', Buffer.alloc(32, 8))]), { message: /cannot be unwrapped/ })
  const { manifest } = await ObjectReader.open(store, name, [MASTER])
  const { wrapped_key: _, ...erased } = manifest.encryption!
  const { seal: __, ...rest } = manifest
  store.objects.set(name, bytesOf({ ...manifest, encryption: erased }))
  await t.rejects(ObjectReader.open(store, name, [MASTER]), { message: 'was changed: its seal does not fit' })
  store.objects.set(name, bytesOf(sealed({ ...rest, encryption: erased }, undefined)))
  await t.rejects(ObjectReader.open(store, name, [MASTER]), { message: 'was erased: its key is destroyed' })
})

t.test('what is not encrypted is read by anything that reads gzip, Zstandard and JSON', async (t) => {
  for (const [compression, unpack] of [
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
  ] as const) {
    const store = new MemoryStore()
    const name = await archive(store, [requestOf([1, 2]), requestOf([3])], {
      encoding: 'otlp_json',
      compression,
      encrypted: false,
      frameBytes: 1,
    })
    const text = unpack(store.objects.get(name.slice(0, -MANIFEST_SUFFIX.length))!).toString()
    const names = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.stringify(JSON.parse(line)).match(/"name":"\d"/g))
    t.same(names, [['"name":"1"', '"name":"2"'], ['"name":"3"']], compression)
  }
})

t.test('one trace of a large object takes a few kilobytes', async (t) => {
  const store = new MemoryStore()
  const id = (n: number): string => `${((n * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')}${n.toString(16).padStart(24, '0')}`
  const requests = Array.from({ length: 200 }, (_, r) =>
    encodeTraces([
      { spans: Array.from({ length: 100 }, (__, i) => ({ traceId: id(r * 100 + i), attributes: { text: 'what it says '.repeat(8) } })) },
    ]),
  )
  const name = await archive(store, requests, { encoding: 'otlp_proto', compression: 'zstd', encrypted: true })
  const reader = await ObjectReader.open(store, name, [MASTER])
  store.reads.length = 0
  const found = await reader.trace(Buffer.from(id(12_345), 'hex'))
  t.equal(found.flatMap((request) => readSpans(request)).length, 1)
  t.equal(store.reads.length, 3)
  t.ok(store.reads.reduce((sum, bytes) => sum + bytes, 0) < 24 * 1024, `${store.reads.join(' + ')} bytes`)
})

const shown = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
