import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ExponentialHistogram, indexOf } from './exponential-histogram.ts'

const values = fc.oneof(
  fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: -30, max: 30 }).map((n) => 2 ** n),
)

t.test('every value is in the bucket whose ends lie around it', async () => {
  fc.assert(
    fc.property(values, fc.integer({ min: -10, max: 20 }), (value, scale) => {
      if (value === 0) return
      const index = indexOf(value, scale)
      const end = (i: number): number => 2 ** (i * 2 ** -scale)
      assert.ok(end(index) <= value * (1 + 1e-9) && value <= end(index + 1) * (1 + 1e-9), `${value} at ${scale}: ${index}`)
    }),
  )
})

t.test('powers of two end their buckets at every scale', async (t) => {
  for (let scale = -10; scale <= 20; scale++)
    for (const exponent of [-1000, -3, 0, 1, 10, 1000])
      t.equal(indexOf(2 ** exponent, scale), scale > 0 ? exponent * 2 ** scale - 1 : (exponent - 1) >> -scale)
})

t.test('nothing is lost when buckets become coarser, and no scale is coarser than it must be', async () => {
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 60 }), fc.integer({ min: 2, max: 20 }), (all, maxSize) => {
      const histogram = new ExponentialHistogram(maxSize)
      for (const value of all) histogram.record(value, 2)
      const positive = all.filter((value) => value > 0)
      assert.equal(histogram.count, all.length * 2)
      assert.equal(histogram.zeroCount, (all.length - positive.length) * 2)
      assert.deepEqual([histogram.min, histogram.max], [Math.min(...all), Math.max(...all)])
      if (positive.length === 0) return assert.equal(histogram.scale, 0)
      const { scale, offset, buckets } = histogram
      assert.ok(buckets.length <= maxSize)
      const expected = new Map<number, number>()
      for (const value of positive) expected.set(indexOf(value, scale), (expected.get(indexOf(value, scale)) ?? 0) + 2)
      for (const [i, count] of buckets.entries()) assert.equal(count, expected.get(offset + i) ?? 0, `bucket ${offset + i} at ${scale}`)
      const spread = indexOf(Math.max(...positive), scale + 1) - indexOf(Math.min(...positive), scale + 1)
      assert.ok(scale === 20 || spread >= maxSize - 1)
    }),
  )
})
