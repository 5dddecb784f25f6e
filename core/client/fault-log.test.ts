import t from 'tap'
import { TestClock, TestSettings } from '../testing/index.ts'
import { FaultLog } from './fault-log.ts'

t.test('a fault is told at once, then with a count, and so is its end', async (t) => {
  const clock = new TestClock()
  const { log, lines } = new TestSettings('otlp_http', clock)
  const faults = new FaultLog(log, clock)
  faults.worked()
  t.same(lines, [], 'what always worked is not worth a line')
  for (let second = 0; second < 70; second++) {
    faults.failed('refused', 'senders keep it')
    await clock.advance(1000)
  }
  t.same(
    lines.map(({ level, fields }) => [level, fields]),
    [1, 30, 30].map((attempts) => ['warn', { reason: 'refused', attempts }]),
  )
  faults.worked()
  faults.worked()
  t.match(lines.slice(3), [{ level: 'info', fields: { failed_attempts: 70 } }])
  t.equal(lines.length, 4)
  faults.failed('refused', 'senders keep it')
  t.match(lines[4], { level: 'warn', fields: { attempts: 1 } }, 'a new fault is told at once')
})
