import fc from 'fast-check'
import t from 'tap'
import { Wanted } from './wanted.ts'

t.test('it says what a set of positions would, and where the next record begins', async () => {
  const steps = fc.array(
    fc.record({ gap: fc.integer({ min: 1, max: 9 }), release: fc.array(fc.nat(400), { maxLength: 4 }), trim: fc.boolean() }),
  )
  fc.assert(
    fc.property(steps, fc.nat(2 ** 40), fc.nat(400), (steps, base, ask) => {
      const wanted = new Wanted(base)
      const [all, set] = [[] as number[], new Set<number>()]
      let last = base
      for (const { gap, release, trim } of steps) {
        last += gap
        wanted.add(last)
        all.push(last)
        set.add(last)
        for (const offset of release) if (wanted.delete(base + offset) !== set.delete(base + offset)) return false
        if (trim) wanted.trim()
      }
      const expected = [...set]
        .filter((position) => position >= base + ask)
        .map((position) => [position, all[all.indexOf(position) + 1] ?? Infinity])
      return wanted.size === set.size && JSON.stringify([...wanted.from(base + ask)]) === JSON.stringify(expected)
    }),
  )
})

t.test('once cleared it wants nothing but what comes then', async (t) => {
  const wanted = new Wanted(100)
  wanted.add(228)
  wanted.clear()
  t.equal(wanted.size, 0)
  t.notOk(wanted.delete(228))
  t.strictSame([...wanted.from(0)], [])
  wanted.add(400)
  t.strictSame([...wanted.from(0)], [[400, Infinity]])
  t.ok(wanted.delete(400))
})
