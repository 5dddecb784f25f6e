// Looking at a log from outside: while its owner writes, after it is gone, and where it is damaged.

import { chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { TestClock } from '../testing/test-clock.ts'
import { Onlooker } from './onlooker.ts'
import { SegmentLog } from './segment-log.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
async function textsOf(onlooker: Onlooker): Promise<string[]> {
  const texts: string[] = []
  for await (const { bytes } of onlooker.records()) texts.push(text(bytes))
  return texts
}
/** A log of small segments with the records r0, r1, …, each `size` bytes long. */
async function make(t: Test, count: number, size = 2, clock = new TestClock()) {
  const folder = join(t.testdir(), 'log')
  const log = await SegmentLog.open(folder, { maxBytes: 1 << 24, segmentBytes: 400, clock, marksDelayMs: 0 })
  const positions: number[] = []
  for (let i = 0; i < count; i++) positions.push(await log.append([Buffer.from(`r${i}`.padEnd(size))]))
  return { folder, log, positions, onlooker: new Onlooker(folder), clock }
}
const first = (folder: string, ending: string): string =>
  join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(ending))!,
  )

t.test('sees what is not released, oldest first, while the owner runs and when it does not', async (t) => {
  const { folder, log, positions, onlooker } = await make(t, 30)
  t.ok(readdirSync(folder).length > 3, 'in several segments')
  await log.release(positions[1]!)
  const all = Array.from({ length: 30 }, (_, i) => `r${i}`).filter((name) => name !== 'r1')
  t.same(await textsOf(onlooker), all)
  t.equal(await onlooker.owner(), process.pid)
  await log.close()
  t.same(await textsOf(onlooker), all)
  t.equal(await onlooker.owner(), undefined)
  const seen: number[] = []
  for await (const { position } of onlooker.records()) seen.push(position)
  t.same(
    seen,
    positions.filter((_, i) => i !== 1),
    'by the names that the owner knows',
  )
})

t.test('finds a record by its position, and as much of it as is wanted', async (t) => {
  const { log, onlooker, positions } = await make(t, 5, 3000)
  const record = await onlooker.record(positions[3]!)
  t.same([record!.position, record!.length, text(record!.bytes).trim()], [positions[3], 3000, 'r3'])
  for (const none of [positions[3]! + 1, 0, 1e9]) t.equal(await onlooker.record(none), undefined)
  await onlooker.release([positions[3]!])
  t.equal(await onlooker.record(positions[3]!), undefined)
  const lengths: number[] = []
  await onlooker.look(
    (beginning) => (text(beginning).startsWith('r1') ? 2000 : 2),
    ({ bytes }) => lengths.push(bytes.length),
  )
  t.same(lengths, [2, 2000, 2, 2])
  await log.close()
})

t.test('what it releases the owner notices, and so does the next run', async (t) => {
  const { log, positions, onlooker, folder } = await make(t, 30)
  await onlooker.release([positions[0]!, positions[29]!, positions[15]!])
  t.equal((await textsOf(onlooker)).length, 27)
  await log.release(positions[2]!)
  await onlooker.release([positions[3]!])
  t.same(await log.noticeReleased(), [positions[0], positions[3], positions[15], positions[29]])
  await onlooker.release(positions)
  t.equal((await log.noticeReleased()).length, 25)
  t.equal(log.records, 0)
  await log.close()
  t.equal(readdirSync(folder).filter((name) => name.startsWith('marks.')).length, 0, 'no draft stays')

  await onlooker.release(positions)
  const again = await SegmentLog.open(folder, { maxBytes: 1 << 24 })
  t.same((await again.read(0, 1e6)).records, [])
  await again.close()
})

t.test('sums up without reading all, large records and small ones', async (t) => {
  for (const size of [10, 20_000]) {
    const clock = new TestClock()
    const { log, positions, onlooker, folder } = await make(t, 20, size, clock)
    await clock.advance(5000)
    await log.append([Buffer.from('r20'.padEnd(size))])
    await log.release(positions[0]!)
    const seen: string[] = []
    const summary = await onlooker.look(
      () => 4,
      ({ bytes, length }) => seen.push(`${text(bytes).trim()} ${length}`),
    )
    t.same(
      seen,
      Array.from({ length: 20 }, (_, i) => `r${i + 1} ${size}`),
    )
    const start = Date.UTC(2026, 0, 1)
    const segments = readdirSync(folder).filter((name) => name.endsWith('.segment'))
    const bytes = segments.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    t.same(summary, { bytes, records: 20, oldestMs: start, newestMs: start + 5000, damaged: 0, tornBytes: 0, setAside: 0 })
    await log.close()
  }
})

