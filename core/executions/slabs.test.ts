import fc from 'fast-check'
import t from 'tap'
import { TestClock } from '../testing/index.ts'
import { type Lodger, Slabs } from './slabs.ts'

/** Lets what is cold be compressed. */
async function cool(clock: TestClock): Promise<void> {
  await clock.advance(11_000)
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
}

t.test('whatever is added and freed, what stays is what it was, and takes at most about twice its size', async () => {
  const step = fc.record({
    how: fc.oneof(
      { weight: 12, arbitrary: fc.constant('add') },
      { weight: 10, arbitrary: fc.constant('free') },
      { weight: 1, arbitrary: fc.constant('cool') },
    ),
    size: fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 3000 })),
    which: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 300 }), async (steps) => {
      const clock = new TestClock()
      const slabs = new Slabs(clock)
      const lodgers: { readonly lodger: Lodger; readonly mark: number }[] = []
      const look = (): number => {
        let live = 0
        for (const { lodger, mark } of lodgers) {
          const found = slabs.bytesIn(lodger)
          if (found.length !== lodger.length || found.some((byte) => byte !== mark)) throw new Error('not what it was')
          live += found.length
        }
        return live
      }
      let mark = 0
      for (const { how, size, which } of steps) {
        if (how === 'cool') {
          await cool(clock)
          if (which % 2 === 0) look()
        } else if (how === 'add' || lodgers.length === 0) {
          const lodger: Lodger = { slab: undefined, start: 0, length: 0 }
          slabs.add(lodger, new Uint8Array(size).fill(++mark & 0xff))
          lodgers.push({ lodger, mark: mark & 0xff })
        } else slabs.free(lodgers.splice(which % lodgers.length, 1)[0]!.lodger)
      }
      const live = look()
      // Beside the holes, the slab that is being filled, and one that was just left.
      if (slabs.bytes > 2.4 * live + 3 * 32 * 1024) throw new Error(`${slabs.bytes} bytes for ${live}`)
      for (const { lodger } of lodgers) slabs.free(lodger)
      if (slabs.bytes > 32 * 1024) throw new Error(`${slabs.bytes} bytes for nothing`)
      slabs.stop()
    }),
    { numRuns: 25 },
  )
})

t.test('what nobody has looked at for a while takes a fraction, until somebody does', async (t) => {
  const clock = new TestClock()
  const slabs = new Slabs(clock)
  const text = Buffer.from('mplp.monitoring.alert_thresholds.cpu_usage_percent '.repeat(40))
  const lodgers = Array.from({ length: 200 }, (): Lodger => ({ slab: undefined, start: 0, length: 0 }))
  for (const lodger of lodgers) slabs.add(lodger, text)
  const before = slabs.bytes
  await clock.advance(5000)
  slabs.bytesIn(lodgers[0]!)
  await cool(clock)
  t.ok(slabs.bytes < before / 5, `${slabs.bytes} of ${before}`)
  t.same(slabs.bytesIn(lodgers[0]!), text)
  t.ok(slabs.bytes < before / 2, 'the others stay as they are')
  slabs.stop()
})

t.test('past a bound what was touched longest ago is compressed at once', async (t) => {
  const clock = new TestClock()
  const slabs = new Slabs(clock, 128 * 1024)
  const text = Buffer.from('mplp.monitoring.alert_thresholds.cpu_usage_percent '.repeat(40))
  const lodgers = Array.from({ length: 400 }, (): Lodger => ({ slab: undefined, start: 0, length: 0 }))
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  for (const [i, lodger] of lodgers.entries()) {
    slabs.add(lodger, text)
    if (i % 50 === 49) await settle()
  }
  await settle()
  t.ok(slabs.bytes < 128 * 1024 + 100_000, `${slabs.bytes} of ${400 * text.length}, and no time has passed`)
  for (const lodger of lodgers) t.same(slabs.bytesIn(lodger), text)
  await settle()
  t.ok(slabs.bytes < 128 * 1024 + 100_000, 'looking at all of them leaves the last')
  for (const lodger of lodgers) slabs.free(lodger)
  t.ok(slabs.bytes <= 64 * 1024, `${slabs.bytes} for nothing`)
  slabs.stop()
})

t.test('what is larger than the bound is kept as it is while it is the last that was touched', async (t) => {
  const slabs = new Slabs(new TestClock(), 1024)
  const [first, second] = [0, 1].map((): Lodger => ({ slab: undefined, start: 0, length: 0 }))
  slabs.add(first!, Buffer.alloc(20_000, 1))
  slabs.add(second!, Buffer.alloc(20_000, 2))
  t.ok(slabs.bytes < 32 * 1024 + 20_200, `${slabs.bytes}: the first is compressed`)
  t.same(slabs.bytesIn(first!), Buffer.alloc(20_000, 1))
  t.same(slabs.bytesIn(second!), Buffer.alloc(20_000, 2))
  slabs.stop()
})
