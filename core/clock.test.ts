import { mock } from 'node:test'
import t from 'tap'
import { systemClock } from './clock.ts'

const DAY_MS = 86_400_000

t.test('a timer fires when it is due, however far off, and not at all once it is cancelled', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const fired: string[] = []
  systemClock.after(50, () => fired.push('50 ms'))
  systemClock.after(60 * DAY_MS, () => fired.push('60 days'))
  const far = systemClock.after(70 * DAY_MS, () => fired.push('70 days'))
  systemClock.after(Infinity, () => fired.push('never'))
  mock.timers.tick(49)
  t.same(fired, [])
  mock.timers.tick(1)
  t.same(fired, ['50 ms'])
  for (let day = 0; day < 59; day++) mock.timers.tick(DAY_MS)
  t.same(fired, ['50 ms'])
  // The mocked clock moves in steps: what is armed within a step counts from its end.
  for (let day = 0; day < 3; day++) mock.timers.tick(DAY_MS)
  t.same(fired, ['50 ms', '60 days'])
  far.cancel()
  for (let day = 0; day < 40; day++) mock.timers.tick(DAY_MS)
  t.same(fired, ['50 ms', '60 days'])
})

t.test('what is overdue runs at once, and nobody is warned of it', async (t) => {
  const warnings: string[] = []
  const warn = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  await new Promise<void>((resolve) => void systemClock.after(-5, resolve))
  await new Promise(setImmediate)
  t.same(warnings, [])
})
