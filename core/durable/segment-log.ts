// The durable log: records that survive a crash once `append` has settled, until they are released. Queues on disk stand on it.

import { type Clock, systemClock } from '../clock.ts'
import { type DurableLog, FullError, type Page, type Position } from '../storage.ts'
import { KEY_BYTES } from './cipher.ts'
import { Expiry } from './expiry.ts'
import { type Files, realFiles } from './files.ts'
import { marksOf, RECORD_HEADER_BYTES } from './format.ts'
import { findForeignMarks, findSegments, readReleased, setAside } from './leftovers.ts'
import { readPage } from './page.ts'
import type { Segment } from './segment.ts'
import { survey } from './survey.ts'
import { Wanted } from './wanted.ts'
import { Writer } from './writer.ts'

export interface SegmentLogOptions {
  /** Files of the log together; `append` rejects with a FullError rather than go past it. */
  readonly maxBytes: number
  /** A segment is closed when it has grown to this. At most a quarter of `maxBytes` and 512 MiB; 16 MiB without it. */
  readonly segmentBytes?: number
  /**
   * Records that are older by the wall clock are not read any more, and counted as expired; their room comes back when all of their segment is as
   * old, or released. Without it, never.
   */
  readonly maxAgeMs?: number
  readonly clock?: Clock
  /** How long a release may wait for others to be synced with, in milliseconds; 100 without it. */
  readonly marksDelayMs?: number
  /** 32 bytes: new segments are encrypted with it, AES-256-GCM. Segments without encryption are read all the same. */
  readonly key?: Uint8Array
  /** Told of what is found damaged, in records or runs of bytes, or cut off, in bytes, as `read` comes to it. What `open` finds it is not told of. */
  readonly harmed?: (damaged: number, tornBytes: number) => void
}

/** Smaller segments would cost more in files than they hold. */
const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024
const DEFAULT_MARKS_DELAY_MS = 100
/** Node reads and writes less than 2 GiB at once: a segment that is nearly full, and a record. */
const LARGEST_BYTES = 2 ** 29

export class SegmentLog implements DurableLog {
  readonly #folder: string
  readonly #files: Files
  readonly #maxBytes: number
  readonly #expiry: Expiry
  readonly #disown: () => Promise<void>
  readonly #harmed: (damaged: number, tornBytes: number) => void
  /** Oldest first; the last may be written to. */
  readonly #segments: Segment[]
  readonly #writer: Writer
  readonly #surveys = new Map<Segment, Promise<void>>()
  #closed = false
  #damaged = 0
  #tornBytes = 0

  private constructor(
    folder: string,
    options: SegmentLogOptions,
    files: Files,
    disown: () => Promise<void>,
    found: Awaited<ReturnType<typeof findSegments>>,
  ) {
    this.#folder = folder
    this.#files = files
    this.#maxBytes = options.maxBytes
    this.#disown = disown
    this.#harmed = options.harmed ?? (() => {})
    this.#segments = found.segments
    const segmentBytes = Math.min(options.segmentBytes ?? DEFAULT_SEGMENT_BYTES, options.maxBytes / 4, LARGEST_BYTES)
    const { clock = systemClock, maxAgeMs = Infinity, marksDelayMs = DEFAULT_MARKS_DELAY_MS, key } = options
    this.#writer = new Writer({ folder, files, segmentBytes, clock, key, marksDelayMs }, found.segments, found.nextBase)
    const survey = (segment: Segment): Promise<void> => this.#survey(segment)
    this.#expiry = new Expiry({ maxAgeMs, clock, survey, wake: () => this.#writer.wake() }, found.segments)
    this.#damaged = found.damaged
    this.#tornBytes = found.tornBytes
  }

  /** Rejects where another process has the folder, where a newer version wrote what is in it, and where it is encrypted and `key` is not its key. */
  static async open(folder: string, options: SegmentLogOptions, files: Files = realFiles): Promise<SegmentLog> {
    if (options.key !== undefined && options.key.length !== KEY_BYTES) {
      throw new RangeError(`a key of ${options.key.length} bytes for ${folder}: it takes one of ${KEY_BYTES}`)
    }
    await files.makeFolder(folder)
    const disown = await files.own(folder)
    try {
      return new SegmentLog(folder, options, files, disown, await findSegments(folder, files, options.key))
    } catch (error) {
      await disown()
      throw error
    }
  }

  get maxBytes(): number {
    return this.#maxBytes
  }
  /** Bytes of all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }
  /** Records that are not released, in the segments that were looked through: see `surveyed`. */
  get records(): number {
    return this.#segments.reduce((sum, segment) => sum + (segment.wanted?.size ?? 0), 0)
  }
  /** Records, or runs of bytes where records were, that were found damaged by this run and set aside. */
  get damaged(): number {
    return this.#damaged
  }
  /** Bytes of writes that a crash cut off, none of them acknowledged. */
  get tornBytes(): number {
    return this.#tornBytes
  }
  /** Records that this run let go because they were older than `maxAgeMs`. */
  get expired(): number {
    return this.#expiry.expired
  }

  /**
   * Settles once the record survives a crash. Whoever appends while another sync runs shares the next. When it rejects the record is not
   * acknowledged; after a crash it may be there all the same.
   */
  async append(parts: readonly Uint8Array[]): Promise<Position> {
    this.#assertOpen()
    const length = this.#writer.storedLength(parts)
    if (length > LARGEST_BYTES) throw new RangeError(`a record of ${length} bytes: ${this.#folder} takes at most ${LARGEST_BYTES} in one`)
    this.#expiry.drop()
    if (this.bytes + this.#writer.pendingBytes + RECORD_HEADER_BYTES + length > this.#maxBytes) {
      throw new FullError(`${this.#folder} holds ${this.bytes} bytes: a record of ${length} would exceed the limit of ${this.#maxBytes}`)
    }
    return this.#writer.append(parts)
  }

