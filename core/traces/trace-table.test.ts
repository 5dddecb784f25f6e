// The table of open traces against a Map, under random operations.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { TraceLine } from './trace-line.ts'
import { SPAN_COUNT, TraceTable } from './trace-table.ts'

/** Few ids, so that most operations meet a trace that is there; many enough that the table grows and probes run into one another. */
const operations = fc.array(fc.tuple(fc.nat(40), fc.nat(60), fc.boolean()), { minLength: 200, maxLength: 1500 })

t.test('it finds every trace that was added and not removed, and no other', async () => {
  fc.assert(
    fc.property(operations, (list) => {
      const table = new TraceTable(1, 8)
      const line = new TraceLine(table)
      const model = new Map<string, number>()
      for (const [n, [a, b, adds]] of list.entries()) {
        const key = `${a},${b}`
        const found = table.find(a, 0, 0, b, a % 3)
        assert.equal(found >= 0, model.has(key))
        if (found >= 0) assert.equal(table.cells[found * table.stride + SPAN_COUNT], model.get(key))
        if (adds && found < 0) {
          const trace = table.add(a, 0, 0, b, a % 3, n)
          line.push(trace)
          table.cells[trace * table.stride + SPAN_COUNT] = n
          model.set(key, n)
        } else if (!adds && found >= 0) {
          line.remove(found)
          table.remove(found)
          model.delete(key)
        }
        assert.equal(table.count, model.size)
        assert.equal(line.count, model.size)
        if (line.first >= 0) assert.equal(table.cells[line.first * table.stride + SPAN_COUNT], model.values().next().value, 'oldest first')
      }
      for (const key of model.keys()) {
        const [a, b] = key.split(',').map(Number)
        assert.ok(table.find(a!, 0, 0, b!, a! % 3) >= 0)
        assert.equal(table.find(a!, 0, 0, b!, (a! % 3) + 1), -1, 'of another origin')
      }
    }),
    { numRuns: 50 },
  )
})
