import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ANONYMOUS } from '../../core/index.ts'
import { type Edge, emptyEdge } from './edge.ts'
import { Waiting } from './waiting.ts'

const ids = (n: number): DataView => new DataView(Uint8Array.from({ length: 24 }, (_, i) => (n * (i + 7)) % 251).buffer)

t.test('what waits is found, once, whatever came and went meanwhile', async () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 60 }), origin: fc.constantFrom('', 'a'), passes: fc.integer({ min: 0, max: 3 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: 'max' }), (steps) => {
      const waiting = new Waiting(20, 40)
      // The same as a list.
      const expected: { readonly key: string; readonly edge: Edge }[] = []
      let now = 0
      for (const { id, origin, passes } of steps) {
        now += passes
        const due = expected.filter(({ edge }) => now - edge.sinceMs >= 20)
        assert.deepEqual(
          [...waiting.due(now)],
          due.map(({ edge }) => edge),
        )
        for (const one of due) expected.splice(expected.indexOf(one), 1)
        const key = `${id}${origin}`
        const at = expected.findIndex((one) => one.key === key)
        const found = waiting.take(ids(id), 0, 16, origin)
        assert.equal(found, at < 0 ? undefined : expected[at]!.edge)
        if (at >= 0) expected.splice(at, 1)
        else {
          const edge = emptyEdge(ANONYMOUS, origin, now)
          const isTaken = waiting.put(edge)
          assert.equal(isTaken, expected.length < 40)
          if (isTaken) expected.push({ key, edge })
        }
        assert.equal(waiting.size, expected.length)
      }
      assert.ok(waiting.rows <= 40, 'room is used again')
    }),
    { numRuns: 30 },
  )
})

t.test('a hundred thousand wait, and each is found', async (t) => {
  const waiting = new Waiting(1000, 100_000)
  const view = new DataView(new ArrayBuffer(24))
  const at = (n: number): DataView => {
    view.setUint32(4, n)
    return view
  }
  for (let n = 0; n < 100_000; n++) {
    waiting.take(at(n), 0, 16, '')
    waiting.put(emptyEdge(ANONYMOUS, '', n / 1000))
  }
  t.equal(waiting.size, 100_000)
  let found = 0
  for (let n = 0; n < 100_000; n += 2) if (waiting.take(at(n), 0, 16, '')?.sinceMs === n / 1000) found++
  t.equal(found, 50_000)
  t.equal([...waiting.due(5000)].length, 50_000)
  t.equal(waiting.size, 0)
})
