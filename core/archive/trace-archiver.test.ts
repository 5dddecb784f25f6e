// An object for each trace, whoever writes and however often: every span there once, and nothing written over.

import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { RetryableError } from '../errors.ts'
import { batchOf, Bench, MASTER } from './fixtures/bench.ts'
import { namesIn } from './fixtures/store-suite.ts'
import { erase, INDEX_SUFFIX, type Manifest, MANIFEST_SUFFIX, ObjectReader } from './index.ts'
import { TraceArchiver } from './trace-archiver.ts'

t.test('each is there when it is answered, and none comes twice', async (t) => {
  const bench = new Bench()
  const archiver = new TraceArchiver(bench.tools())
  await archiver.start()
  const [first, second] = [batchOf([['a', 0], ['bb', 0], ['c', 0]]), batchOf([['d', 0]])] // prettier-ignore
  await archiver.consume(first)
  t.same(await bench.archived(), ['a', 'bb', 'c'])
  await archiver.consume(first)
  await archiver.consume(second)
  await archiver.consume(second)
  t.same(await bench.archived(), ['a', 'bb', 'c', 'd'])
  const id = '5'.repeat(31)
  const objects = (await namesIn(bench.store, 'a/')).filter((name) => !/\.(index|json)$/.test(name))
  t.match(objects, [`a/2026/01/31/${id}1`, new RegExp(`^a/2026/01/31/${id}1\\.[0-9a-f]{16}$`), `a/2026/01/31/${id}2`])
  bench.store.left = 1
  await t.rejects(archiver.consume(batchOf([['eee', 0]])), { name: 'RetryableError' })
  bench.store.left = Infinity
  await archiver.consume(batchOf([['eee', 0]]))
  t.same(await bench.archived(), ['a', 'bb', 'c', 'd', 'eee'])
})

t.test('what comes at the same time of one trace lies beside it', async (t) => {
  const bench = new Bench()
  const archiver = new TraceArchiver(bench.tools())
  await archiver.start()
  const [a, b, c] = [batchOf([['a', 0]]), batchOf([['b', 0]]), batchOf([['c', 0]])]
  await Promise.all([archiver.consume({ ...a, chunks: [...a.chunks, ...b.chunks], count: 2 }), archiver.consume(c), archiver.consume(a)])
  t.same(await bench.archived(), ['a', 'b', 'c'])
})

t.test('one that was damaged is not written over', async (t) => {
  const bench = new Bench()
  const archiver = new TraceArchiver(bench.tools())
  await archiver.consume(batchOf([['a', 0]]))
  const manifest = (await namesIn(bench.store, 'a/')).find((name) => name.endsWith(MANIFEST_SUFFIX))!
  bench.store.objects.set(manifest, Buffer.from('{}'))
  const before = bench.store.objects.get(manifest.slice(0, -MANIFEST_SUFFIX.length))
  await archiver.consume(batchOf([['b', 0]]))
  t.same(bench.store.objects.get(manifest.slice(0, -MANIFEST_SUFFIX.length)), before)
  const beside = (await namesIn(bench.store, 'a/')).filter((name) => /\.[0-9a-f]{16}\.manifest\.json$/.test(name))
  t.equal(beside.length, 1)
  await (await ObjectReader.open(bench.store, beside[0]!, [MASTER])).verify()
})

t.test('processes that write the same traces at the same time, and a bucket that fails in between, spoil nothing', async () => {
  const step = fc.record({ who: fc.nat(2), names: fc.array(fc.constantFrom('a', 'bb', 'c', 'dd'), { minLength: 1, maxLength: 3 }), fails: fc.option(fc.nat(5)) }) // prettier-ignore
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      async (scheduler, rounds) => {
        // prettier-ignore
        const bench = new Bench()
        const { store } = bench
        store.step = () => scheduler.schedule(Promise.resolve())
        const processes = Array.from({ length: 3 }, () => new TraceArchiver(bench.tools()))
        const accepted = new Set<string>()
        for (const round of rounds) {
          const failing = round.find(({ fails }) => fails !== null)?.fails
          store.left = failing ?? Infinity
          const sent = round.map(async ({ who, names }) => {
            const batch = batchOf([...new Set(names)].map((name) => [name, 0] as const))
            await processes[who]!.consume(batch).then(
              () => names.forEach((name) => accepted.add(name)),
              () => {},
            )
          })
          await scheduler.waitFor(Promise.all(sent))
        }
        store.left = Infinity
        // Whoever was not answered sends again.
        const all = batchOf([...accepted].map((name) => [name, 0] as const))
        if (accepted.size > 0) await scheduler.waitFor(processes[0]!.consume(all))
        // What a failure of another trace left at work.
        for (let idle = 0; idle < 50; idle++) await scheduler.waitAll().then(() => setImmediate())
        store.step = () => Promise.resolve()
        const found = new Set(await bench.archived())
        for (const name of accepted) if (!found.has(name)) throw new Error(`${name} was accepted, and is not there`)
        const names = await namesIn(store, 'a/')
        const half = names.filter(
          (name) => !names.includes(`${name.replace(INDEX_SUFFIX, '').replace(MANIFEST_SUFFIX, '')}${MANIFEST_SUFFIX}`),
        )
        if (half.length > 0) throw new Error(`half there: ${half.join()}`)
      },
    ),
    { numRuns: 60 },
  )
})

