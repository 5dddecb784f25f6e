// The durable log on disks that are full or fail: real ones where they can be had, and injected failures.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Files, type OpenFile, realFiles } from './files.ts'
import { SegmentLog } from './segment-log.ts'

const options = { maxBytes: 2 ** 30, segmentBytes: 2 ** 19 }
const record = (id: number): Uint8Array[] => [Buffer.alloc(100_000, id)]

async function idsIn(log: SegmentLog): Promise<readonly number[]> {
  const ids: number[] = []
  for (let from = 0; ;) {
    const page = await log.read(from, 2 ** 20)
    if (page.records.length === 0) return ids
    for (const { bytes } of page.records) {
      if (bytes.length !== 100_000 || bytes.some((byte) => byte !== bytes[0])) throw new Error(`not what was appended: ${bytes[0]}`)
      ids.push(bytes[0] as number)
    }
    from = page.next
  }
}

/** What was acknowledged of records that are appended until one is refused, by position. */
async function fill(log: SegmentLog, firstId: number): Promise<{ readonly acknowledged: Map<number, number>; readonly refusal: unknown }> {
  const acknowledged = new Map<number, number>()
  for (let id = firstId; ; id++) {
    try {
      acknowledged.set(await log.append(record(id)), id)
    } catch (refusal) {
      return { acknowledged, refusal }
    }
  }
}

/** A disk of 4 MB: undefined where this process may not mount one. */
function tinyDisk(): { readonly folder: string; unmount(): void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tiny-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmdirSync(folder)
    return undefined
  }
  return {
    folder,
    unmount() {
      execFileSync('umount', [folder])
      rmdirSync(folder)
    },
  }
}

const disk = tinyDisk()
const skip = disk === undefined && 'this process may not mount a tmpfs'
if (disk !== undefined) t.teardown(() => disk.unmount())

t.test('a disk that is full refuses, loses nothing that was acknowledged, and goes on when it has room', { skip }, async (t) => {
  if (disk === undefined) return
  const ballast = join(disk.folder, 'ballast')
  writeFileSync(ballast, Buffer.alloc(2 ** 20))
  const folder = join(disk.folder, 'queue')
  const log = await SegmentLog.open(folder, options)
  const { acknowledged, refusal } = await fill(log, 0)
  t.match(refusal, { code: 'ENOSPC' })
  t.ok(acknowledged.size > 20, 'most of it held records')
  await t.rejects(log.append(record(200)), { code: 'ENOSPC' }, 'and again')
  t.strictSame(await idsIn(log), [...acknowledged.values()])

  rmSync(ballast)
  const more = await fill(log, 100)
  t.ok(more.acknowledged.size > 5, 'without a restart it takes more')
  for (const position of acknowledged.keys()) await log.release(position).catch(() => {})
  const evenMore = await fill(log, 150)
  t.ok(evenMore.acknowledged.size > 5, 'also where what made room is the releases')
  const expected = [...more.acknowledged.values(), ...evenMore.acknowledged.values()]
  t.strictSame(await idsIn(log), expected)
  await log.close()

  const again = await SegmentLog.open(folder, options)
  const found = await idsIn(again)
  t.strictSame(
    expected.filter((id) => !found.includes(id)),
    [],
    'and after a restart all of it is there',
  )
  t.equal(again.damaged, 0)
  await again.close()
})

/** Real files whose operations can be made to fail, and what was done to them. */
function failingFiles(fail: (operation: 'sync' | 'syncFolder' | 'remove' | 'create') => void): {
  readonly files: Files
  readonly syncs: OpenFile[]
} {
  const syncs: OpenFile[] = []
  const files: Files = {
    ...realFiles,
    async open(folder, name, how) {
      if (how === 'create') fail('create')
      const file = await realFiles.open(folder, name, how)
      const watched: OpenFile = {
        ...file,
        async sync() {
          syncs.push(watched)
          fail('sync')
          await file.sync()
        },
      }
      return watched
    },
    async syncFolder(folder) {
      fail('syncFolder')
      await realFiles.syncFolder(folder)
    },
    async remove(folder, name) {
      fail('remove')
      await realFiles.remove(folder, name)
    },
  }
  return { files, syncs }
}

const eio = (): Error => Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })

