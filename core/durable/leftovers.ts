// What an earlier run left in the folder of a durable log: its segments, its marks, and what is damaged beyond reading. `segment-log.ts` calls it.

import { Cipher } from './cipher.ts'
import type { Files } from './files.ts'
import {
  baseOfSegment,
  FORMAT_VERSION,
  HEADER_BYTES,
  marksName,
  marksOf,
  readMarks,
  readSegmentHeader,
  type SegmentHeader,
  segmentName,
} from './format.ts'
import { Segment } from './segment.ts'
import { survey } from './survey.ts'

export interface Leftovers {
  readonly segments: Segment[]
  readonly nextBase: number
  readonly damaged: number
  readonly tornBytes: number
}

/**
 * More than any segment holds. What an earlier run cut off, because it was refused, can be back after a crash: it must not lie where this run's
 * records are. There are positions for four million restarts.
 */
const SPACING = 2 ** 31

/** Reads headers alone: how long it takes does not grow with what the segments hold. */
export async function findSegments(folder: string, files: Files, key?: Uint8Array): Promise<Leftovers> {
  const names = [...(await files.names(folder))].sort()
  const segments: Segment[] = []
  const locked = new Map<Segment, Error>()
  let [nextBase, damaged, tornBytes] = [0, 0, 0]
  for (const name of names) {
    const base = baseOfSegment(name)
    if (base === undefined) continue
    const size = await files.size(folder, name)
    const head = await readWhole(folder, files, name, Math.min(size, HEADER_BYTES))
    const header = readSegmentHeader(head)
    nextBase = base + SPACING
    if (header !== undefined && header.version > FORMAT_VERSION) throw newer(folder, name, header.version)
    if (header?.base === base) {
      const cipher = cipherOf(folder, header, key)
      const segment = new Segment(folder, files, base, header.salt, size, cipher instanceof Error ? undefined : cipher)
      segments.push(segment)
      if (cipher instanceof Error) locked.set(segment, cipher)
    } else if (head.every((byte) => byte === 0) || size < HEADER_BYTES) {
      // A crash before the first sync: nothing in it was acknowledged.
      tornBytes += size
      await files.remove(folder, name).catch(() => {})
    } else {
      if (await keep(folder, files, name, await readWhole(folder, files, name, size))) damaged++
      await files.remove(folder, name).catch(() => {})
    }
  }
  await matchMarks(folder, files, names, segments)
  // A queue that has run empty may get another key: its newest file is still there, and nothing in it is wanted.
  for (const [segment, error] of locked) if ((await wantedIn(folder, files, segment)).size > 0) throw error
  return { segments, nextBase, damaged, tornBytes }
}

/** What in a segment is not released. Needs no key. */
async function wantedIn(folder: string, files: Files, segment: Segment): Promise<ReadonlyMap<number, number>> {
  const { lengths } = survey(await segment.read(0, segment.bytes), segment.base, segment.salt)
  for (const position of await readReleased(folder, files, segment)) lengths.delete(position)
  return lengths
}

async function matchMarks(folder: string, files: Files, names: readonly string[], segments: readonly Segment[]): Promise<void> {
  const byBase = new Map(segments.map((segment) => [segment.base, segment]))
  const stale: string[] = []
  for (const name of names) {
    const marks = marksOf(name)
    if (marks === undefined || name !== marksName(marks.base, marks.number)) continue
    const segment = byBase.get(marks.base)
    if (segment === undefined) stale.push(name)
    else segment.found(name, marks.number)
  }
  if (stale.length > 0) await removeStale(folder, files, stale)
}

/**
 * Marks whose segment is gone are of no use, once it is gone for good: the run that removed it may have ended before it synced the folder, and
 * then a crash brings it back. What cannot be removed now is found by the next run.
 */
async function removeStale(folder: string, files: Files, marks: readonly string[]): Promise<void> {
  try {
    await files.syncFolder(folder)
    for (const name of marks) await files.remove(folder, name)
  } catch {
    // As above.
  }
}

/** An error rather than taking for damage what cannot be read. */
export function cipherOf(folder: string, { keyMark }: SegmentHeader, key: Uint8Array | undefined): Cipher | Error | undefined {
  if (keyMark === undefined) return undefined
  if (key === undefined) return new Error(`${folder} is encrypted, and no key is given: configure the one that it was written with`)
  return Cipher.of(key, keyMark) ?? new Error(`${folder} is encrypted with another key than the one that is given`)
}

export function newer(folder: string, name: string, version: number): Error {
  return new Error(
    `${folder}/${name} is of format version ${version}, made by a newer Millrace: this one reads versions up to ${FORMAT_VERSION}`,
  )
}

/** Files of marks that the segment does not know yet: somebody else releases what is in it. They appear whole. */
export async function findForeignMarks(folder: string, files: Files, segments: readonly Segment[]): Promise<Map<Segment, string[]>> {
  const byBase = new Map(segments.map((segment) => [segment.base, segment]))
  const found = new Map<Segment, string[]>()
  for (const name of await files.names(folder)) {
    const segment = byBase.get(marksOf(name)?.base ?? -1)
    if (segment === undefined || segment.marks.includes(name)) continue
    found.set(segment, [...(found.get(segment) ?? []), name])
  }
  return found
}

/** What the marks of a segment say: all that are known, or those with `names`. */
export async function readReleased(
  folder: string,
  files: Files,
  segment: Segment,
  names: readonly string[] = segment.marks,
): Promise<number[]> {
  const released: number[] = []
  for (const name of names) {
    const bytes = await wholeOrNone(folder, files, name)
    for (const position of readMarks(bytes, segment.salt)) released.push(position)
  }
  return released
}

/** Marks that somebody removed are none: their records come again. */
async function wholeOrNone(folder: string, files: Files, name: string): Promise<Uint8Array> {
  try {
    return await readWhole(folder, files, name, await files.size(folder, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0)
    throw error
  }
}

/** Keeps damaged bytes of a segment in a folder of their own; false where an earlier run has done so. */
export function setAside(folder: string, files: Files, segment: Segment, bytes: Uint8Array, position: number): Promise<boolean> {
  const from = position - segment.base
  return keep(folder, files, `${segmentName(segment.base)}.${segment.salt.toString(16)}.${from}-${from + bytes.length}`, bytes)
}

async function keep(folder: string, files: Files, name: string, bytes: Uint8Array): Promise<boolean> {
  const aside = `${folder}/damaged`
  await files.makeFolder(aside)
  if ((await files.names(aside)).includes(name)) return false
  // Where the disk takes no more, the records around the damaged ones are worth more than these bytes.
  const file = await files.open(aside, name, 'create').catch(() => undefined)
  if (file === undefined) return true
  try {
    await file.write([bytes], 0)
    await file.sync()
    await files.syncFolder(aside)
  } catch {
    // As above.
  } finally {
    await file.close().catch(() => {})
  }
  return true
}

async function readWhole(folder: string, files: Files, name: string, length: number): Promise<Uint8Array> {
  const file = await files.open(folder, name, 'read')
  try {
    return await file.read(0, length)
  } finally {
    await file.close().catch(() => {})
  }
}
