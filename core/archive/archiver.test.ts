// What an archive has after refusals, failures and crashes: everything that was accepted, once, and nothing half.

import fc from 'fast-check'
import t from 'tap'
import type { Batch } from '../batch.ts'
import { RetryableError } from '../errors.ts'
import { encodeTraces } from '../testing/index.ts'
import { batchOf, Bench, MASTER, NOON, ONE_BYTES } from './fixtures/bench.ts'
import { namesIn } from './fixtures/store-suite.ts'
import { erase, MANIFEST_SUFFIX, ObjectReader } from './index.ts'
import { TraceArchiver } from './trace-archiver.ts'

t.test('spans go by hour and tenant, and an object leaves when it is old or large', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxObjectBytes: 4000 })
  await bench.archiver.consume(batchOf([['a', 0], ['b', 1], ['c', 0]])) // prettier-ignore
  await bench.archiver.consume(batchOf([['d', 0]], 'acme'))
  t.equal(bench.archiver.open, 3)
  t.same(await bench.archived(), [])
  await bench.clock.advance(61_000)
  t.same(await bench.archived(), ['a', 'b', 'c', 'd'])
  const manifests = (await namesIn(bench.store, 'a/')).filter((name) => name.endsWith(MANIFEST_SUFFIX))
  t.match(manifests, [/^a\/2026\/01\/31\/12\/2026\w+-\w+\.otlp\.zst\.man/, /^a\/2026\/01\/31\/12\/tenant=acme\//, /^a\/2026\/01\/31\/13\//])
  t.same(bench.written.map(({ spans, tenant }) => `${spans} ${tenant}`).sort(), ['1 ', '1 acme', '2 '])
  t.equal((await bench.storage.logs.get('archive')!.read(0, 1e9)).records.length, 0, 'nothing waits in the storage')
  for (let i = 0; i < 30; i++) await bench.archiver.consume(batchOf(Array.from({ length: 5 }, (_, n) => [`${i} ${n}`, 0])))
  await bench.clock.advance(10)
  t.ok(bench.written.length > 3, 'large enough')
})

t.test('whatever fails and whenever it dies, what was accepted is there once', async () => {
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        what: fc.constant('consume' as const),
        hours: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(500, 3000, 61_000) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('fail' as const), after: fc.integer({ min: 0, max: 5 }) }) },
    { weight: 2, arbitrary: fc.constant({ what: 'mend' as const }) },
    { weight: 2, arbitrary: fc.constant({ what: 'crash' as const }) },
    { weight: 1, arbitrary: fc.constant({ what: 'full' as const }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const bench = new Bench()
      await bench.begin({ maxObjectBytes: 150 })
      const accepted: string[] = []
      let number = 0
      for (const one of steps) {
        const log = bench.storage.logs.get('archive')!
        if (one.what === 'consume') {
          const names = one.hours.map((hour) => [`span ${number++}`, hour] as const)
          const taken = await bench.archiver.consume(batchOf(names)).then(
            () => true,
            () => false,
          )
          if (taken) accepted.push(...names.map(([name]) => name))
        } else if (one.what === 'wait') await bench.clock.advance(one.ms)
        else if (one.what === 'fail') bench.store.left = one.after
        else if (one.what === 'full') log.fault = log.fault === undefined ? new Error('the disk is gone') : undefined
        else if (one.what === 'mend') {
          bench.store.left = Infinity
          log.fault = undefined
        } else {
          log.fault = undefined
          await bench.crash({ maxObjectBytes: 150 })
        }
      }
      bench.storage.logs.get('archive')!.fault = undefined
      await bench.crash({ maxObjectBytes: 150 })
      await bench.clock.advance(120_000)
      const found = await bench.archived()
      if (JSON.stringify(found) !== JSON.stringify(accepted.sort()))
        throw new Error(`accepted ${accepted.join()}; archived ${found.join()}`)
      if ((await bench.storage.logs.get('archive')!.read(0, 1e9)).records.length > 0) throw new Error('something waits for ever')
    }),
    { numRuns: 60 },
  )
})

t.test('in memory alone everything leaves at the end, as far as it can, and what cannot is counted', async (t) => {
  const bench = new Bench()
  await bench.begin({ storage: undefined })
  await bench.archiver.consume(batchOf([['a', 0], ['b', 1]])) // prettier-ignore
  await bench.archiver.stop(new AbortController().signal)
  t.same(await bench.archived(), ['a', 'b'])
  await t.rejects(bench.archiver.consume(batchOf([['c', 0]])), { name: 'RetryableError' })
  await bench.begin({ storage: undefined })
  await bench.archiver.consume(batchOf([['c', 0], ['d', 0]])) // prettier-ignore
  bench.store.left = 0
  await bench.archiver.stop(new AbortController().signal)
  t.equal(bench.lost, 2)
})

