// Lets go of records of the durable log that are too old, whether somebody reads and appends or nobody does. `segment-log.ts` calls it.

import type { Clock } from '../clock.ts'
import type { Segment } from './segment.ts'

export interface ExpiryOptions {
  readonly maxAgeMs: number
  readonly clock: Clock
  /** Settles when the segment was looked through: until then nothing is known of its age. */
  readonly survey: (segment: Segment) => Promise<void>
  /** Removes segments in which nothing is wanted any more. */
  readonly wake: () => void
}

const MOST_OFTEN_MS = 1000
const MOST_SELDOM_MS = 60_000

export class Expiry {
  readonly #options: ExpiryOptions
  /** The log's own list, oldest first. */
  readonly #segments: readonly Segment[]
  readonly #everyMs: number
  #timer: { cancel(): void } | undefined
  #expired = 0

  constructor(options: ExpiryOptions, segments: readonly Segment[]) {
    this.#options = options
    this.#segments = segments
    this.#everyMs = Math.min(MOST_SELDOM_MS, Math.max(MOST_OFTEN_MS, options.maxAgeMs / 10))
    if (options.maxAgeMs < Infinity) this.#wait()
  }

  /** Records that were too old. */
  get expired(): number {
    return this.#expired
  }

  /** What was appended before is too old. By the wall clock, because records outlive the process and the machine's own time. */
  get notBeforeMs(): number {
    return this.#options.clock.now().getTime() - this.#options.maxAgeMs
  }

  /** Those that somebody found while reading: they are not wanted any more. */
  count(records: number): void {
    this.#expired += records
  }

  /** Lets go of whole segments, as far as they are known. */
  drop(): void {
    const notBeforeMs = this.notBeforeMs
    for (const segment of this.#segments) {
      if (segment.wanted === undefined || segment.newestMs >= notBeforeMs) return
      // One that nothing was written to yet has no age.
      if (segment.bytes === 0) continue
      this.#expired += segment.wanted.size
      segment.wanted.clear()
      segment.retired = true
      this.#options.wake()
    }
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wait(): void {
    this.#timer = this.#options.clock.after(this.#everyMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const timer = this.#timer
    // What cannot be read now is tried again the next time.
    await this.#dropUnknown().catch(() => {})
    if (this.#timer === timer) this.#wait()
  }

  /** Looks through what an earlier run left, oldest first, until something is young enough. */
  async #dropUnknown(): Promise<void> {
    for (;;) {
      this.drop()
      const oldest = this.#segments.find(({ wanted }) => wanted?.size !== 0)
      if (oldest === undefined || oldest.wanted !== undefined || this.#timer === undefined) return
      await this.#options.survey(oldest)
    }
  }
}
