// One point of OTLP as Prometheus has it: values of series at a time, or a native histogram. The translation makes them; writers of requests
// and the scrape page read them.

import type { Layout, Series, Stream } from './stream.ts'

export interface Exemplar {
  /** Names and values in turn, sorted. Texts, for most do not come again. */
  readonly labels: readonly string[]
  readonly value: number
  /** Milliseconds since 1970. */
  readonly timestampMs: number
}

/** Buckets of one side. The first offset is the index of a bucket, the others are gaps; counts are differences from bucket to bucket. */
export interface NativeBuckets {
  /** Offset and length in turn. */
  readonly spans: readonly number[]
  readonly deltas: readonly number[]
}

export interface NativeHistogram {
  readonly count: number
  readonly sum: number
  readonly schema: number
  readonly zeroThreshold: number
  readonly zeroCount: number
  readonly positive: NativeBuckets
  readonly negative: NativeBuckets
}

export class Point {
  readonly stream: Stream
  /** Milliseconds since 1970. */
  readonly timestampMs: number
  /** When counting began; 0 where that is not known, or nothing is counted. */
  readonly startMs: number
  /** The series that have a value, and the values. Of a native histogram there is one series, and no value. */
  readonly series: readonly Series[]
  readonly values: readonly number[]
  readonly native: NativeHistogram | undefined
  /** Of a classic histogram or a summary. */
  readonly layout: Layout | undefined
  /** The series end here: each gets the staleness marker instead of a value. */
  readonly isStale: boolean
  readonly exemplars: readonly Exemplar[]

  constructor(
    stream: Stream,
    timestampMs: number,
    startMs: number,
    series: readonly Series[],
    values: readonly number[],
    native: NativeHistogram | undefined,
    layout: Layout | undefined,
    isStale: boolean,
    exemplars: readonly Exemplar[],
  ) {
    this.stream = stream
    this.timestampMs = timestampMs
    this.startMs = startMs
    this.series = series
    this.values = values
    this.native = native
    this.layout = layout
    this.isStale = isStale
    this.exemplars = exemplars
  }
}

export const NO_EXEMPLARS: readonly Exemplar[] = []

/** Of a classic histogram: for each bucket the latest exemplar that falls into it. Each series can carry but its own. */
export function exemplarsByBucket({ layout, exemplars }: Point): ReadonlyMap<number, Exemplar> {
  const byBucket = new Map<number, Exemplar>()
  for (const exemplar of exemplars) {
    const bucket = layout!.bounds.findIndex((bound) => exemplar.value <= bound)
    const before = byBucket.get(bucket)
    if (bucket >= 0 && (before === undefined || before.timestampMs <= exemplar.timestampMs)) byBucket.set(bucket, exemplar)
  }
  return byBucket
}