t.test('past its bounds it takes nothing more, and objects leave before their time', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxOpen: 2, maxWaitingBytes: 3 * ONE_BYTES + 500 })
  bench.store.left = 0
  for (const hour of [0, 1, 2]) await bench.archiver.consume(batchOf([[`${hour}`, hour]]))
  t.same([bench.archiver.open, bench.archiver.leaving], [2, 1])
  const answers = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => bench.archiver.consume(batchOf([[`${i}`, 0]]))))
  t.equal(answers[0]!.status, 'fulfilled')
  await t.rejects(bench.archiver.consume(batchOf([['more', 0]])), { name: 'RetryableError', message: 'too much waits to be archived' })
})

t.test('a request of more hours than may be open is archived whole', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxOpen: 1 })
  await bench.archiver.consume(batchOf([['a', 0], ['b', 1], ['c', 2], ['d', 0]])) // prettier-ignore
  await bench.clock.advance(61_000)
  t.same(await bench.archived(), ['a', 'b', 'c', 'd'])
})

t.test('an object that is there is not written again because nobody takes its record: it may have been erased since', async (t) => {
  const bench = new Bench()
  let told = 0
  bench.tools = () => ({
    ...Bench.prototype.tools.call(bench),
    tell: async () => {
      if (++told < 3) throw new RetryableError('the pipeline behind is full')
    },
  })
  await bench.begin()
  await bench.archiver.consume(batchOf([['a', 0]]))
  await bench.clock.advance(61_500)
  t.ok(told >= 1)
  const manifest = (await namesIn(bench.store, 'a/')).find((name) => name.endsWith(MANIFEST_SUFFIX))!
  t.equal(await erase(bench.store, manifest, [MASTER]), 'key destroyed')
  await bench.clock.advance(60_000)
  t.equal(told, 3)
  t.equal(await erase(bench.store, manifest, [MASTER]), 'was erased before')
  t.equal((await bench.storage.logs.get('archive')!.read(0, 1e9)).records.length, 0)
})

t.test('a long outage with many small objects is bounded too: each counts for the memory that it takes beside its spans', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxOpen: 1, maxWaitingBytes: 3.5 * ONE_BYTES })
  bench.store.left = 0
  let taken = 0
  for (let i = 0; i < 20; i++) await bench.archiver.consume(batchOf([['a', 0]], `tenant ${i}`)).then(() => void taken++, () => {}) // prettier-ignore
  t.equal(taken, 4)
  bench.store.left = Infinity
  await bench.clock.advance(120_000)
  t.equal((await bench.archived()).length, 4)
  await bench.archiver.consume(batchOf([['b', 0]]))
})

t.test('what fills up the bound and is not old or large yet leaves, so that the next is taken', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxWaitingBytes: 8 * ONE_BYTES })
  const names: string[] = []
  for (let i = 0; i < 30; i++) {
    await bench.archiver.consume(batchOf([[`${i}`, 0]], `tenant ${i}`))
    names.push(`${i}`)
    await bench.clock.advance(1)
  }
  t.ok(bench.written.length >= 20, 'long before they were old')
  await bench.clock.advance(61_000)
  t.same(await bench.archived(), names.sort())
})

t.test('very many small traces are bounded: each counts for its place in the index', async (t) => {
  const bench = new Bench()
  await bench.begin({ storage: undefined, maxWaitingBytes: 1_000_000 })
  bench.store.left = 0
  let traces = 0
  const id = (n: number): string => ((n * 2_654_435_761) >>> 0).toString(16).padStart(32, '7')
  const batch = (): Batch => {
    const spans = Array.from({ length: 1000 }, () => ({ traceId: id(traces++), spanId: '1'.repeat(16), name: '', startTimeUnixNano: NOON }))
    return { ...batchOf([]), chunks: [encodeTraces([{ spans }])], count: 1000 }
  }
  for (let isTaken = true; isTaken;) isTaken = await bench.archiver.consume(batch()).then(() => true, () => false) // prettier-ignore
  t.ok(traces > 25_000 && traces < 50_000, `${traces} traces`)
})

t.test('an object that the bucket never takes holds up no other, is told of, and goes there when it may', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxObjectAgeMs: 1000 })
  bench.store.denied = /tenant=bad/
  for (let i = 0; i < 10; i++) await bench.archiver.consume(batchOf([[`bad ${i}`, i]], 'bad'))
  await bench.clock.advance(5000)
  t.equal(bench.archiver.failing, 10)
  for (let i = 0; i < 5; i++) {
    await bench.archiver.consume(batchOf([[`good ${i}`, 0]]))
    await bench.clock.advance(2100)
    t.equal(bench.written.length, i + 1)
  }
  t.match(bench.warnings[0], { object: /tenant=bad/, reason: '403: not this one', again_in_ms: 1000, failing: 1 })
  t.ok(bench.warnings.length < 20, 'and not with a line for each time')
  bench.store.denied = /^$/
  await bench.clock.advance(31_000)
  t.same([bench.archiver.failing, bench.archiver.leaving, bench.written.length], [0, 0, 15])
})

