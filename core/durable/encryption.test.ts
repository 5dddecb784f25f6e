// What a key does to the durable log, seen from its files.

import { createDecipheriv, hkdfSync } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Position } from '../storage.ts'
import { crc32c } from './crc32c.ts'
import { readRecordHeader, readSegmentHeader, writeRecordHeader } from './format.ts'
import { Onlooker } from './onlooker.ts'
import { SegmentLog } from './segment-log.ts'

const key = new Uint8Array(32).fill(7)
const options = { maxBytes: 2 ** 20, key }
const NAMES = ['secret-a', 'secret-b', 'secret-c']
const RECORD_BYTES = 32 + 12 + 8 + 16
const HEADER_BYTES = 128

const segmentOf = (folder: string): string => join(folder, readdirSync(folder).find((name) => name.endsWith('.segment')) as string)

async function written(folder: string, key?: Uint8Array): Promise<readonly Position[]> {
  const log = await SegmentLog.open(folder, { maxBytes: 2 ** 20, ...(key && { key }) })
  const positions = await Promise.all(NAMES.map((name) => log.append([Buffer.from(name.slice(0, 3)), Buffer.from(name.slice(3))])))
  await log.close()
  return positions
}

async function namesIn(log: SegmentLog): Promise<readonly string[]> {
  const names: string[] = []
  for (let from = 0; ;) {
    const page = await log.read(from, 2 ** 20)
    if (page.records.length === 0) return names
    names.push(...page.records.map(({ bytes }) => Buffer.from(bytes).toString()))
    from = page.next
  }
}

t.test('with a key nothing of a record is in the file, and all of it after a restart', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const positions = await written(folder, key)
  t.notOk(readFileSync(segmentOf(folder)).includes('secret'))
  const log = await SegmentLog.open(folder, options)
  t.strictSame(await namesIn(log), NAMES)
  await log.release(positions[0] as Position)
  await log.append([Buffer.from('secret-d')])
  t.strictSame(await namesIn(log), ['secret-b', 'secret-c', 'secret-d'])
  await log.close()
})

t.test('the file is what README.md says', async (t) => {
  const folder = join(t.testdir(), 'queue')
  await written(folder, key)
  const file = readFileSync(segmentOf(folder))
  t.equal(file.length, HEADER_BYTES + 3 * RECORD_BYTES)
  t.equal(file.readUInt32LE(8), 2)
  const made = Buffer.from(hkdfSync('sha256', key, file.subarray(28, 44), 'millrace segment', 48))
  t.ok(made.subarray(32).equals(file.subarray(44, 60)), 'the check')
  for (const [i, name] of NAMES.entries()) {
    const record = file.subarray(HEADER_BYTES + i * RECORD_BYTES, HEADER_BYTES + (i + 1) * RECORD_BYTES)
    t.equal(record.readUInt32LE(4), RECORD_BYTES - 32)
    const decipher = createDecipheriv('aes-256-gcm', made.subarray(0, 32), record.subarray(32, 44))
    decipher.setAAD(record.subarray(0, 24)).setAuthTag(record.subarray(-16))
    t.equal(Buffer.concat([decipher.update(record.subarray(44, -16)), decipher.final()]).toString(), name)
  }
})

t.test('without its key, or with another, a folder is refused by name, and nothing in it is touched', async (t) => {
  const folder = join(t.testdir(), 'queue')
  await written(folder, key)
  const before = readFileSync(segmentOf(folder))
  await t.rejects(SegmentLog.open(folder, { maxBytes: 2 ** 20 }), {
    message: `${folder} is encrypted, and no key is given: configure the one that it was written with`,
  })
  await t.rejects(SegmentLog.open(folder, { ...options, key: new Uint8Array(32).fill(8) }), {
    message: `${folder} is encrypted with another key than the one that is given`,
  })
  await t.rejects(SegmentLog.open(folder, { ...options, key: new Uint8Array(16) }), {
    message: `a key of 16 bytes for ${folder}: it takes one of 32`,
  })
  await t.rejects(
    new Onlooker(folder).look(() => 10),
    { message: /is encrypted, and no key is given/ },
  )
  t.ok(readFileSync(segmentOf(folder)).equals(before))
  const log = await SegmentLog.open(folder, options)
  t.strictSame(await namesIn(log), NAMES)
  t.equal(log.damaged, 0)
  await log.close()
})

t.test('what was written before there was a key is read, and what comes then is encrypted', async (t) => {
  const folder = join(t.testdir(), 'queue')
  await written(folder)
  const log = await SegmentLog.open(folder, options)
  await log.append([Buffer.from('secret-d')])
  t.strictSame(await namesIn(log), [...NAMES, 'secret-d'])
  await log.close()
  const versions = readdirSync(folder).filter((name) => name.endsWith('.segment'))
  t.strictSame(
    versions.map((name) => readSegmentHeader(readFileSync(join(folder, name)))?.version),
    [1, 2],
  )
})

t.test('a record that was changed on purpose, checksums and all, or moved, is damaged', async (t) => {
  const folder = join(t.testdir(), 'queue')
  await written(folder, key)
  const file = segmentOf(folder)
  const bytes = readFileSync(file)
  const salt = readSegmentHeader(bytes)?.salt as number
  const forge = (at: number, payload: Uint8Array): void => {
    const header = readRecordHeader(bytes, at, at, salt)
    if (header === undefined) throw new Error('no record there')
    bytes.set(writeRecordHeader({ ...header, payloadCrc: crc32c(payload) }, salt), at)
    bytes.set(payload, at + 32)
  }
  const payloadAt = (at: number): Buffer => Buffer.from(bytes.subarray(at + 32, at + RECORD_BYTES))
  const changed = payloadAt(HEADER_BYTES)
  changed[20] = (changed[20] as number) ^ 1
  forge(HEADER_BYTES, changed)
  forge(HEADER_BYTES + RECORD_BYTES, payloadAt(HEADER_BYTES + 2 * RECORD_BYTES))
  writeFileSync(file, bytes)
  const log = await SegmentLog.open(folder, options)
  t.strictSame(await namesIn(log), ['secret-c'])
  t.equal(log.damaged, 2)
  await log.close()
})

t.test('a log that has run empty takes another key, or none', async (t) => {
  const folder = join(t.testdir(), 'queue')
  for (const next of [key, new Uint8Array(32).fill(8), undefined, key]) {
    const log = await SegmentLog.open(folder, { maxBytes: 2 ** 20, ...(next && { key: next }) })
    t.same((await log.read(0, 1000)).records, [])
    t.equal(log.damaged, 0)
    await log.release(await log.append([Buffer.from('somebody')]))
    await log.close()
  }
})
