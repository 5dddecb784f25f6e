// One file of the durable log and the marks beside it: what is written, what is acknowledged, what is still wanted. `segment-log.ts` calls it.

import { randomBytes } from 'node:crypto'
import type { Cipher } from './cipher.ts'
import type { Files, OpenFile } from './files.ts'
import { HEADER_BYTES, marksName, segmentName, writeMarks, writeSegmentHeader } from './format.ts'
import { Wanted } from './wanted.ts'

export class Segment {
  readonly base: number
  readonly salt: number
  /** Set where its records are encrypted. */
  readonly cipher: Cipher | undefined
  /** Bytes of the file that are acknowledged, or that an earlier run left. Nothing beyond is read. */
  bytes: number
  newestMs = 0
  /** Set where no more records are to be added. */
  retired = false
  /** What is not released. Undefined until somebody looked. */
  wanted: Wanted | undefined
  /** The names of all files of marks that are known, whoever wrote them. */
  readonly marks: string[] = []
  /** Set while it is written to. */
  #file: OpenFile | undefined
  #marksFile: OpenFile | undefined
  #marksBytes = 0
  #nextMarks = 0
  /** Whether the folder does not know the file of marks for certain. */
  #marksAreNew = false
  /** Released, with a mark that is not synced yet. */
  #unsynced: number[] = []
  /** Released, with a mark that could not be written or synced. */
  #unmarked: readonly number[] = []
  readonly #folder: string
  readonly #files: Files

  constructor(folder: string, files: Files, base: number, salt: number, bytes: number, cipher: Cipher | undefined) {
    this.#folder = folder
    this.#files = files
    this.base = base
    this.salt = salt
    this.cipher = cipher
    this.bytes = bytes
  }

  /** A new one, to write to. Nothing of it is synced before its first record is. */
  static async create(folder: string, files: Files, base: number, cipher: Cipher | undefined): Promise<Segment> {
    const segment = new Segment(folder, files, base, randomBytes(4).readUInt32LE(), 0, cipher)
    segment.wanted = new Wanted(base)
    segment.#file = await files.open(folder, segmentName(base), 'create')
    return segment
  }

  get open(): boolean {
    return this.#file !== undefined
  }

  /** A file of marks of an earlier run, or of somebody else: this run writes one of its own. */
  found(name: string, number: number): void {
    this.marks.push(name)
    this.#nextMarks = Math.max(this.#nextMarks, number + 1)
  }

  /** Where the next record's bytes go. */
  get end(): number {
    return Math.max(this.bytes, HEADER_BYTES)
  }

  /** Settles once `parts` survive a crash. Once it has rejected, the file is not written to again, and never synced. */
  async commit(parts: readonly Uint8Array[], end: number): Promise<void> {
    const file = this.#file
    if (file === undefined) throw new Error(`${segmentName(this.base)} is closed`)
    try {
      if (this.bytes === 0) {
        await file.write([writeSegmentHeader(this.base, this.salt, this.cipher?.mark), ...parts], 0)
        await file.sync()
        await this.#files.syncFolder(this.#folder)
      } else {
        await file.write(parts, this.bytes)
        await file.sync()
      }
      this.bytes = end
    } catch (error) {
      await this.#giveUp(file)
      throw error
    }
  }

  /** What was never acknowledged should not come back after a restart; where even that fails, it comes once more than it was asked for. */
  async #giveUp(file: OpenFile): Promise<void> {
    this.#file = undefined
    await file.truncate(this.bytes).catch(() => {})
    await file.close().catch(() => {})
    if (this.bytes === 0) await this.#files.remove(this.#folder, segmentName(this.base)).catch(() => {})
  }

  /** Writes down that these records are released: that outlives this process, and the machine once `syncMarks` has settled. */
  async mark(positions: readonly number[]): Promise<void> {
    const all = [...this.#unmarked, ...positions]
    try {
      if (this.#marksFile === undefined) {
        this.#marksFile = await this.#createMarks()
        this.#marksBytes = 0
        this.#marksAreNew = true
      }
      const bytes = writeMarks(all, this.salt)
      await this.#marksFile.write([bytes], this.#marksBytes)
      this.#marksBytes += bytes.length
      this.#unsynced.push(...all)
      this.#unmarked = []
    } catch (error) {
      await this.#giveUpMarks(all)
      throw error
    }
  }

  async syncMarks(): Promise<void> {
    if (this.#unsynced.length === 0) return
    try {
      await this.#marksFile?.sync()
      if (this.#marksAreNew) await this.#files.syncFolder(this.#folder)
      this.#marksAreNew = false
      this.#unsynced = []
    } catch (error) {
      await this.#giveUpMarks([])
      throw error
    }
  }

  /** The next marks begin a file anew, with those that this one may have lost. */
  async #giveUpMarks(unwritten: readonly number[]): Promise<void> {
    this.#unmarked = [...this.#unsynced, ...unwritten]
    this.#unsynced = []
    const file = this.#marksFile
    this.#marksFile = undefined
    await file?.close().catch(() => {})
  }

  /** A number that somebody else took is not tried again: whoever releases from outside makes such files, too, and `found` tells of them. */
  async #createMarks(): Promise<OpenFile> {
    for (;;) {
      const name = marksName(this.base, this.#nextMarks++)
      // Before it is there, or a look at the folder would take it for a stranger's.
      this.marks.push(name)
      try {
        return await this.#files.open(this.#folder, name, 'create')
      } catch (error) {
        this.marks.splice(this.marks.indexOf(name), 1)
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  }

  /** Stops writing: what is acknowledged stays readable. */
  async seal(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.wanted?.trim()
    await file?.close().catch(() => {})
  }

  async close(): Promise<void> {
    await this.seal()
    const file = this.#marksFile
    this.#marksFile = undefined
    await file?.close().catch(() => {})
  }

  /** The marks go last: a segment that came back without them would deliver everything again. */
  async remove(): Promise<void> {
    await this.close()
    await this.#files.remove(this.#folder, segmentName(this.base))
    await this.#files.syncFolder(this.#folder)
    for (const name of this.marks) await this.#files.remove(this.#folder, name)
  }

  /** Bytes of the file, acknowledged ones alone. What the disk cannot read is zeros, so that it costs the records it lies in and no others. */
  async read(from: number, length: number): Promise<Uint8Array> {
    const file = await this.#files.open(this.#folder, segmentName(this.base), 'read')
    try {
      return await file.read(from, length)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      return await readAround(file, from, length)
    } finally {
      await file.close().catch(() => {})
    }
  }
}

const BLOCK_BYTES = 4096

async function readAround(file: OpenFile, from: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let at = from; at < from + length;) {
    const end = Math.min(from + length, at - (at % BLOCK_BYTES) + BLOCK_BYTES)
    const block = await file.read(at, end - at).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      return undefined
    })
    if (block !== undefined) bytes.set(block, at - from)
    at = end
  }
  return bytes
}
