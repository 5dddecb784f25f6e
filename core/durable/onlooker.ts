// Looks at the folder of a durable log from outside, whoever owns it and while they write to it: the commands `deadletter` and `queue` do. It
// writes nothing but marks, each time in a file of its own, which the owner notices.

import { randomUUID } from 'node:crypto'
import { chown, link, open, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Position } from '../storage.ts'
import { realFiles as files } from './files.ts'
import {
  baseOfSegment,
  FORMAT_VERSION,
  HEADER_BYTES,
  marksName,
  marksOf,
  readMarks,
  readSegmentHeader,
  segmentName,
  writeMarks,
} from './format.ts'
import { cipherOf, newer } from './leftovers.ts'
import { beginningsIn, type Found, type Glance, recordAt, type SeenRecord, type Wanted, wholeRecordsIn } from './onlooker-segment.ts'
import { ownerOf } from './owner.ts'

export interface Summary {
  /** Of the segments, in bytes: released records are in them until all of a segment is. */
  readonly bytes: number
  readonly records: number
  readonly oldestMs: number | undefined
  readonly newestMs: number | undefined
  /** Runs of bytes in which records were. */
  readonly damaged: number
  /** At the end of the newest segment: a record that a crash cut off, or one that is being written. */
  readonly tornBytes: number
  /** Files in the folder `damaged`, where the owner puts what it found so. */
  readonly setAside: number
}

export class Onlooker {
  readonly folder: string
  readonly #key: Uint8Array | undefined

  /** `key` where the log is encrypted. */
  constructor(folder: string, key?: Uint8Array) {
    this.folder = folder
    this.#key = key
  }

  /** The pid of the process that has the folder. */
  owner(): Promise<number | undefined> {
    return ownerOf(this.folder)
  }

  /**
   * What is not released, oldest first; a segment at a time is in memory. Segments that go meanwhile are no error.
   * @throws Error where a newer version wrote it, or where it is encrypted and the key is not the one.
   */
  async *records(): AsyncGenerator<SeenRecord, void> {
    yield* this.#each(wholeRecordsIn, newGlance())
  }

  /** The record at a position; undefined where there is none, none any more, or a damaged one. */
  async record(position: Position): Promise<SeenRecord | undefined> {
    const base = (await this.#bases()).findLast((base) => base <= position)
    if (base === undefined) return undefined
    for await (const segment of this.#segment(base, newGlance())) return await recordAt(segment, position)
    return undefined
  }

  /**
   * Shows the beginning of each record that is not released, oldest first, as much of it as `wanted` asks for, and sums them up. The rest is
   * not read, so damage to it is not noticed, unless it is encrypted.
   */
  async look(wanted: Wanted, see: (record: SeenRecord) => void = () => {}): Promise<Summary> {
    const glance = newGlance()
    let [records, oldestMs, newestMs] = [0, undefined as number | undefined, undefined as number | undefined]
    for await (const record of this.#each((segment) => beginningsIn(segment, wanted), glance)) {
      records++
      oldestMs = Math.min(oldestMs ?? record.timeMs, record.timeMs)
      newestMs = Math.max(newestMs ?? record.timeMs, record.timeMs)
      see(record)
    }
    const setAside = (await unlessGone(readdir(join(this.folder, 'damaged')))) ?? []
    return { ...glance, records, oldestMs, newestMs, setAside: setAside.length }
  }

  /** Settles once it survives a crash that these records are released; the owner notices within seconds. Safe twice, and where they are gone. */
  async release(positions: readonly Position[]): Promise<void> {
    const bases = (await this.#bases()).toReversed()
    for (const [base, group] of Map.groupBy(positions, (position) => bases.find((base) => base <= position))) {
      if (base === undefined) continue
      for await (const { salt } of this.#segment(base, newGlance())) await this.#mark(base, writeMarks(group, salt))
    }
  }

  async *#each(read: (segment: Found) => AsyncIterable<SeenRecord>, glance: Glance): AsyncGenerator<SeenRecord, void> {
    for (const base of await this.#bases()) for await (const segment of this.#segment(base, glance)) yield* read(segment)
  }

  /** Yields once, while the file is open; not at all where it is gone, or has no header. */
  async *#segment(base: number, glance: Glance): AsyncGenerator<Found, void> {
    const name = segmentName(base)
    const file = await unlessGone(files.open(this.folder, name, 'read'))
    if (file === undefined) return
    try {
      const size = await unlessGone(files.size(this.folder, name))
      if (size === undefined) return
      glance.bytes += size
      const head = await file.read(0, HEADER_BYTES)
      const header = readSegmentHeader(head)
      if (header !== undefined && header.version > FORMAT_VERSION) throw newer(this.folder, name, header.version)
      if (header?.base === base) {
        const cipher = cipherOf(this.folder, header, this.#key)
        if (cipher instanceof Error) throw cipher
        yield { file, base, salt: header.salt, cipher, size, released: await this.#released(base, header.salt), glance }
      }
      // Before its first sync a segment has no header, and nothing in it is acknowledged.
      else if (head.length === HEADER_BYTES && head.some((byte) => byte !== 0)) glance.damaged++
    } finally {
      await file.close()
    }
  }

  async #bases(): Promise<number[]> {
    const bases = (await files.names(this.folder)).map(baseOfSegment)
    return bases.filter((base) => base !== undefined).sort((a, b) => a - b)
  }

  async #released(base: number, salt: number): Promise<ReadonlySet<Position>> {
    const released = new Set<Position>()
    for (const name of await files.names(this.folder)) {
      if (marksOf(name)?.base !== base) continue
      const file = await unlessGone(files.open(this.folder, name, 'read'))
      if (file === undefined) continue
      try {
        const size = (await unlessGone(files.size(this.folder, name))) ?? 0
        for (const position of readMarks(await file.read(0, size), salt)) released.add(position)
      } finally {
        await file.close()
      }
    }
    return released
  }

  /** The file gets its name once it is whole and synced: the owner reads it once. It belongs to whoever has the folder, who may not be us. */
  async #mark(base: number, marks: Uint8Array): Promise<void> {
    const draft = join(this.folder, `marks.${randomUUID()}`)
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(marks)
      await handle.sync()
      const { uid, gid } = await stat(this.folder)
      if (process.getuid?.() !== uid) await chown(draft, uid, gid)
      while (!(await linked(draft, join(this.folder, marksName(base, await this.#nextNumber(base))))));
      await files.syncFolder(this.folder)
    } finally {
      await handle.close()
      await unlink(draft)
    }
  }

  async #nextNumber(base: number): Promise<number> {
    const numbers = (await files.names(this.folder)).map(marksOf).filter((marks) => marks?.base === base)
    return Math.max(-1, ...numbers.map((marks) => marks?.number ?? 0)) + 1
  }
}

function newGlance(): Glance {
  return { bytes: 0, damaged: 0, tornBytes: 0 }
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Undefined where there is no such file or folder any more. */
async function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
