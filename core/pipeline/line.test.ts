import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Line } from './line.ts'

t.test('first come, first served, over any number that come and go', (t) => {
  const line = new Line<{ n: number }>()
  let [next, expected] = [0, 0]
  for (let round = 0; round < 2000; round++) {
    for (let i = 0; i < round % 7; i++) line.push({ n: next++ })
    for (let i = 0; i < round % 5; i++) {
      const item = line.shift()
      if (item !== undefined) {
        if (item.n !== expected++) t.fail(`${item.n} is not ${expected - 1}`)
      }
    }
    if (line.length !== next - expected) t.fail(`${line.length} in it, not ${next - expected}`)
  }
  t.same(
    line.clear().map(({ n }) => n),
    Array.from({ length: next - expected }, (_, i) => expected + i),
  )
  t.same([line.length, line.shift()], [0, undefined])
  t.end()
})

t.test('who has gone is not kept alive', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const line = new Line<object>()
  const gone = (() => {
    for (let i = 0; i < 10; i++) line.push({})
    return new WeakRef(line.shift()!)
  })()
  await sleep(0)
  collect()
  t.equal(gone.deref(), undefined)
  t.equal(line.length, 9)
})