t.test('a sync that fails acknowledges nothing, and its descriptor is never synced again', async (t) => {
  const folder = join(t.testdir(), 'queue')
  let failures = 0
  const { files, syncs } = failingFiles((operation) => {
    if (operation === 'sync' && failures-- === 1) throw eio()
  })
  const log = await SegmentLog.open(folder, options, files)
  await log.append(record(1))
  failures = 1
  const refused = await Promise.allSettled([log.append(record(2)), log.append(record(3))])
  t.match(refused, [{ reason: { code: 'EIO' } }, { reason: { code: 'EIO' } }])
  await log.append(record(4))
  await log.append(record(5))
  t.strictSame(
    syncs.map((file) => syncs.indexOf(file)),
    [0, 0, 2, 2],
    'the first file was synced twice, the second time in vain; then another one',
  )
  const [first] = readdirSync(folder).filter((name) => name.endsWith('.segment'))
  t.equal(statSync(join(folder, first as string)).size, 128 + 32 + 100_000, 'what was refused is cut off')
  t.strictSame(await idsIn(log), [1, 4, 5])
  await log.close()
  const again = await SegmentLog.open(folder, options)
  t.strictSame(await idsIn(again), [1, 4, 5])
  await again.close()
})

for (const operation of ['create', 'syncFolder'] as const) {
  t.test(`a new segment whose ${operation} fails takes nothing, and the next one does`, async (t) => {
    let fails = false
    const { files } = failingFiles((what) => {
      if (fails && what === operation) throw eio()
    })
    const log = await SegmentLog.open(join(t.testdir(), 'queue'), options, files)
    fails = true
    for (let id = 0; id < 3; id++) await t.rejects(log.append(record(id)), { code: 'EIO' })
    fails = false
    await log.append(record(9))
    t.strictSame(await idsIn(log), [9])
    t.equal(log.bytes, 128 + 32 + 100_000)
    await log.close()
  })
}

t.test('a mark that cannot be synced rejects its release, and the next release marks both', async (t) => {
  const folder = join(t.testdir(), 'queue')
  let fails = false
  const { files } = failingFiles((what) => {
    if (fails && what === 'sync') throw eio()
  })
  const log = await SegmentLog.open(folder, options, files)
  const positions = [await log.append(record(1)), await log.append(record(2)), await log.append(record(3))] as const
  fails = true
  await t.rejects(log.release(positions[0]), { code: 'EIO' })
  fails = false
  await log.release(positions[1])
  await log.close()
  const again = await SegmentLog.open(folder, options)
  t.strictSame(await idsIn(again), [3])
  await again.close()
})

t.test('a segment that cannot be removed is, by the next run', async (t) => {
  const folder = join(t.testdir(), 'queue')
  const { files } = failingFiles((what) => {
    if (what === 'remove') throw eio()
  })
  const log = await SegmentLog.open(folder, { ...options, segmentBytes: 1000 }, files)
  await log.release(await log.append(record(1)))
  await log.append(record(2))
  await log.close()
  t.equal(readdirSync(folder).filter((name) => name.endsWith('.segment')).length, 2)
  const again = await SegmentLog.open(folder, options)
  t.strictSame(await idsIn(again), [2])
  await again.surveyed()
  await again.close()
  t.equal(readdirSync(folder).filter((name) => name.endsWith('.segment')).length, 1)
})

t.test('a block that cannot be read costs the record it lies in, while the log runs and when it is looked through', async (t) => {
  const folder = join(t.testdir(), 'queue')
  /** In the middle of the second record. */
  const badAt = 128 + 32 + 100_000 + 50_000
  let isBad = false
  const files: Files = {
    ...realFiles,
    async open(folder, name, how) {
      const file = await realFiles.open(folder, name, how)
      const read: OpenFile['read'] = async (offset, length) => {
        if (isBad && name.endsWith('.segment') && offset <= badAt && offset + length > badAt) throw eio()
        return file.read(offset, length)
      }
      return { ...file, read }
    },
  }
  const log = await SegmentLog.open(folder, options, files)
  for (const id of [1, 2, 3]) await log.append(record(id))
  t.strictSame(await idsIn(log), [1, 2, 3])
  isBad = true
  t.strictSame(await idsIn(log), [1, 3])
  t.equal(log.damaged, 1)
  await log.close()
  rmSync(join(folder, 'damaged'), { recursive: true })
  const again = await SegmentLog.open(folder, options, files)
  t.strictSame(await idsIn(again), [1, 3])
  t.equal(again.damaged, 1)
  await again.close()
})

t.test('a record that cannot be encrypted is refused, and the next ones are not', async (t) => {
  const log = await SegmentLog.open(join(t.testdir(), 'queue'), { ...options, key: new Uint8Array(32) })
  const impossible = { length: 100_000 } as unknown as Uint8Array
  await t.rejects(log.append([impossible]), { code: 'ERR_INVALID_ARG_TYPE' })
  await log.append(record(1))
  t.strictSame(await idsIn(log), [1])
  await log.close()
})