t.test('damage costs the records it lies in, and a torn end is no damage', async (t) => {
  const { log, onlooker, folder, positions } = await make(t, 5)
  await log.close()
  const file = first(folder, '.segment')
  const bytes = readFileSync(file)
  bytes[positions[1]! + 8]! ^= 1
  writeFileSync(file, bytes.subarray(0, positions[4]! + 10))
  const seen: string[] = []
  t.match(
    await onlooker.look(
      () => 10,
      (record) => seen.push(text(record.bytes)),
    ),
    { records: 3, damaged: 1, tornBytes: 10 },
  )
  t.same(seen, ['r0', 'r2', 'r3'])
  t.same(await textsOf(onlooker), seen)

  bytes.fill(7, 0, 128)
  writeFileSync(file, bytes)
  t.match(await onlooker.look(() => 10), { records: 0, damaged: 1 }, 'a segment without a header')
})

t.test('with the key it sees an encrypted log as any other; without it says what is missing', async (t) => {
  const folder = join(t.testdir(), 'log')
  const key = Buffer.alloc(32, 7)
  const log = await SegmentLog.open(folder, { maxBytes: 1 << 24, key })
  const positions = [await log.append([Buffer.from('r0')]), await log.append([Buffer.from('r1')]), await log.append([Buffer.from('r2')])]
  const onlooker = new Onlooker(folder, key)
  t.same(await textsOf(onlooker), ['r0', 'r1', 'r2'])
  t.equal(text((await onlooker.record(positions[1]!))!.bytes), 'r1')
  const seen: string[] = []
  t.match(
    await onlooker.look(
      () => 1,
      ({ bytes, length }) => seen.push(`${text(bytes)} ${length}`),
    ),
    { records: 3, damaged: 0 },
  )
  t.same(seen, ['r 2', 'r 2', 'r 2'])
  await onlooker.release([positions[1]!])
  t.same(await log.noticeReleased(), [positions[1]])
  await log.close()
  t.same(await textsOf(onlooker), ['r0', 'r2'])
  await t.rejects(textsOf(new Onlooker(folder)), { message: /is encrypted, and no key is given/ })
  await t.rejects(textsOf(new Onlooker(folder, Buffer.alloc(32, 8))), { message: /encrypted with another key/ })
})

t.test('a segment that goes while somebody looks is no error', async (t) => {
  const { log, positions, onlooker } = await make(t, 30)
  const seen: string[] = []
  for await (const { bytes } of onlooker.records()) {
    if (seen.length === 0) for (const position of positions) await log.release(position)
    seen.push(text(bytes))
  }
  t.ok(seen.length < 30)
  await onlooker.release(positions)
  await log.close()
})

t.test('what a newer version wrote is refused by name, and a missing folder is told', async (t) => {
  const { log, onlooker, folder } = await make(t, 1)
  await log.close()
  const file = first(folder, '.segment')
  const { crc32c } = await import('./crc32c.ts')
  const bytes = readFileSync(file)
  bytes.writeUInt32LE(99, 8)
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 60)), 60)
  writeFileSync(file, bytes)
  await t.rejects(textsOf(onlooker), { message: /format version 99, made by a newer Millrace/ })
  await t.rejects(textsOf(new Onlooker(`${folder}.none`)), { code: 'ENOENT' })
})

t.test(
  'marks belong to whoever has the folder, also where another user makes them',
  { skip: process.getuid?.() !== 0 && 'only root can' },
  async (t) => {
    const { log, positions, onlooker, folder } = await make(t, 1)
    chownSync(folder, 65534, 65534)
    await onlooker.release(positions)
    t.equal(statSync(first(folder, '.released')).uid, 65534)
    await log.close()
  },
)
