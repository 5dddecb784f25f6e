// Group commit, the writing loop of the durable log: whatever is appended and released while a sync runs shares the next one. `segment-log.ts` calls it.

import type { Clock } from '../clock.ts'
import type { Position } from '../storage.ts'
import { Cipher, SEAL_BYTES } from './cipher.ts'
import { crc32c } from './crc32c.ts'
import type { Files } from './files.ts'
import { associatedWith, RECORD_HEADER_BYTES, type RecordPlace, writeRecordHeader } from './format.ts'
import { Segment } from './segment.ts'

export interface WriterOptions {
  readonly folder: string
  readonly files: Files
  /** A segment that has grown to this gets no more records. */
  readonly segmentBytes: number
  readonly clock: Clock
  readonly key: Uint8Array | undefined
  /** How long a mark waits for others to be synced with, in milliseconds. */
  readonly marksDelayMs: number
}

interface Append {
  readonly parts: readonly Uint8Array[]
  /** As it will be stored, in bytes. */
  readonly length: number
  /** Of the parts, where they are stored as they are. */
  readonly crc: number | undefined
  readonly settled: PromiseWithResolvers<Position>
}
interface Release {
  readonly segment: Segment
  readonly position: Position
  readonly settled: PromiseWithResolvers<void>
}

export class Writer {
  readonly #options: WriterOptions
  /** The log's own list, oldest first. Nobody else adds to it or removes from it. */
  readonly #segments: Segment[]
  #nextBase: number
  #appends: Append[] = []
  #pendingBytes = 0
  #releases: Release[] = []
  /** Releases whose marks are written, and not synced. */
  readonly #marked = new Map<Segment, Release[]>()
  #marksAreDue = false
  #marksTimer: { cancel(): void } | undefined
  #writing: Promise<void> | undefined
  #removing: Promise<void> = Promise.resolve()

  constructor(options: WriterOptions, segments: Segment[], nextBase: number) {
    this.#options = options
    this.#segments = segments
    this.#nextBase = nextBase
  }

  /** What was appended and is not yet synced, as it will be in the file. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** What a record takes as its payload, in bytes. */
  storedLength(parts: readonly Uint8Array[]): number {
    let length = this.#options.key === undefined ? 0 : SEAL_BYTES
    for (const part of parts) length += part.length
    return length
  }

  /** Settles once the record survives a crash. */
  append(parts: readonly Uint8Array[]): Promise<Position> {
    const length = this.storedLength(parts)
    // On the way in: it runs while others' bytes are synced.
    const crc = this.#options.key === undefined ? crcOf(parts) : undefined
    const settled = Promise.withResolvers<Position>()
    this.#appends.push({ parts, length, crc, settled })
    this.#pendingBytes += RECORD_HEADER_BYTES + length
    this.wake()
    return settled.promise
  }

  /**
   * Settles once the mark survives a crash of the machine, which may take `marksDelayMs`: a sync for every release would double what an append costs. It
   * survives one of this process much sooner.
   */
  release(segment: Segment, position: Position): Promise<void> {
    const settled = Promise.withResolvers<void>()
    this.#releases.push({ segment, position, settled })
    this.wake()
    return settled.promise
  }

  /** Also removes the segments in which nothing is wanted any more. */
  wake(): void {
    this.#writing ??= this.#writeAll()
  }

  /** Settles when everything that was asked for has been tried. */
  async idle(): Promise<void> {
    this.#marksAreDue = true
    this.wake()
    await this.#writing
    this.#marksTimer?.cancel()
    await this.#removing
  }