  /** Settles once it survives a crash that the record is done with: until then it may come again. In any order; safe twice. Where it rejects, the next release in the same segment tries again for both. */
  async release(position: Position): Promise<void> {
    this.#assertOpen()
    const segment = this.#segments.findLast(({ base }) => base <= position)
    if (segment?.wanted?.delete(position) !== true) return
    return this.#writer.release(segment, position)
  }

  /**
   * Looks for what an onlooker released, and lets go of it. Settles with what of that was known here: in segments that nobody looked through
   * yet it is not delivered either.
   */
  async noticeReleased(): Promise<readonly Position[]> {
    this.#assertOpen()
    const noticed: Position[] = []
    for (const [segment, names] of await findForeignMarks(this.#folder, this.#files, this.#segments)) {
      const released = await readReleased(this.#folder, this.#files, segment, names)
      for (const name of names) segment.found(name, marksOf(name)?.number ?? 0)
      // A look through the segment that began before may have missed them.
      await this.#surveys.get(segment)
      for (const position of released) if (segment.wanted?.delete(position) === true) noticed.push(position)
    }
    if (noticed.length > 0) this.#writer.wake()
    return noticed
  }

  /** Records that are not released, oldest first, from `from` on: at least one where there is one, and then at most `maxBytes` of the file. */
  async read(from: Position, maxBytes: number): Promise<Page> {
    this.#assertOpen()
    for (const segment of this.#segments.slice()) {
      if (segment !== this.#segments.at(-1) && segment.base + segment.bytes <= from) continue
      const page = await this.#readFrom(segment, from, maxBytes)
      if (page !== undefined) return { records: page.records, next: page.next }
    }
    return { records: [], next: from }
  }

  /** Settles when everything that an earlier run left was looked through; `read` looks on its way. */
  async surveyed(): Promise<void> {
    for (const segment of this.#segments.slice()) await this.#survey(segment)
  }

  /** Waits for what was appended and released. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#expiry.stop()
    await this.#writer.idle()
    for (const segment of this.#segments) await segment.close()
    await this.#disown()
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`${this.#folder} is closed`)
  }

  /** Undefined where nothing in the segment is wanted from there on. */
  async #readFrom(segment: Segment, from: Position, maxBytes: number): Promise<Page | undefined> {
    await this.#survey(segment)
    const page = await readPage(segment, from, maxBytes, this.#expiry.notBeforeMs).catch((error: unknown) =>
      this.#assertGone(segment, error),
    )
    if (page === undefined) return undefined
    const damaged = [...page.damaged].filter(([position]) => segment.wanted?.delete(position) === true)
    await this.#harm(segment, damaged)
    for (const position of page.expired) this.#letGo(segment, position)
    if (segment.wanted?.size === 0) this.#writer.wake()
    return page.records.length > 0 ? page : this.#readFrom(segment, page.next, maxBytes)
  }

  #letGo(segment: Segment, position: Position): void {
    if (this.#closed || segment.wanted?.delete(position) !== true) return
    this.#expiry.count(1)
    // Where it has no mark it expires once more.
    void this.#writer.release(segment, position).catch(() => {})
  }

  /** Where everything in a segment was released meanwhile its file is gone, and rightly. Where somebody else removed it, what was wanted is lost. */
  #assertGone(segment: Segment, error: unknown): undefined {
    if (!this.#segments.includes(segment)) return
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    this.#damaged += segment.wanted?.size ?? 1
    segment.wanted = new Wanted(segment.base)
    this.#writer.wake()
  }

  #survey(segment: Segment): Promise<void> {
    if (segment.wanted !== undefined) return Promise.resolve()
    let running = this.#surveys.get(segment)
    if (running === undefined) {
      running = this.#surveyNow(segment)
        .catch((error: unknown) => this.#assertGone(segment, error))
        .finally(() => this.#surveys.delete(segment))
      this.#surveys.set(segment, running)
    }
    return running
  }

  async #surveyNow(segment: Segment): Promise<void> {
    const bytes = await segment.read(0, segment.bytes)
    const found = survey(bytes, segment.base, segment.salt)
    const damaged = found.damaged.map(([from, to]) => [segment.base + from, bytes.subarray(from, to)] as const)
    await this.#harm(segment, damaged, found.tornBytes)
    for (const position of await readReleased(this.#folder, this.#files, segment)) found.lengths.delete(position)
    segment.newestMs = found.newestMs
    segment.wanted = Wanted.of(found.lengths.keys(), segment.base)
    this.#expiry.drop()
    if (segment.wanted.size === 0) this.#writer.wake()
  }

  /** Each piece is set aside, and counted unless an earlier run has done so. */
  async #harm(segment: Segment, pieces: readonly (readonly [Position, Uint8Array])[], tornBytes = 0): Promise<void> {
    let damaged = 0
    for (const [position, bytes] of pieces) if (await setAside(this.#folder, this.#files, segment, bytes, position)) damaged++
    this.#damaged += damaged
    this.#tornBytes += tornBytes
    if (damaged > 0 || tornBytes > 0) this.#harmed(damaged, tornBytes)
  }
}
