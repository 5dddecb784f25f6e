// Who is tried when: what can be put is put, whatever becomes of the rest.

import t from 'tap'
import { TestClock } from '../testing/index.ts'
import { AT_ONCE, Departures } from './departures.ts'

class Bench {
  readonly clock = new TestClock()
  /** What fails, and what is never answered. */
  readonly bad = new Set<string>()
  readonly silent = new Set<string>()
  isAway = false
  gate: Promise<void> | undefined
  readonly tried: string[] = []
  readonly done: string[] = []
  readonly delays: number[] = []
  readonly departures = new Departures<string>({
    clock: this.clock,
    attempt: async (one) => {
      this.tried.push(one)
      if (this.silent.has(one)) await new Promise(() => {})
      await this.gate
      if (this.isAway || this.bad.has(one)) throw new Error('no')
      this.done.push(one)
    },
    failed: (_one, _error, againInMs) => void this.delays.push(againInMs),
  })
}

t.test('objects that can never be put hold up nobody, and are tried for ever', async (t) => {
  const bench = new Bench()
  const bad = Array.from({ length: 10 }, (_, i) => `bad ${i}`)
  for (const one of bad) bench.departures.add(bench.bad.add(one) && one)
  await bench.clock.advance(100)
  t.equal(bench.departures.failing, 10)
  for (let i = 0; i < 20; i++) {
    bench.departures.add(`${i}`)
    await bench.clock.advance(1)
    t.equal(bench.done.at(-1), `${i}`, 'at once')
  }
  bench.tried.length = 0
  await bench.clock.advance(61_000)
  for (const one of bad) t.ok(bench.tried.includes(one))
  t.ok(bench.tried.length < 80, `not all the time: ${bench.tried.length}`)
  bench.bad.clear()
  await bench.clock.advance(31_000)
  t.equal(bench.done.length, 30)
  t.equal(bench.departures.failing, 0)
})

t.test('so do those that are never answered when they come again', async (t) => {
  const bench = new Bench()
  const bad = Array.from({ length: 10 }, (_, i) => `bad ${i}`)
  for (const one of bad) bench.departures.add(bench.bad.add(one) && one)
  await bench.clock.advance(100)
  for (const one of bad) bench.silent.add(one)
  await bench.clock.advance(40_000)
  t.equal(bench.tried.length, 10 + AT_ONCE - 1)
  bench.departures.add('good')
  await bench.clock.advance(1)
  t.same(bench.done, ['good'])
})

t.test('each waits longer each time, and all come at once when the store is back', async (t) => {
  const bench = new Bench()
  bench.isAway = true
  for (let i = 0; i < 6; i++) bench.departures.add(`${i}`)
  await bench.clock.advance(200_000)
  t.same([...new Set(bench.delays)], [1000, 2000, 4000, 8000, 16_000, 30_000])
  bench.isAway = false
  bench.departures.add('new')
  await bench.clock.advance(1)
  t.same(bench.done.toSorted(), ['0', '1', '2', '3', '4', '5', 'new'])
})

t.test('what failed before is not kept waiting by what comes new, however much that is', async (t) => {
  const bench = new Bench()
  bench.bad.add('old')
  bench.departures.add('old')
  await bench.clock.advance(1)
  bench.bad.clear()
  const gate = Promise.withResolvers<void>()
  bench.gate = gate.promise
  for (let i = 0; i < 100; i++) bench.departures.add('new')
  await bench.clock.advance(1000)
  gate.resolve()
  await bench.clock.advance(1)
  t.equal(bench.done.indexOf('old'), AT_ONCE, 'behind those at work')
  t.equal(bench.done.length, 101)
})

t.test('at the end everything is tried once more, and not again', async (t) => {
  const bench = new Bench()
  bench.bad.add('bad')
  bench.isAway = true
  for (const one of ['bad', 'good']) bench.departures.add(one)
  await bench.clock.advance(1)
  bench.isAway = false
  bench.tried.length = 0
  await bench.departures.stop(new AbortController().signal)
  t.same(bench.tried, ['bad', 'good'])
  t.same(bench.done, ['good'])
  await bench.clock.advance(100_000)
  t.equal(bench.tried.length, 2)
  bench.silent.add('silent')
  bench.departures.add('silent')
  const abort = new AbortController()
  const stopped = bench.departures.stop(abort.signal)
  abort.abort()
  await stopped
})

t.test('at the end what is kept elsewhere is left to the next process: only what is at work is waited for', async (t) => {
  const bench = new Bench()
  bench.bad.add('failed')
  bench.departures.add('failed')
  await bench.clock.advance(1)
  const gate = Promise.withResolvers<void>()
  bench.gate = gate.promise
  for (let i = 0; i < 10; i++) bench.departures.add(`${i}`)
  const stopped = bench.departures.stop(new AbortController().signal, true)
  gate.resolve()
  await stopped
  t.equal(bench.done.length, AT_ONCE)
  bench.departures.add('late')
  await bench.clock.advance(100_000)
  t.equal(bench.tried.length, 1 + AT_ONCE)
})
