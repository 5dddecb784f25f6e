import fc from 'fast-check'
import t from 'tap'
import { TestClock } from '../testing/index.ts'
import { FairShare } from './fair-share.ts'
import { senderIn } from './message-key.ts'

function memory(most: number, forMs = 1000) {
  const clock = new TestClock()
  const early: number[] = []
  const late: number[] = []
  const made = new FairShare<number, string>({ most, forMs, clock, forgotten: (key, isEarly) => (isEarly ? early : late).push(key) })
  return { clock, early, late, made }
}

t.test('one owner cannot push out what others have, as long as that is no more than their share', (t) => {
  const { made, early } = memory(10)
  for (let key = 0; key < 5; key++) made.set('quiet', key, 'q')
  for (let key = 100; key < 200; key++) made.set('loud', key, 'l')
  for (let key = 0; key < 5; key++) t.equal(made.get('quiet', key), 'q')
  t.equal(made.weight, 10)
  t.equal(early.length, 95)
  made.set('new', 7, 'n')
  t.equal(made.get('new', 7), 'n', 'and there is room for one more')
  t.equal(made.weight, 10)
  t.end()
})

t.test('what was asked for longest ago goes first, and what is too old is not known, and no loss', async (t) => {
  const { made, clock, early, late } = memory(2)
  made.set('a', 1, 'one')
  made.set('a', 2, 'two')
  t.equal(made.get('a', 1), 'one')
  made.set('a', 3, 'three')
  t.same(early, [2])
  t.equal(made.get('b', 1), undefined, 'of another owner')
  await clock.advance(1000)
  t.equal(made.get('a', 1), undefined)
  made.set('b', 4, 'four')
  made.set('b', 5, 'five')
  t.same([early, late.toSorted((x, y) => x - y)], [[2], [1, 3]])
})

t.test('nothing is remembered for no time, and what is heavier than all alone goes at once', (t) => {
  const none = memory(2, 0)
  none.made.set('a', 1, 'one')
  t.equal(none.made.get('a', 1), undefined)
  const { made, early } = memory(2)
  made.set('a', 1, 'heavy', 3)
  t.same([made.weight, early], [0, [1]])
  t.end()
})

t.test('whatever comes, it stays within its bound, and is known or was told to be forgotten', (t) => {
  const step = fc.record({
    owner: fc.integer({ min: 0, max: 4 }),
    weight: fc.integer({ min: 0, max: 4 }),
    ms: fc.constantFrom(0, 0, 0, 300),
  })
  const history = fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 60 }), async (most, steps) => {
    const { made, clock, early, late } = memory(most)
    for (const [key, { owner, weight, ms }] of steps.entries()) {
      if (ms > 0) await clock.advance(ms)
      made.set(String(owner), key, 'x', weight)
      if (made.weight > most) throw new Error(`${made.weight} of ${most}`)
    }
    const gone = new Set([...early, ...late])
    if (gone.size !== early.length + late.length) throw new Error('one was forgotten twice')
    for (const [key, { owner }] of steps.entries()) {
      const isKnown = made.get(String(owner), key) !== undefined
      if (isKnown && gone.has(key)) throw new Error(`${key} is known, and was forgotten`)
    }
  })
  return t.resolves(fc.assert(history, { numRuns: 200 }))
})

t.test('whose message it is, its key says, whatever it calls its sender', (t) => {
  const sender = (...members: unknown[]): string => senderIn(JSON.stringify(members))
  t.equal(sender('t', 's', 'agent-1', 'm'), sender('t', 's', 'agent-2', 'n'))
  t.not(sender('t', 's', 'a', 'm'), sender('t', 'r', 'a', 'm'))
  t.not(sender('t', 's', 'a', 'm'), sender('u', 's', 'a', 'm'))
  t.equal(sender('', undefined, 'a', 'm'), sender('', undefined, 'b', 'm'))
  t.not(sender('t"', 's', 'a', 'm'), sender('t', '"s', 'a', 'm'))
  t.not(sender('t\\', '","', 'a', 'm'), sender('t\\', '"', 'a', 'm'))
  t.end()
})
