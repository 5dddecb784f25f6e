// What one request is made of: so many points from the front of the line of a shard, or of several. Writes them into a message, those of one
// stream together.

import { numberPoint, type Point, type Stream } from '../../core/prometheus/index.ts'
import type { Message } from './message.ts'
import type { Segment } from './segment.ts'

/** Of all loads of this thread: a stream knows by it whether it is in this one already. */
let round = 0

/** Points of one segment, from one place to before another. */
interface Piece {
  readonly segment: Segment
  readonly from: number
  readonly end: number
  /** The shard that it is of, by its place in the load. */
  readonly part: number
}

export class Load {
  /** In all, and of each part. */
  readonly points: number
  readonly pointsOf: readonly number[]
  /** Data points of each part, of which `target_info` is none. */
  readonly itemsOf: number[]
  readonly #pieces: readonly Piece[]
  /** Streams: 0 where all of it has arrived before. And how many of them were written. */
  streams = 0
  written = 0

  /** So many points of each line. A line may grow at its end meanwhile, and loses nothing at its front. */
  constructor(parts: readonly (readonly [line: readonly Segment[], points: number])[]) {
    this.pointsOf = parts.map(([, points]) => points)
    this.points = this.pointsOf.reduce((sum, points) => sum + points, 0)
    this.itemsOf = parts.map(() => 0)
    this.#pieces = parts.flatMap(([line, points], part) => piecesOf(line, points, part))
  }

  get items(): number {
    return this.itemsOf.reduce((sum, items) => sum + items, 0)
  }

  /**
   * False where that is more than `maxBytes`. What has arrived already is left out, and so is what was given back to its sender; of several points
   * of one stream and one time the last counts.
   */
  writeTo(message: Message, maxBytes: number): boolean {
    const several = this.#look()
    const mark = round
    this.written = 0
    for (const { segment, from, end } of this.#pieces) {
      if (segment.job.isGone) continue
      const { streams, times, starts, values } = segment
      for (let i = from; i < end; i++) {
        const stream = streams[i]!
        // The first of its stream: places were given in this order.
        if (stream.round !== mark || stream.slot !== this.written || hasArrived(stream, times[i]!, values[i]!)) continue
        this.written++
        const points = several?.get(stream) ?? pointAt(segment, i)
        if (points === undefined) message.number(stream, times[i]!, starts[i]!, values[i]!)
        else message.add(points)
        if (message.length > maxBytes && this.points > 1) return false
      }
    }
    return true
  }

  /** Gives each stream its place. Returns the points of those that have several, sorted by time. */
  #look(): ReadonlyMap<Stream, readonly Point[]> | undefined {
    const mark = ++round
    let several: Map<Stream, Point[]> | undefined
    this.streams = 0
    this.itemsOf.fill(0)
    for (const [at, { segment, from, end, part }] of this.#pieces.entries()) {
      if (segment.job.isGone) continue
      const { streams, times, values } = segment
      let items = 0
      for (let i = from; i < end; i++) {
        const stream = streams[i]!
        if (!stream.family.isTarget) items++
        if (hasArrived(stream, times[i]!, values[i]!)) continue
        if (stream.round !== mark) {
          stream.round = mark
          stream.slot = this.streams++
          stream.segment = at
          stream.place = i
          continue
        }
        const points = (several ??= new Map()).get(stream)
        if (points === undefined) several.set(stream, [pointOf(this.#pieces[stream.segment]!.segment, stream.place), pointOf(segment, i)])
        else points.push(pointOf(segment, i))
      }
      this.itemsOf[part]! += items
    }
    for (const [stream, points] of several ?? []) several!.set(stream, sorted(points))
    return several
  }
}

function piecesOf(line: readonly Segment[], points: number, part: number): Piece[] {
  const pieces: Piece[] = []
  let left = points
  for (const segment of line) {
    if (left === 0) break
    const end = Math.min(segment.length, segment.next + left)
    pieces.push({ segment, from: segment.next, end, part })
    left -= end - segment.next
  }
  return pieces
}

function pointOf({ points, streams, times, starts, values }: Segment, i: number): Point {
  return points?.get(i) ?? numberPoint(streams[i]!, times[i]!, starts[i]!, values[i]!)
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
