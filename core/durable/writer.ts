// Group commit, the writing loop of the durable log: whatever is appended and released while a sync runs shares the next one. `segment-log.ts` calls it.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Position } from '../storage.ts'
import { crc32c } from './crc32c.ts'
import type { Files } from './files.ts'
import { RECORD_HEADER_BYTES, writeRecordHeader } from './format.ts'
import { Segment } from './segment.ts'

export interface WriterOptions {
  readonly folder: string
  readonly files: Files
  /** A segment that has grown to this gets no more records. */
  readonly segmentBytes: number
  readonly clock: Clock
}

interface Append {
  readonly parts: readonly Uint8Array[]
  readonly length: number
  readonly crc: number
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

  /** Settles once the record survives a crash. */
  append(parts: readonly Uint8Array[]): Promise<Position> {
    let length = 0
    let crc = 0
    for (const part of parts) {
      length += part.length
      crc = crc32c(part, crc)
    }
    const settled = Promise.withResolvers<Position>()
    this.#appends.push({ parts, length, crc, settled })
    this.#pendingBytes += RECORD_HEADER_BYTES + length
    this.wake()
    return settled.promise
  }

  /** Settles once the mark survives a crash. */
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
    await this.#writing
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
    } while (this.#appends.length > 0 || this.#releases.length > 0)
    // In the same turn as the look at the lists, or whoever comes in between waits for ever.
    this.#writing = undefined
  }

  async #commitAppends(): Promise<void> {
    if (this.#appends.length === 0) return
    let segment: Segment
    try {
      segment = await this.#segmentToWrite()
    } catch (error) {
      this.#refuse(this.#appends.splice(0), error)
      return
    }
    await this.#commitTo(segment)
  }

  async #commitTo(segment: Segment): Promise<void> {
    const timeMs = this.#options.clock.now().getTime()
    const parts: Uint8Array[] = []
    const positions: Position[] = []
    let end = segment.end
    for (const append of this.#appends) {
      if (positions.length > 0 && end >= this.#options.segmentBytes) break
      const position = segment.base + end
      parts.push(writeRecordHeader({ length: append.length, position, timeMs, payloadCrc: append.crc }, segment.salt), ...append.parts)
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
    if (last?.open === true && last.end < this.#options.segmentBytes) return last
    await last?.seal()
    // A name that could not be opened may exist all the same: the next one is another.
    const base = this.#nextBase++
    const segment = await Segment.create(this.#options.folder, this.#options.files, base, randomBytes(4).readUInt32LE())
    this.#segments.push(segment)
    return segment
  }

  async #commitReleases(releases: readonly Release[]): Promise<void> {
    const bySegment = Map.groupBy(releases, ({ segment }) => segment)
    await Promise.all([...bySegment].map(([segment, group]) => this.#commitMarks(segment, group)))
  }

  async #commitMarks(segment: Segment, group: readonly Release[]): Promise<void> {
    try {
      await segment.mark(group.map(({ position }) => position))
      for (const { settled } of group) settled.resolve()
    } catch (error) {
      for (const { settled } of group) settled.reject(error)
    }
  }

  /** Decided between commits, so that nobody writes to what goes; done beside them, so that nobody waits for it. */
  #removeDone(): void {
    for (const segment of this.#segments.slice()) {
      if (segment.wanted?.size !== 0 || this.#releases.some((release) => release.segment === segment)) continue
      if (segment.open && segment.bytes < this.#options.segmentBytes / 4) continue
      this.#segments.splice(this.#segments.indexOf(segment), 1)
      // Where a file cannot be removed now, the next run finds it with its marks, and removes it.
      this.#removing = this.#removing.then(() => segment.remove()).catch(() => {})
    }
  }
}