t.test('what fails half-way leaves nothing half, and comes whole the next time', async (t) => {
  for (const left of [0, 1, 2]) {
    const bench = new Bench()
    const archiver = new TraceArchiver(bench.tools())
    bench.store.left = left
    await t.rejects(archiver.consume(batchOf([['a', 0]])), { name: 'RetryableError' })
    t.same([...bench.store.objects.keys()], [], `after ${left} of three`)
    bench.store.left = Infinity
    await archiver.consume(batchOf([['a', 0]]))
    t.same(await bench.archived(), ['a'])
    t.equal(bench.store.objects.size, 3)
  }
})

t.test('an object stays whose manifest may be there all the same: nobody answered whether it is', async (t) => {
  const bench = new Bench()
  const batch = batchOf([['a', 0]])
  bench.store.didNothing = () => false
  const archiver = new TraceArchiver(bench.tools())
  bench.store.left = 2
  await t.rejects(archiver.consume(batch), { name: 'RetryableError' })
  t.equal(bench.store.objects.size, 2)
  bench.store.left = Infinity
  await archiver.consume(batch)
  t.same(await bench.archived(), ['a'])
  const [manifest] = (await namesIn(bench.store, 'a/')).filter((name) => name.endsWith(MANIFEST_SUFFIX))
  t.match(manifest, /\.[0-9a-f]{16}\.manifest\.json$/, 'beside what is half')
  bench.store.objects.delete(manifest!)
  await archiver.consume(batch)
  t.match(await namesIn(bench.store, manifest!.replace(MANIFEST_SUFFIX, '.')), [/\.2$/, /\.2\.index$/, /\.2\.manifest\.json$/, /index$/])
})

t.test('a record that nobody took comes when the sender tries again, and counts once', async (t) => {
  const bench = new Bench()
  const batch = batchOf([['a', 0]])
  const told: Manifest[] = []
  let isFull = true
  const tell = async (manifest: Manifest): Promise<void> => {
    if (isFull) throw new RetryableError('the pipeline behind is full')
    told.push(manifest)
  }
  const archiver = new TraceArchiver({ ...bench.tools(), tell })
  await t.rejects(archiver.consume(batch), { message: 'the pipeline behind is full' })
  isFull = false
  await archiver.consume(batch)
  t.match(told, [{ spans: 1 }])
  t.equal(bench.counted, 1)
  t.same(await bench.archived(), ['a'])
})

t.test('what was erased and comes again is archived again', async (t) => {
  const bench = new Bench()
  const batch = batchOf([['a', 0]])
  const archiver = new TraceArchiver(bench.tools())
  await archiver.consume(batch)
  const [manifest] = (await namesIn(bench.store, 'a/')).filter((name) => name.endsWith(MANIFEST_SUFFIX))
  await erase(bench.store, manifest!, [MASTER])
  await archiver.consume(batch)
  await archiver.consume(batch)
  const manifests = (await namesIn(bench.store, 'a/')).filter((name) => name.endsWith(MANIFEST_SUFFIX))
  t.equal(manifests.length, 2)
  await (await ObjectReader.open(bench.store, manifests[0]!, [MASTER])).verify()
})

t.test('a manifest alone does not pass for a trace that is there', async (t) => {
  const bench = new Bench()
  const batch = batchOf([['a', 0]])
  const archiver = new TraceArchiver(bench.tools())
  await archiver.consume(batch)
  const [object] = await namesIn(bench.store, 'a/')
  bench.store.objects.delete(object!)
  await archiver.consume(batch)
  const names = (await namesIn(bench.store, `${object}.`)).filter((name) => /\.[0-9a-f]{16}\.manifest\.json$/.test(name))
  t.equal(names.length, 1)
  await (await ObjectReader.open(bench.store, names[0]!, [MASTER])).verify()
})
