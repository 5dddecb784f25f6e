// The pool of scoring threads: whatever becomes of a thread, everybody has an answer in time, and the next batch finds another thread.

import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { systemClock } from '../clock.ts'
import { type LogLine, TestSettings } from '../testing/index.ts'
import { ENDS, GROWS, HANGS, SLOW, THROWS } from './fixtures/faulty-worker.ts'
import { ScoringPool } from './pool.ts'
import type { Scored, TrainTask } from './worker.ts'

const FOREST = new SharedArrayBuffer(0)

function poolOf(t: Test, { timeoutMs = 20_000, threads = 1 } = {}): { readonly pool: ScoringPool; readonly lines: readonly LogLine[] } {
  const { log, lines } = new TestSettings('anomaly_model')
  const worker = new URL('./fixtures/faulty-worker.ts', import.meta.url).href
  const pool = new ScoringPool({ threads, timeoutMs, maxHeapMb: 32, clock: systemClock, log, worker })
  t.teardown(() => pool.close())
  return { pool, lines }
}
const ask = (pool: ScoringPool, ...rows: readonly (readonly [how: number, score: number])[]): Promise<Scored | string> =>
  pool.score(FOREST, 0, 2, Float32Array.from(rows.flat()))
const scoresOf = (found: Scored | string): readonly number[] | string => (typeof found === 'string' ? found : [...found.scores])

t.test('each batch has the scores of its own rows, though several go to a thread as one task', async (t) => {
  const { pool } = poolOf(t)
  const found = await Promise.all([ask(pool, [0, 1]), ask(pool, [0, 2], [0, 3]), ask(pool, [0, 4]), ask(pool), ask(pool, [0, 5])])
  t.same(found.map(scoresOf), [[1], [2, 3], [4], [], [5]])
  const [, second] = found as readonly Scored[]
  t.same([...second!.above], [0, 1])
  t.same([...second!.shares], [0, 2, 0, 3])
})

for (const [how, name] of [
  [THROWS, 'throws'],
  [ENDS, 'ends'],
  [GROWS, 'grows past its heap'],
] as const)
  t.test(`a batch whose thread ${name} is tried once more and set aside; those beside it have their scores`, async (t) => {
    const { pool, lines } = poolOf(t)
    const [bad, good] = await Promise.all([ask(pool, [how, 1]), ask(pool, [0, 2])])
    t.equal(bad, 'set aside')
    t.same(scoresOf(good), [2])
    t.equal(pool.failures, 2)
    t.equal(pool.setAside, 1)
    t.match(lines.at(-1), { level: 'error', fields: { rows: 1 } })
    t.same(scoresOf(await ask(pool, [0, 7])), [7], 'and the next batch finds a thread')
  })

t.test('a batch whose thread hangs goes on after its time, and the thread is replaced', async (t) => {
  const { pool } = poolOf(t, { timeoutMs: 200 })
  // A slow machine takes longer to start a thread.
  while (typeof (await ask(pool, [0, 0])) === 'string');
  const begin = performance.now()
  t.equal(await ask(pool, [HANGS, 1]), 'timeout')
  const waited = performance.now() - begin
  t.ok(waited >= 195, `${waited} ms`)
  let found: Scored | string = 'timeout'
  // Until the thread is known to hang what comes has no score either; a test machine may be slow to start another one.
  for (let i = 0; i < 50 && typeof found === 'string'; i++) found = await ask(pool, [0, 2])
  t.same(scoresOf(found), [2])
  t.equal(pool.failures, 1)
  t.equal(pool.setAside, 0, 'nobody waited for it any more')
})

t.test('a thread that ends before it was ready is replaced, and what waited for it is done', async (t) => {
  const { log } = new TestSettings('anomaly_model')
  const pool = new ScoringPool({ threads: 1, timeoutMs: 1000, maxHeapMb: 64, clock: systemClock, log })
  t.teardown(() => pool.close())
  const task = (): TrainTask => ({
    kind: 'train',
    rows: new Float32Array(200_000),
    features: 2,
    seed: 1,
    trees: 100,
    subsample: 256,
    above: 1,
  })
  const kill = (thread: Worker): void => {
    process.off('worker', kill)
    void thread.terminate()
  }
  await pool.score(FOREST, 0, 2, new Float32Array(0))
  process.on('worker', kill)
  const trained = await Promise.all([pool.train(task()), pool.train(task())])
  t.same(
    trained.map(({ scores }) => scores.length),
    [100_000, 100_000],
  )
})

t.test('what waits too long is not scored afterwards', async (t) => {
  const { pool } = poolOf(t, { timeoutMs: 100 })
  t.same(await Promise.all([ask(pool, [SLOW, 1]), ask(pool, [0, 2])]), ['timeout', 'timeout'])
})

t.test('more than can be in time is not kept waiting', async (t) => {
  const { pool } = poolOf(t)
  const large = new Float32Array(1_000_000)
  const waiting = Promise.all([pool.score(FOREST, 0, 2, large), pool.score(FOREST, 0, 2, large)])
  t.equal(await pool.score(FOREST, 0, 2, large), 'busy')
  t.same(
    (await waiting).map((found) => scoresOf(found).length),
    [500_000, 500_000],
  )
})

t.test('a pool that closes leaves nobody waiting', async (t) => {
  const { pool } = poolOf(t)
  const asked = [ask(pool, [SLOW, 1]), ask(pool, [0, 2]), ask(pool, [0, 3])]
  await pool.close()
  for (const found of await Promise.all(asked)) t.equal(typeof found, 'string')
  t.equal(typeof (await ask(pool, [0, 3])), 'string', 'also those that come after')
})
