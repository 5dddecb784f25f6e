// The isolation forest: it finds what stands apart, says by which feature, is the same for the same seed, and refuses bytes that are none.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { attribute, Forest, Random, score, train, usualPath } from './index.ts'

const FEATURES = 5

/** A cloud of rows around 0, and behind it a few that stand apart in one feature. */
function cloud(seed: number, rows: number, apart: readonly (readonly [feature: number, value: number])[] = []): Float32Array {
  const random = new Random(seed)
  const all = new Float32Array((rows + apart.length) * FEATURES).map(() => random.unit() + random.unit() + random.unit() - 1.5)
  for (const [i, [feature, value]] of apart.entries()) all[(rows + i) * FEATURES + feature] = value
  return all
}
const grown = (rows: Float32Array, margin = 0): Forest =>
  train({ rows, features: FEATURES, trees: 100, subsample: 256, seed: 7, below: margin, above: margin })
function scoresOf(forest: Forest, rows: Float32Array): Float32Array {
  const scores = new Float32Array(rows.length / FEATURES)
  score(forest, rows, scores)
  return scores
}

t.test('what stands apart scores higher than nearly all else, and its feature is named', (t) => {
  const rows = cloud(1, 300, [
    [3, 9],
    [0, -9],
  ])
  const forest = grown(rows)
  const scores = scoresOf(forest, rows)
  const shares = new Float32Array(FEATURES)
  for (const [row, feature] of [
    [300, 3],
    [301, 0],
  ] as const) {
    const above = scores.filter((one) => one >= scores[row]!).length
    t.ok(above <= 5, `${above} rows of 302 score as high`)
    attribute(forest, rows, row, shares)
    t.equal(shares.indexOf(Math.max(...shares)), feature)
  }
  t.end()
})

t.test('the shares of the features add up to how much shorter a path is than the mean', (t) => {
  const rows = cloud(2, 500, [[1, 6]])
  const forest = grown(rows)
  const scores = scoresOf(forest, rows)
  const { roots, path, shape } = forest
  const meanPath = roots.subarray(0, shape.trees).reduce((sum, root) => sum + path[root]!, 0) / shape.trees
  const shares = new Float32Array(FEATURES)
  for (const row of [0, 17, 500]) {
    attribute(forest, rows, row, shares)
    const own = -Math.log2(scores[row]!) * usualPath(256)
    const sum = shares.reduce((a, b) => a + b, 0)
    t.ok(Math.abs(meanPath - own - sum) < 1e-3, `${meanPath} - ${own} is ${sum}`)
  }
  t.end()
})

t.test('with a margin it sees what no row of the training showed; without, a feature that never changed is none', (t) => {
  const rows = cloud(3, 1000)
  for (let row = 0; row < 1000; row++) rows[row * FEATURES + 2] = 0
  const seen = cloud(4, 2)
  seen[2] = 0
  seen.copyWithin(FEATURES, 0, FEATURES)
  seen[FEATURES + 2] = 5
  const [blind, blindToo] = scoresOf(grown(rows), seen)
  t.equal(blindToo, blind)
  const [usual, unheard] = scoresOf(grown(rows, 2), seen)
  t.ok(unheard! > usual! + 0.02, `${unheard} against ${usual}`)
  t.end()
})

t.test('the same seed grows the same forest, and another seed another', (t) => {
  const rows = cloud(5, 800)
  const again = (seed: number): Buffer =>
    Buffer.from(train({ rows, features: FEATURES, trees: 10, subsample: 64, seed }).bytes as ArrayBuffer)
  t.ok(again(1).equals(again(1)))
  t.notOk(again(1).equals(again(2)))
  t.end()
})

t.test('a forest read from its bytes scores as before, shared or not', (t) => {
  const rows = cloud(6, 300)
  const shared = train({ rows, features: FEATURES, trees: 20, subsample: 128, seed: 1, isShared: true })
  t.ok(shared.bytes instanceof SharedArrayBuffer)
  const copy = new Forest(new Uint8Array(shared.bytes).slice().buffer)
  t.same(scoresOf(copy, rows), scoresOf(shared, rows))
  t.end()
})

t.test('rows that are all alike, or one alone, make a forest that calls nothing unusual', (t) => {
  for (const count of [1, 2, 300]) {
    const rows = new Float32Array(count * FEATURES)
    const scores = scoresOf(grown(rows), rows)
    t.ok(
      scores.every((one) => one === scores[0] && one > 0 && one <= 1),
      `${count} rows score ${scores[0]}`,
    )
  }
  t.throws(() => grown(new Float32Array(0)), { message: /needs a row/ })
  t.end()
})

t.test('values of any size end in a score between 0 and 1', (t) => {
  const value = fc.float({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(fc.array(value, { minLength: 2 * FEATURES, maxLength: 60 }), fc.constantFrom(0, 1), (values, margin) => {
      const rows = Float32Array.from(values.slice(0, values.length - (values.length % FEATURES)))
      for (const one of scoresOf(grown(rows, margin), rows)) assert.ok(one > 0 && one <= 1, `scored ${one}`)
    }),
    { numRuns: 40 },
  )
  t.end()
})

t.test('bytes that are no forest are refused, whichever of them was changed, or score all the same', (t) => {
  const rows = cloud(8, 200)
  const { bytes } = train({ rows, features: FEATURES, trees: 3, subsample: 32, seed: 1 })
  t.throws(() => new Forest(bytes.slice(0, 12)), { message: /found 12 bytes; a forest has at least 24/ })
  t.throws(() => new Forest(bytes.slice(0, -4)), { message: /nodes in 3 trees take/ })
  let refused = 0
  for (let at = 0; at < bytes.byteLength; at += 4)
    for (const word of [-1, 0, 0x7fff_ffff, 0x7fc0_0000]) {
      const damaged = bytes.slice(0) as ArrayBuffer
      new DataView(damaged).setInt32(at, word, true)
      try {
        // It ends: no node leads back, and none leads out of the columns.
        scoresOf(new Forest(damaged), rows)
      } catch (error) {
        assert.equal((error as Error).name, 'ForestError', String(error))
        refused++
      }
    }
  t.ok(refused > 100)
  const version = bytes.slice(0) as ArrayBuffer
  new DataView(version).setInt32(4, 9, true)
  t.throws(() => new Forest(version), { message: 'found a forest of version 9; this program reads version 1' })
  t.end()
})
