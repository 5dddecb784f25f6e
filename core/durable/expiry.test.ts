// Records that get too old, on a clock that the tests move.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { TestClock } from '../testing/test-clock.ts'
import { SegmentLog } from './segment-log.ts'

const MINUTE_MS = 60_000
const record = (text: string): Uint8Array[] => [Buffer.from(text)]
const segmentsIn = (folder: string): number => readdirSync(folder).filter((name) => name.endsWith('.segment')).length

async function namesIn(log: SegmentLog): Promise<readonly string[]> {
  return (await log.read(0, 2 ** 20)).records.map(({ bytes }) => Buffer.from(bytes).toString())
}

t.test('nobody appends and nobody reads: records that are too old are gone with their segment, and counted', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const clock = new TestClock()
  const log = await SegmentLog.open(folder, { maxBytes: 2 ** 20, maxAgeMs: 60 * MINUTE_MS, clock })
  await Promise.all(['a', 'b', 'c'].map((name) => log.append(record(name))))
  await clock.advance(59 * MINUTE_MS)
  t.match({ expired: log.expired, records: log.records }, { expired: 0, records: 3 })
  await clock.advance(2 * MINUTE_MS)
  t.match({ expired: log.expired, records: log.records }, { expired: 3, records: 0 })
  while (segmentsIn(folder) > 0) await setImmediate()
  await log.append(record('d'))
  t.strictSame(await namesIn(log), ['d'], 'and it goes on')
  await log.close()
  t.equal(clock.pending, 0)
})

t.test('what an earlier run left expires unread, and no more of it is looked through than must be', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const clock = new TestClock()
  const options = { maxBytes: 2 ** 20, segmentBytes: 100, maxAgeMs: 60 * MINUTE_MS, clock }
  const log = await SegmentLog.open(folder, options)
  await log.append(record('a'))
  await log.append(record('b'))
  await clock.advance(50 * MINUTE_MS)
  await log.append(record('c'))
  await log.append(record('d'))
  await log.close()
  const again = await SegmentLog.open(folder, options)
  await clock.advance(11 * MINUTE_MS)
  // Looking takes real time, and the next look is a minute behind it: in steps so small that nothing else gets old.
  while (again.expired < 2) await clock.advance(100)
  while (segmentsIn(folder) > 2) await setImmediate()
  while (again.records < 1) await setImmediate()
  t.equal(again.records, 1, 'the first that is young enough ends it')
  t.strictSame(await namesIn(again), ['c'])
  await again.close()
})

t.test('of a segment that holds old and young records the old ones are not read, and count one by one', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const clock = new TestClock()
  const options = { maxBytes: 2 ** 20, maxAgeMs: 60 * MINUTE_MS, clock }
  const log = await SegmentLog.open(folder, options)
  await Promise.all(['a', 'b'].map((name) => log.append(record(name))))
  await clock.advance(40 * MINUTE_MS)
  await log.append(record('c'))
  await clock.advance(21 * MINUTE_MS)
  t.equal(log.records, 3)
  t.strictSame(await namesIn(log), ['c'])
  t.match({ expired: log.expired, records: log.records }, { expired: 2, records: 1 })
  await log.close()
  const again = await SegmentLog.open(folder, options)
  t.strictSame(await namesIn(again), ['c'])
  t.equal(again.expired, 0, 'they were let go for good')
  await again.close()
})
