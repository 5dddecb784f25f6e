// What damage costs, on a real disk: counted to the record, set aside, and never more than it touched.

import { copyFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Position } from '../storage.ts'
import { SegmentLog } from './segment-log.ts'

const options = { maxBytes: 2 ** 20 }
const NAMES = ['aaaa', 'bbbb', 'cccc', 'dddd']
/** 32 bytes of header and four of payload. */
const RECORD_BYTES = 36
const HEADER_BYTES = 128

const filesOf = (folder: string, ending: string): readonly string[] => readdirSync(folder).filter((name) => name.endsWith(ending))

async function written(folder: string): Promise<{ readonly file: string; readonly positions: readonly Position[] }> {
  const log = await SegmentLog.open(folder, options)
  const positions = await Promise.all(NAMES.map((name) => log.append([Buffer.from(name)])))
  await log.close()
  return { file: join(folder, filesOf(folder, '.segment')[0] as string), positions }
}

async function namesIn(log: SegmentLog): Promise<readonly string[]> {
  const names: string[] = []
  for (let from = 0; ;) {
    const page = await log.read(from, 1)
    if (page.records.length === 0) return names
    names.push(...page.records.map(({ bytes }) => Buffer.from(bytes).toString()))
    from = page.next
  }
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(file, bytes)
}

t.test('each flipped byte is counted as the one record that it cost, also after another restart', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const { file } = await written(folder)
  const whole = `${folder}.whole`
  copyFileSync(file, whole)
  for (let at = 0; at < HEADER_BYTES + 4 * RECORD_BYTES; at++) {
    rmSync(join(folder, 'damaged'), { recursive: true, force: true })
    copyFileSync(whole, file)
    flip(file, at)
    const log = await SegmentLog.open(folder, options)
    await log.surveyed()
    const lost = Math.floor((at - HEADER_BYTES) / RECORD_BYTES)
    // The header of the last record: nothing behind it tells that it was ever whole.
    const isTail = lost === 3 && (at - HEADER_BYTES) % RECORD_BYTES < 32
    const expected = { damaged: lost < 0 || isTail ? 0 : 1, tornBytes: isTail ? RECORD_BYTES : 0, records: lost < 0 ? 4 : 3 }
    t.match({ damaged: log.damaged, tornBytes: log.tornBytes, records: log.records }, expected, `byte ${at}`)
    await log.close()
    const again = await SegmentLog.open(folder, options)
    t.equal((await namesIn(again)).length, expected.records)
    t.equal(again.damaged, 0, 'it was counted')
    await again.close()
  }
})

t.test('two damaged records with a whole one between them count as two', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const { file } = await written(folder)
  flip(file, HEADER_BYTES)
  flip(file, HEADER_BYTES + 2 * RECORD_BYTES + 33)
  const log = await SegmentLog.open(folder, options)
  t.strictSame(await namesIn(log), ['bbbb', 'dddd'])
  t.equal(log.damaged, 2)
  t.equal(filesOf(join(folder, 'damaged'), '').length, 2)
  await log.close()
})

t.test('a record that is damaged while the log runs is found when it is read, and set aside', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const log = await SegmentLog.open(folder, options)
  for (const name of NAMES) await log.append([Buffer.from(name)])
  const file = join(folder, filesOf(folder, '.segment')[0] as string)
  flip(file, HEADER_BYTES + 40)
  t.strictSame(await namesIn(log), ['aaaa', 'cccc', 'dddd'])
  t.match({ damaged: log.damaged, records: log.records }, { damaged: 1, records: 3 })
  for (let i = 0; i < 4; i++) flip(file, HEADER_BYTES + i * RECORD_BYTES + 10)
  t.strictSame(await namesIn(log), [], 'where nothing is left, a page is empty only at the end')
  t.match({ damaged: log.damaged, records: log.records }, { damaged: 4, records: 0 })
  await log.close()
})

t.test('a segment with both headers damaged is one thing that is damaged, and is kept whole', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const { file } = await written(folder)
  flip(file, 20)
  flip(file, 80)
  const bytes = readFileSync(file)
  const log = await SegmentLog.open(folder, options)
  t.strictSame(await namesIn(log), [])
  t.equal(log.damaged, 1)
  t.ok(readFileSync(join(folder, 'damaged', filesOf(join(folder, 'damaged'), '')[0] as string)).equals(bytes))
  await log.close()
})

t.test('cut off anywhere, it holds the records before the cut, counts the rest in bytes, and goes on', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const { file } = await written(folder)
  const whole = `${folder}.whole`
  copyFileSync(file, whole)
  for (let length = 0; length < HEADER_BYTES + 4 * RECORD_BYTES; length++) {
    for (const name of filesOf(folder, '.segment')) rmSync(join(folder, name))
    copyFileSync(whole, file)
    truncateSync(file, length)
    const log = await SegmentLog.open(folder, options)
    const left = Math.max(0, Math.floor((length - HEADER_BYTES) / RECORD_BYTES))
    t.strictSame(await namesIn(log), NAMES.slice(0, left), `${length} bytes`)
    const torn = length < 64 ? length : Math.max(0, length - HEADER_BYTES) % RECORD_BYTES
    t.match({ damaged: log.damaged, tornBytes: log.tornBytes }, { damaged: 0, tornBytes: torn })
    await log.append([Buffer.from('more')])
    await log.close()
    const again = await SegmentLog.open(folder, options)
    t.strictSame(await namesIn(again), [...NAMES.slice(0, left), 'more'])
    await again.close()
  }
})

t.test('of a file of marks, each flipped byte and each cut brings back no record but those that it marked', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const { positions } = await written(folder)
  const log = await SegmentLog.open(folder, options)
  await log.surveyed()
  await Promise.all([0, 1, 2].map((i) => log.release(positions[i] as Position)))
  await log.close()
  const marks = join(folder, filesOf(folder, '.released')[0] as string)
  const whole = readFileSync(marks)
  t.equal(whole.length, 3 * 16)
  for (let at = 0; at < whole.length; at++) {
    writeFileSync(marks, whole)
    flip(marks, at)
    const flipped = await SegmentLog.open(folder, options)
    const back = NAMES.filter((_, i) => i === 3 || (i === Math.floor(at / 16) && at % 16 < 12))
    t.strictSame(await namesIn(flipped), back, `byte ${at}`)
    t.equal(flipped.damaged, 0, 'nothing was lost')
    await flipped.close()
    writeFileSync(marks, whole.subarray(0, at))
    const cut = await SegmentLog.open(folder, options)
    t.strictSame(await namesIn(cut), NAMES.slice(Math.floor(at / 16)), `cut at ${at}`)
    await cut.close()
  }
})

t.test('a segment that somebody removed takes its own records with it, and no others', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const small = { ...options, segmentBytes: 100 }
  const log = await SegmentLog.open(folder, small)
  const positions: Position[] = []
  for (const name of NAMES) positions.push(await log.append([Buffer.from(name)]))
  await log.release(positions[1] as Position)
  await log.append([Buffer.from('eeee')])
  await log.close()
  const segments = filesOf(folder, '.segment')
  t.equal(segments.length, 4, 'one each, without the one that was released')
  rmSync(join(folder, segments[1] as string))
  const again = await SegmentLog.open(folder, small)
  t.strictSame(await namesIn(again), ['aaaa', 'dddd', 'eeee'])
  rmSync(join(folder, segments[2] as string))
  t.strictSame(await namesIn(again), ['aaaa', 'eeee'], 'also while the log runs')
  t.equal(again.damaged, 1, 'where it is noticed')
  await again.close()
})
