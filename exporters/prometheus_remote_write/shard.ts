// One of the ways to the destination: the series whose hash is its own, in the order in which their points came. One request is on its way at
// a time, and what fails is tried again before anything else, so no sample overtakes another of its series. The exporter has several.

import { type Clock, RetryableError } from '../../core/index.ts'
import { pauseMsOf, type RetryOptions } from '../../core/client/index.ts'
import type { Symbols } from '../../core/prometheus/index.ts'
import { Load } from './load.ts'
import type { Counts } from './message.ts'
import type { Segment } from './segment.ts'

/** What became of a load: how many of its items were refused, and why. */
export interface Fate {
  readonly refused: number
  readonly reason: string
}

/** A load as bytes, if it fits into one request. */
export interface Encoded {
  readonly body: Uint8Array
  readonly counts: Counts
  readonly version: 1 | 2
}

export interface ShardParts {
  readonly clock: Clock
  readonly retry: RetryOptions
  readonly symbols: Symbols
  /** How many points a request may have. */
  readonly maxPoints: number
  /** A number where it does not fit: how many points, of so many, might. One always fits. */
  readonly encode: (load: Load) => Encoded | number
  /** Sends once. Rejects with a RetryableError where it is not now. */
  readonly send: (load: Load, encoded: Encoded) => Promise<Fate>
  readonly onWorked: () => void
}

/** Pauses grow no longer than this while somebody waits for the answer, in milliseconds. */
const WAITED_FOR_MAX_MS = 1000
/** Requests that had to be cut are followed by ones that begin a little larger again. */
const GROWTH = 1.25

export class Shard {
  readonly #parts: ShardParts
  readonly #line: Segment[] = []
  #maxPoints: number
  #busy = false
  #stopped = false
  #pause: { cancel(): void; readonly asked: boolean } | undefined
  #failures = 0

  constructor(parts: ShardParts) {
    this.#parts = parts
    this.#maxPoints = parts.maxPoints
  }

  add(segment: Segment): void {
    this.#line.push(segment)
    this.#advance()
  }

  /** The destination works again: who pauses without having been asked to need not any more. */
  wake(): void {
    if (this.#pause === undefined || this.#pause.asked) return
    this.#pause.cancel()
    this.#pause = undefined
    this.#advance()
  }

  /** Gives everything back, and sends nothing more. */
  stop(error: RetryableError): void {
    this.#stopped = true
    this.#pause?.cancel()
    this.#pause = undefined
    for (const { job } of this.#line) if (!job.isGone) job.giveBack(error)
  }

  #advance(): void {
    if (this.#busy || this.#stopped || this.#pause !== undefined || this.#line.length === 0) return
    this.#busy = true
    void this.#run().finally(() => {
      this.#busy = false
      this.#advance()
    })
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    for (;;) {
      this.#shed()
      const request = this.#request()
      if (request === undefined) return
      const { load, encoded } = request
      try {
        const fate = load.streams === 0 ? NOTHING_REFUSED : await this.#parts.send(load, encoded)
        this.#arrived(load, fate)
      } catch (error) {
        this.#failed(error instanceof RetryableError ? error : new RetryableError(String(error), { cause: error }))
        return
      }
    }
  }

  /** As many points as may be in one, from the front of the line. */
  #request(): { readonly load: Load; readonly encoded: Encoded } | undefined {
    let waiting = 0
    for (const { length, next } of this.#line) if ((waiting += length - next) >= this.#maxPoints) break
    for (let points = Math.min(waiting, Math.floor(this.#maxPoints)); points > 0;) {
      const load = new Load(this.#line, points, this.#parts.symbols)
      const encoded = this.#parts.encode(load)
      if (typeof encoded !== 'number') return { load, encoded }
      points = this.#maxPoints = Math.max(1, Math.min(points - 1, encoded))
    }
    return undefined
  }

  /** What was given back to its sender is not sent, and what nobody can wait for any more is given back. */
  #shed(): void {
    const now = this.#parts.clock.monotonicMs()
    for (const { job } of this.#line) if (!job.isGone && job.deadlineMs <= now) job.giveBack(late())
    while (this.#line[0]?.job.isGone === true) this.#line.shift()
  }

  #arrived({ points, items }: Load, { refused, reason }: Fate): void {
    this.#failures = 0
    this.#maxPoints = Math.min(this.#parts.maxPoints, this.#maxPoints * GROWTH)
    let [leftPoints, leftItems, leftRefused] = [points, items, refused]
    while (leftPoints > 0) {
      const segment = this.#line[0]!
      const { job } = segment
      const count = Math.min(leftPoints, segment.length - segment.next)
      const own = note(segment, count)
      // Which items were refused nobody says: each job has its share, and together they have all.
      const share = leftItems === 0 || job.isGone ? 0 : Math.min(leftRefused, Math.round((leftRefused * own) / leftItems))
      if (!job.isGone) leftItems -= own
      leftRefused -= share
      leftPoints -= count
      segment.next += count
      if (segment.next === segment.length) this.#line.shift()
      if (!job.isGone) job.settle(count, share, reason)
    }
    this.#parts.onWorked()
  }

  #failed(error: RetryableError): void {
    const { retry, clock } = this.#parts
    const now = clock.monotonicMs()
    const isWaitedFor = this.#line.some(({ job }) => job.deadlineMs !== Infinity && !job.isGone)
    const longestMs = isWaitedFor
      ? Math.min(retry.maxIntervalMs, Math.max(retry.initialIntervalMs, WAITED_FOR_MAX_MS))
      : retry.maxIntervalMs
    const ownMs = pauseMsOf({ ...retry, maxIntervalMs: longestMs }, this.#failures++, Math.random())
    const pauseMs = Math.max(ownMs, error.retryAfterMs ?? 0)
    for (const { job } of this.#line) {
      if (job.isGone) continue
      const end = Math.min(job.deadlineMs, job.beganMs + retry.maxElapsedMs)
      if (!retry.enabled || now + pauseMs >= end) job.giveBack(again(error, pauseMs))
      else if (job.deadlineMs === Infinity) job.delay(again(error, error.retryAfterMs))
    }
    const timer = clock.after(pauseMs, () => {
      this.#pause = undefined
      this.#advance()
    })
    this.#pause = { cancel: () => timer.cancel(), asked: error.retryAfterMs !== undefined }
  }
}

const NOTHING_REFUSED: Fate = { refused: 0, reason: '' }

function late(): RetryableError {
  return new RetryableError('no time is left to send')
}

function again(error: RetryableError, retryAfterMs: number | undefined): RetryableError {
  return new RetryableError(error.message, { cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

/** What has arrived is known when it comes again. Returns how many of the points are data points. */
function note({ streams, times, values, next }: Segment, count: number): number {
  let items = 0
  for (let i = next; i < next + count; i++) {
    const stream = streams[i]!
    if (!stream.isTarget) items++
    if (times[i]! < stream.takenMs) continue
    stream.takenMs = times[i]!
    stream.takenValue = values[i]!
  }
  return items
}
