import { spawn, type SpawnOptionsWithStdioTuple } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { crc32c } from './crc32c.ts'
import { FullError } from '../storage.ts'
import { TestClock } from '../testing/test-clock.ts'
import { MARK_BYTES, writeMarks } from './format.ts'
import { type Files, realFiles } from './files.ts'
import { SegmentLog } from './segment-log.ts'

const options = { maxBytes: 2 ** 20 }
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const record = (text: string): Uint8Array[] => [Buffer.from(text)]
/** A child that reads its input ends with this process, however that ends. One that had our stderr would keep the runner waiting for it. */
const UNTIL_WE_END: SpawnOptionsWithStdioTuple<'pipe', 'pipe', 'ignore'> = { stdio: ['pipe', 'pipe', 'ignore'] }

t.test('on a real disk, what was appended and not released is there after a restart, oldest first', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  const positions = await Promise.all(['a', 'b', 'c', 'd'].map((text) => log.append(record(text))))
  t.equal(log.records, 4)
  await log.release(positions[1] as number)
  await log.close()
  await t.rejects(log.append(record('e')), { message: /is closed/ })

  const again = await SegmentLog.open(folder, options)
  const page = await again.read(0, 1000)
  t.strictSame(
    page.records.map(({ bytes }) => text(bytes)),
    ['a', 'c', 'd'],
  )
  t.strictSame(await again.read(page.next, 1000), { records: [], next: page.next })
  await again.append([Buffer.from('in '), Buffer.from('parts')])
  t.equal(text((await again.read(page.next, 1)).records[0]?.bytes as Uint8Array), 'in parts')
  for (const { position } of page.records) await again.release(position)
  await again.close()
  t.equal(readdirSync(folder).filter((name) => name.endsWith('.segment')).length, 1, 'a segment that nobody wants is removed')
  t.notOk(readdirSync(folder).some((name) => name.endsWith('.released')))
})

t.test('a log that is full refuses, and takes again what there is room for', async (t) => {
  const log = await SegmentLog.open(join(t.testdir(), 'queue'), { maxBytes: 4000 })
  const first = await log.append([Buffer.alloc(2000)])
  await t.rejects(log.append([Buffer.alloc(2000)]), FullError)
  await log.release(first)
  while (log.bytes > 0) await setImmediate()
  await log.append([Buffer.alloc(2000)])
  await log.close()
})

t.test('a folder has one owner: the second is told its pid', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  await t.rejects(SegmentLog.open(folder, options), { message: new RegExp(`in use by the process with pid ${process.pid}`) })
  await log.close()
  await (await SegmentLog.open(folder, options)).close()
})

