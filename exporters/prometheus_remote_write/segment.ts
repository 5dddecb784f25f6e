// Points of one job that belong to one shard, as columns: nearly all are a time and a value, and objects of all that wait would be moved by the
// collector of young objects again and again. The exporter fills them, shards hold them.

import type { Point, Stream } from '../../core/prometheus/index.ts'
import type { Job } from './job.ts'

export class Segment {
  job!: Job
  /** The first that has no fate yet. */
  next = 0
  readonly streams: Stream[] = []
  readonly times: number[] = []
  readonly starts: number[] = []
  readonly values: number[] = []
  /** Those that are more than a value, by their place. */
  points: Map<number, Point> | undefined

  get length(): number {
    return this.streams.length
  }

  number(stream: Stream, timestampMs: number, startMs: number, value: number): void {
    this.streams.push(stream)
    this.times.push(timestampMs)
    this.starts.push(startMs)
    this.values.push(value)
  }

  point(point: Point): void {
    ;(this.points ??= new Map()).set(this.streams.length, point)
    this.number(point.stream, point.timestampMs, point.startMs, valueOf(point))
  }
}

/** What two points of one stream and one time are told apart by. */
function valueOf({ isStale, native, values }: Point): number {
  if (isStale) return NaN
  return native === undefined ? values.at(-1)! : native.count
}