  async #writeAll(): Promise<void> {
    // Whoever appends in the same turn shares the first sync.
    await Promise.resolve()
    do {
      const releases = this.#releases
      this.#releases = []
      await Promise.all([this.#commitAppends(), this.#commitReleases(releases)])
      this.#removeDone()
    } while (this.#appends.length > 0 || this.#releases.length > 0 || this.#marksAreDue)
    // In the same turn as the look at the lists, or whoever comes in between waits for ever.
    this.#writing = undefined
  }

  async #commitAppends(): Promise<void> {
    if (this.#appends.length === 0) return
    try {
      await this.#commitTo(await this.#segmentToWrite())
    } catch (error) {
      // Before anything was written: whoever waits is told, and the loop goes on.
      this.#refuse(this.#appends.splice(0), error)
    }
  }

  async #commitTo(segment: Segment): Promise<void> {
    const timeMs = this.#options.clock.now().getTime()
    const parts: Uint8Array[] = []
    const positions: Position[] = []
    let end = segment.end
    for (const append of this.#appends) {
      if (positions.length > 0 && end >= this.#options.segmentBytes) break
      const position = segment.base + end
      parts.push(...framed(append, { length: append.length, position, timeMs }, segment))
      positions.push(position)
      end += RECORD_HEADER_BYTES + append.length
    }
    const taken = this.#appends.splice(0, positions.length)
    // Names only grow, also where this write fails.
    this.#nextBase = segment.base + end
    try {
      await segment.commit(parts, end)
    } catch (error) {
      this.#refuse(taken, error)
      return
    }
    segment.newestMs = timeMs
    this.#noLongerPending(taken)
    for (const [i, { settled }] of taken.entries()) {
      segment.wanted?.add(positions[i] as Position)
      settled.resolve(positions[i] as Position)
    }
  }

  #refuse(appends: readonly Append[], error: unknown): void {
    this.#noLongerPending(appends)
    for (const { settled } of appends) settled.reject(error)
  }

  #noLongerPending(appends: readonly Append[]): void {
    for (const { length } of appends) this.#pendingBytes -= RECORD_HEADER_BYTES + length
  }

  async #segmentToWrite(): Promise<Segment> {
    const last = this.#segments.at(-1)
    if (last?.open === true && !last.retired && last.end < this.#options.segmentBytes) return last
    await last?.seal()
    // A name that could not be opened may exist all the same: the next one is another.
    const base = this.#nextBase++
    const { folder, files, key } = this.#options
    const segment = await Segment.create(folder, files, base, key === undefined ? undefined : Cipher.make(key))
    this.#segments.push(segment)
    return segment
  }

  async #commitReleases(releases: readonly Release[]): Promise<void> {
    const isDue = this.#marksAreDue || this.#options.marksDelayMs === 0
    this.#marksAreDue = false
    const bySegment = Map.groupBy(releases, ({ segment }) => segment)
    await Promise.all([...bySegment].map(([segment, group]) => this.#writeMarks(segment, group)))
    if (isDue) await Promise.all([...this.#marked.keys()].map((segment) => this.#syncMarks(segment)))
    else if (this.#marked.size > 0) this.#marksTimer ??= this.#options.clock.after(this.#options.marksDelayMs, () => this.#marksDue())
  }

  #marksDue(): void {
    this.#marksTimer = undefined
    this.#marksAreDue = true
    this.wake()
  }

  async #writeMarks(segment: Segment, group: readonly Release[]): Promise<void> {
    const marked = this.#marked.get(segment) ?? []
    this.#marked.set(segment, marked)
    marked.push(...group)
    await segment.mark(group.map(({ position }) => position)).catch((error: unknown) => this.#settleMarks(segment, error))
  }

  async #syncMarks(segment: Segment): Promise<void> {
    await segment.syncMarks().then(
      () => this.#settleMarks(segment),
      (error: unknown) => this.#settleMarks(segment, error),
    )
  }

  #settleMarks(segment: Segment, error?: unknown): void {
    for (const { settled } of this.#marked.get(segment) ?? []) {
      if (error === undefined) settled.resolve()
      else settled.reject(error)
    }
    this.#marked.delete(segment)
  }

  /** Decided between commits, so that nobody writes to what goes; done beside them, so that nobody waits for it. */
  #removeDone(): void {
    for (const segment of this.#segments.slice()) {
      if (segment.wanted?.size !== 0 || this.#marked.has(segment) || this.#releases.some((release) => release.segment === segment)) continue
      if (segment.open && !segment.retired && segment.bytes < this.#options.segmentBytes / 4) continue
      this.#segments.splice(this.#segments.indexOf(segment), 1)
      // Where a file cannot be removed now, the next run finds it with its marks, and removes it.
      this.#removing = this.#removing.then(() => segment.remove()).catch(() => {})
    }
  }
}

/** A record as it stands in the file. */
function framed({ parts, crc }: Append, place: RecordPlace, { cipher, salt }: Segment): readonly Uint8Array[] {
  const stored = cipher === undefined ? parts : cipher.seal(parts, associatedWith(place))
  return [writeRecordHeader({ ...place, payloadCrc: crc ?? crcOf(stored) }, salt), ...stored]
}

function crcOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((crc, part) => crc32c(part, crc), 0)
}
