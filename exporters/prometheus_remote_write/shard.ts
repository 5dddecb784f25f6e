// One of the ways to the destination: the points of the series whose hash is its own, in the order in which they came. What is under way of them
// is under way alone, and what fails is tried again before anything else, so no sample overtakes another of its series. `Ways` has several.

import { type Clock, RetryableError } from '../../core/index.ts'
import { pauseMsOf, type RetryOptions } from '../../core/client/index.ts'
import type { Segment } from './segment.ts'

export interface ShardParts {
  readonly clock: Clock
  readonly retry: RetryOptions
  /** Called when a pause is over. */
  readonly onReady: () => void
}

/** Pauses grow no longer than this while somebody waits for the answer, in milliseconds. */
const WAITED_FOR_MAX_MS = 1000

export class Shard {
  readonly #parts: ShardParts
  /** What waits and what is under way, the oldest first. While something is, nothing leaves it. */
  readonly line: Segment[] = []
  /** Whether a request of its points is under way. */
  isBusy = false
  #pause: { cancel(): void; readonly asked: boolean } | undefined
  #failures = 0

  constructor(parts: ShardParts) {
    this.#parts = parts
  }

  /** Whether the last request arrived. */
  get isFine(): boolean {
    return this.#failures === 0
  }

  /** Whether something of it can be sent now. */
  get isReady(): boolean {
    if (this.isBusy || this.#pause !== undefined || this.line.length === 0) return false
    this.#shed()
    return this.line.length > 0
  }

  /** Points, counted up to `most`. */
  waiting(most: number): number {
    let waiting = 0
    for (const { length, next } of this.line) if ((waiting += length - next) >= most) return most
    return waiting
  }

  /** The destination works again: who pauses without having been asked to need not any more. */
  wake(): void {
    if (this.#pause === undefined || this.#pause.asked) return
    this.#pause.cancel()
    this.#pause = undefined
  }

  /** Gives everything back. */
  stop(error: RetryableError): void {
    this.#pause?.cancel()
    this.#pause = undefined
    for (const { job } of this.line) if (!job.isGone) job.giveBack(error)
  }

  /** What was given back to its sender is not sent, and what nobody can wait for any more is given back. */
  #shed(): void {
    const { line } = this
    const now = this.#parts.clock.monotonicMs()
    for (const { job } of line) if (!job.isGone && job.deadlineMs <= now) job.giveBack(late())
    while (line[0]?.job.isGone === true) line.shift()
  }

  /** So many points from the front, of which so many were data points, and so many of those refused. */
  arrived(points: number, items: number, refused: number, reason: string): void {
    this.#failures = 0
    const { line } = this
    let [leftPoints, leftItems, leftRefused] = [points, items, refused]
    while (leftPoints > 0) {
      const segment = line[0]!
      const { job } = segment
      const count = Math.min(leftPoints, segment.length - segment.next)
      const own = note(segment, count)
      const share = job.isGone ? 0 : shareOf(leftRefused, own, leftItems)
      if (!job.isGone) leftItems -= own
      leftRefused -= share
      leftPoints -= count
      segment.next += count
      if (segment.next === segment.length) line.shift()
      if (!job.isGone) job.settle(count, share, reason)
    }
  }

  /** Nothing is taken now: all that wait for it hear so, and it is tried again after a pause. */
  failed(error: RetryableError): void {
    const { retry, clock } = this.#parts
    const now = clock.monotonicMs()
    const isWaitedFor = this.line.some(({ job }) => job.deadlineMs !== Infinity && !job.isGone)
    const longestMs = isWaitedFor
      ? Math.min(retry.maxIntervalMs, Math.max(retry.initialIntervalMs, WAITED_FOR_MAX_MS))
      : retry.maxIntervalMs
    const ownMs = pauseMsOf({ ...retry, maxIntervalMs: longestMs }, this.#failures++, Math.random())
    const pauseMs = Math.max(ownMs, error.retryAfterMs ?? 0)
    for (const { job } of this.line) {
      if (job.isGone) continue
      const end = Math.min(job.deadlineMs, job.beganMs + retry.maxElapsedMs)
      if (!retry.enabled || now + pauseMs >= end) job.giveBack(again(error, pauseMs))
      else if (job.deadlineMs === Infinity) job.delay(again(error, error.retryAfterMs))
    }
    const timer = clock.after(pauseMs, () => {
      this.#pause = undefined
      this.#parts.onReady()
    })
    this.#pause = { cancel: () => timer.cancel(), asked: error.retryAfterMs !== undefined }
  }
}

/** Which items were refused nobody says: each has its share of them, and together they have all. */
export function shareOf(refused: number, own: number, all: number): number {
  return all === 0 ? 0 : Math.min(refused, Math.round((refused * own) / all))
}

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
    if (!stream.family.isTarget) items++
    if (times[i]! < stream.takenMs) continue
    stream.takenMs = times[i]!
    stream.takenValue = values[i]!
  }
  return items
}