t.test('one that is refused for ever does not keep others from leaving before the bound is reached', async (t) => {
  const bench = new Bench()
  await bench.begin({ maxWaitingBytes: 8 * ONE_BYTES, maxObjectAgeMs: 1_000_000 })
  bench.store.denied = /tenant=bad/
  let refused = 0
  const send = (tenant: string): Promise<void> => bench.archiver.consume(batchOf([['a', 0]], tenant)).catch(() => void refused++)
  await send('bad')
  for (let i = 0; i < 100; i++) {
    await send(`tenant ${i}`)
    await bench.clock.advance(500)
  }
  t.equal(bench.archiver.failing, 1)
  t.equal(refused, 0)
  t.ok(bench.written.length > 80)
  bench.store.left = 0
  for (let i = 0; i < 100; i++) {
    await send('outage')
    await send(`outage ${i}`)
    await bench.clock.advance(100)
  }
  t.ok(bench.archiver.leaving <= 5, 'in an outage they do not leave one by one')
})

t.test('what waited goes where a changed configuration says, as it says; what is there already does not go again', async (t) => {
  const bench = new Bench()
  await bench.begin()
  bench.store.denied = /tenant=acme.*manifest/
  await bench.archiver.consume(batchOf([['there', 0]]))
  await bench.clock.advance(61_000)
  // Its record is not released: the process dies as it is.
  const log = bench.storage.logs.get('archive')!
  log.release = async () => {}
  await bench.archiver.consume(batchOf([['there too', 1]]))
  await bench.clock.advance(61_000)
  await bench.archiver.consume(batchOf([['half', 0]], 'acme'))
  await bench.clock.advance(61_000)
  await bench.archiver.consume(batchOf([['waits', 0]]))
  bench.store.denied = /^$/
  bench.layout = { prefix: 'c', encoding: 'otlp_json', compression: 'gzip' }
  for (let restart = 0; restart < 2; restart++) {
    await bench.crash()
    bench.storage.logs.get('archive')!.release = async () => {}
    await bench.clock.advance(61_000)
    t.same(await bench.archived('c/'), ['half', 'waits'])
    t.same(await bench.archived('a/'), ['there', 'there too'])
  }
  t.same(
    (await namesIn(bench.store, 'a/')).filter((name) => name.includes('acme')),
    [],
    'nothing half is left',
  )
  const names = (await namesIn(bench.store, 'c/')).filter((name) => name.endsWith(MANIFEST_SUFFIX))
  t.match(names, [/^c\/2026\/01\/31\/12\/2026[\w-]+\.jsonl\.gz\.man/, /^c\/2026\/01\/31\/12\/tenant=acme\//])
  t.match(await ObjectReader.open(bench.store, names[0]!, [MASTER]), { manifest: { encoding: 'otlp_json', compression: 'gzip' } })
})

t.test('an object whose record was lost in a crash is told of again, but not one that was erased', async (t) => {
  const bench = new Bench()
  await bench.begin()
  bench.storage.logs.get('archive')!.release = async () => {}
  await bench.archiver.consume(batchOf([['a', 0]]))
  await bench.clock.advance(61_000)
  await bench.crash()
  await bench.clock.advance(61_000)
  t.same(bench.written.map(({ spans }) => spans), [1, 1]) // prettier-ignore
  t.equal(bench.counted, 1, 'it counts once')
  await bench.begin({ storage: undefined })
  await bench.archiver.consume(batchOf([['b', 1]], 'acme'))
  await bench.archiver.stop(new AbortController().signal)
  const other = new Bench()
  await other.begin()
  other.storage.logs.get('archive')!.release = async () => {}
  await other.archiver.consume(batchOf([['a', 0]]))
  await other.clock.advance(61_000)
  await erase(
    other.store,
    (await namesIn(other.store, 'a/')).find((name) => name.endsWith(MANIFEST_SUFFIX))!,
    [MASTER],
  )
  await other.crash()
  await other.clock.advance(61_000)
  t.equal(other.written.length, 1)
  t.equal(other.archiver.leaving, 0)
})

t.test('a span that no frame may hold is refused before it is answered, and nothing of it waits', async (t) => {
  const bench = new Bench()
  bench.layout = { ...bench.layout, encoding: 'otlp_json' }
  await bench.begin()
  const large = { ...batchOf([]), chunks: [encodeTraces([{ spans: [{ name: '\u0001'.repeat(23_000_000) }] }])], count: 1 }
  await t.rejects(bench.archiver.consume(large), { name: 'PermanentError', message: /too large to be archived/ })
  await t.rejects(new TraceArchiver(bench.tools()).consume(large), { name: 'PermanentError' })
  t.equal((await bench.storage.logs.get('archive')!.read(0, 1e9)).records.length, 0)
  // Of a release, or an encoding, that took it.
  bench.layout = { ...bench.layout, encoding: 'otlp_proto' }
  await bench.crash()
  await bench.archiver.consume(large)
  bench.layout = { ...bench.layout, encoding: 'otlp_json' }
  await bench.crash()
  await bench.clock.advance(61_000)
  t.equal(bench.written.length, 0)
  bench.layout = { ...bench.layout, encoding: 'otlp_proto' }
  await bench.crash()
  await bench.clock.advance(1000)
  t.match(bench.written, [{ spans: 1 }])
})