t.test('a process that was killed keeps neither the folder nor what it had acknowledged', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const script = `
    const { SegmentLog } = await import(${JSON.stringify(new URL('segment-log.ts', import.meta.url).href)})
    const log = await SegmentLog.open(${JSON.stringify(folder)}, { maxBytes: 2 ** 20 })
    await log.append([Buffer.from('acknowledged')])
    console.log('acknowledged')
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], UNTIL_WE_END)
  await once(child.stdout, 'readable')
  await t.rejects(SegmentLog.open(folder, options), { message: new RegExp(`pid ${child.pid}`) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const log = await SegmentLog.open(folder, options)
  t.equal(text((await log.read(0, 1000)).records[0]?.bytes as Uint8Array), 'acknowledged')
  await log.close()
})

t.test('what a newer version wrote is refused by name', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  await log.append(record('a'))
  await log.close()
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.segment')) as string)
  const bytes = readFileSync(file)
  bytes.writeUInt32LE(3, 8)
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 60)), 60)
  writeFileSync(file, bytes)
  await t.rejects(SegmentLog.open(folder, options), { message: /\.segment is of format version 3, made by a newer Millrace/ })
})

t.test('each flipped byte of a log costs no other record than its own', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  await Promise.all(['aaaa', 'bbbb', 'cccc'].map((text) => log.append(record(text))))
  await log.close()
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.segment')) as string)
  const whole = readFileSync(file)
  for (let i = 0; i < whole.length; i++) {
    const bytes = Buffer.from(whole)
    bytes[i] = (bytes[i] as number) ^ 1
    writeFileSync(file, bytes)
    const damaged = await SegmentLog.open(folder, options)
    const records = (await damaged.read(0, 1000)).records.map(({ bytes }) => text(bytes))
    // The header stands twice; a record is 32 bytes of header and 4 of payload.
    const lost = i < 128 ? -1 : Math.floor((i - 128) / 36)
    t.strictSame(
      records,
      ['aaaa', 'bbbb', 'cccc'].filter((_, index) => index !== lost),
      `byte ${i}`,
    )
    await damaged.close()
  }
  t.not(readdirSync(join(folder, 'damaged')).length, 0, 'they are set aside')
})

t.test('what somebody else released is noticed, and takes no number from the owner', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  const positions = await Promise.all(['a', 'b', 'c', 'd'].map((text) => log.append(record(text))))
  t.strictSame(await log.noticeReleased(), [])
  const segment = readdirSync(folder).find((name) => name.endsWith('.segment')) as string
  const salt = readFileSync(join(folder, segment)).readUInt32LE(24)
  const marks = (number: number): string => join(folder, segment.replace('segment', `${number}.released`))
  writeFileSync(marks(0), writeMarks([positions[1] as number], salt))
  t.strictSame(await log.noticeReleased(), [positions[1]])
  t.strictSame(await log.noticeReleased(), [], 'once')
  writeFileSync(marks(1), writeMarks([positions[2] as number], salt))
  await log.release(positions[0] as number)
  t.strictSame(await log.noticeReleased(), [positions[2]], 'also where both wanted the same name')
  t.equal(log.records, 1)
  await log.close()

  const again = await SegmentLog.open(folder, options)
  writeFileSync(marks(7), writeMarks([positions[3] as number], salt))
  t.strictSame(await again.noticeReleased(), [], 'nobody has looked through the segment yet')
  t.strictSame((await again.read(0, 1000)).records, [])
  await again.close()
})

t.test('a segment that is released and removed while it is being read is passed over', async (t) => {
  const folder = join(t.testdir(), 'queue')
  let beforeReading = async (): Promise<void> => {}
  const files: Files = {
    ...realFiles,
    async open(folder, name, how) {
      if (how === 'read') await beforeReading()
      return realFiles.open(folder, name, how)
    },
  }
  const log = await SegmentLog.open(folder, { ...options, segmentBytes: 100 }, files)
  const first = await log.append(record('a'))
  await log.append(record('b'))
  beforeReading = async () => {
    beforeReading = async () => {}
    await log.release(first)
    while (readdirSync(folder).filter((name) => name.endsWith('.segment')).length === 2) await setImmediate()
  }
  const { records } = await log.read(0, 1000)
  t.strictSame(
    records.map(({ bytes }) => text(bytes)),
    ['b'],
  )
  t.equal(log.damaged, 0, 'and nothing was lost')
  await log.close()
})

/** Counts the syncs of files. */
function counting(): { readonly files: Files; readonly syncs: () => number } {
  let syncs = 0
  const open: Files['open'] = async (folder, name, how) => {
    const file = await realFiles.open(folder, name, how)
    return {
      ...file,
      sync: () => {
        syncs++
        return file.sync()
      },
    }
  }
  return { files: { ...realFiles, open }, syncs: () => syncs }
}

t.test('releases share a sync, and have settled when it is done', async (t) => {
  const clock = new TestClock()
  const { files, syncs } = counting()
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, { ...options, clock, marksDelayMs: 100 }, files)
  const positions = await Promise.all(Array.from({ length: 60 }, (_, i) => log.append(record(String(i)))))
  const before = syncs()
  const settled: number[] = []
  for (const [i, position] of positions.slice(0, 50).entries()) {
    void log.release(position).then(() => settled.push(i))
    await setImmediate()
  }
  t.same([syncs() - before, settled], [0, []])
  // All marks are in the file, or those that a slow disk is still writing would wait for the time after this one.
  const marks = (): string => readdirSync(folder).find((name) => name.endsWith('.released')) ?? '.'
  while (marks() === '.' || statSync(join(folder, marks())).size < 50 * MARK_BYTES) await setImmediate()
  while (settled.length < 50) await clock.advance(100)
  t.equal(syncs() - before, 1)
  void log.release(positions[50] as number).then(() => settled.push(50))
  await log.close()
  t.equal(settled.at(-1), 50, 'closing does not wait for the time')
})

t.test('a release outlives kill -9, also where it is not synced yet', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const script = `
    const { SegmentLog } = await import(${JSON.stringify(new URL('segment-log.ts', import.meta.url).href)})
    const log = await SegmentLog.open(${JSON.stringify(folder)}, { maxBytes: 2 ** 20, marksDelayMs: 1e6 })
    const [a, b] = await Promise.all(['a', 'b'].map((text) => log.append([Buffer.from(text)])))
    void log.release(a)
    const { readdirSync, statSync } = await import('node:fs')
    const marks = () => readdirSync(${JSON.stringify(folder)}).find((name) => name.endsWith('.released'))
    while (marks() === undefined || statSync(${JSON.stringify(folder)} + '/' + marks()).size === 0) await new Promise(setImmediate)
    console.log('released')
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], UNTIL_WE_END)
  await once(child.stdout, 'readable')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const log = await SegmentLog.open(folder, options)
  t.same(
    (await log.read(0, 1000)).records.map(({ bytes }) => text(bytes)),
    ['b'],
  )
  await log.close()
})

t.test('what is written to a file that somebody has removed is not acknowledged', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  await log.append(record('a'))
  rmSync(
    join(
      folder,
      readdirSync(folder).find((name) => name.endsWith('.segment'))!,
    ),
  )
  await t.rejects(log.append(record('b')), { message: /\.segment was removed by somebody else/ })
  await log.append(record('c'))
  t.equal(text((await log.read(0, 1000)).records[0]?.bytes as Uint8Array), 'c', 'the next one has a file of its own')
  rmSync(folder, { recursive: true })
  await t.rejects(log.append(record('d')), { message: /was removed/ })
  await t.rejects(log.append(record('e')), { code: 'ENOENT' })
  await log.close()
})
