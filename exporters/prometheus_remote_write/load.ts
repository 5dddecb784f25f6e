// What one request is made of: so many points from the front of a shard's line. Writes them into a message, those of one stream together.

import { numberPoint, type Point, type Stream, type Symbols } from '../../core/prometheus/index.ts'
import type { Message } from './message.ts'
import type { Segment } from './segment.ts'

/** Of all loads of this thread: a stream knows by it whether it is in this one already. */
let round = 0

export class Load {
  readonly points: number
  readonly #line: readonly Segment[]
  readonly #symbols: Symbols
  /** Data points, of which `target_info` is none. */
  items = 0
  /** Streams: 0 where all of it has arrived before. And how many of them were written. */
  streams = 0
  written = 0

  /** The line may grow at its end meanwhile, and lose nothing at its front. */
  constructor(line: readonly Segment[], points: number, symbols: Symbols) {
    this.#line = line
    this.points = points
    this.#symbols = symbols
  }

  /**
   * False where that is more than `maxBytes`. What has arrived already is left out, and so is what was given back to its sender; of several points
   * of one stream and one time the last counts.
   */
  writeTo(message: Message, maxBytes: number): boolean {
    const several = this.#look()
    const mark = round
    this.written = 0
    let left = this.points
    for (const segment of this.#line) {
      const { streams, times, starts, values, next } = segment
      const end = Math.min(streams.length, next + left)
      if (!segment.job.isGone)
        for (let i = next; i < end; i++) {
          const stream = streams[i]!
          // The first of its stream: places were given in this order.
          if (stream.round !== mark || stream.slot !== this.written || hasArrived(stream, times[i]!, values[i]!)) continue
          this.written++
          const points = several?.get(stream) ?? pointAt(segment, i)
          if (points === undefined) message.number(stream.single(this.#symbols), stream, times[i]!, starts[i]!, values[i]!)
          else message.add(points)
          if (message.length > maxBytes && this.points > 1) return false
        }
      if ((left -= end - next) === 0) break
    }
    return true
  }

  /** Gives each stream its place. Returns the points of those that have several, sorted by time. */
  #look(): ReadonlyMap<Stream, readonly Point[]> | undefined {
    const mark = ++round
    let several: Map<Stream, Point[]> | undefined
    let left = this.points
    this.items = this.streams = 0
    for (const [at, segment] of this.#line.entries()) {
      const { streams, times, values, next } = segment
      const end = Math.min(streams.length, next + left)
      if (!segment.job.isGone)
        for (let i = next; i < end; i++) {
          const stream = streams[i]!
          if (!stream.isTarget) this.items++
          if (hasArrived(stream, times[i]!, values[i]!)) continue
          if (stream.round !== mark) {
            stream.round = mark
            stream.slot = this.streams++
            stream.segment = at
            stream.place = i
            continue
          }
          const points = (several ??= new Map()).get(stream)
          if (points === undefined)
            several.set(stream, [this.#pointOf(this.#line[stream.segment]!, stream.place), this.#pointOf(segment, i)])
          else points.push(this.#pointOf(segment, i))
        }
      if ((left -= end - next) === 0) break
    }
    for (const [stream, points] of several ?? []) several!.set(stream, sorted(points))
    return several
  }

  #pointOf({ points, streams, times, starts, values }: Segment, i: number): Point {
    return points?.get(i) ?? numberPoint(this.#symbols, streams[i]!, times[i]!, starts[i]!, values[i]!)
  }
}

/** Of several of one time the last. */
function sorted(points: readonly Point[]): Point[] {
  const byTime = new Map(points.map((point) => [point.timestampMs, point]))
  return [...byTime.values()].sort((a, b) => a.timestampMs - b.timestampMs)
}

function pointAt({ points }: Segment, i: number): Point[] | undefined {
  const point = points?.get(i)
  return point === undefined ? undefined : [point]
}

/** Whether the destination has it: the same value at the same time. */
function hasArrived(stream: Stream, timestampMs: number, value: number): boolean {
  return stream.takenMs === timestampMs && Object.is(stream.takenValue, value)
}
