// Exponential histograms of OTLP as native histograms of Prometheus: buckets that are powers of 2^(2^-scale), counted by differences and in
// spans. The translation calls it.
// Source: the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", "Exponential Histograms".

import type { RequestIndex } from '../otlp/request-index.ts'
import { eachField, signed, varintAt, varintEnd } from './fields.ts'
import type { NativeBuckets } from './point.ts'

/** The scales that Prometheus has. A finer one is made coarser, for which a coarser one than the coarsest has no remedy. */
export const MAX_SCHEMA = 8
export const MIN_SCHEMA = -4
/** Where the sender says nothing of it. */
export const ZERO_THRESHOLD = 1e-128

/** Empty buckets between others that are cheaper to write down than another span. */
const MAX_GAP = 2

const EMPTY: NativeBuckets = { spans: [], deltas: [] }

/** Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }: dense, by their lower ends. */
export interface DenseBuckets {
  readonly offset: number
  readonly counts: readonly number[]
}

export function readBuckets({ bytes }: RequestIndex, start: number, end: number): DenseBuckets {
  let offset = 0
  const counts: number[] = []
  eachField(bytes, start, end, (tag, from, to) => {
    if (tag === 0x08) offset = signed(varintAt(bytes, from))
    else if (tag === 0x10) counts.push(varintAt(bytes, from))
    else if (tag === 0x12) for (let p = from; p < to; p = varintEnd) counts.push(varintAt(bytes, p))
  })
  return { offset, counts }
}

/** `coarser` scales fewer: each takes two buckets together. Prometheus numbers buckets by their upper ends, hence the one more. */
export function nativeBuckets({ offset, counts }: DenseBuckets, coarser: number): NativeBuckets {
  if (counts.every((count) => count === 0)) return EMPTY
  const spans: number[] = []
  const deltas: number[] = []
  let before = 0
  let end = 0
  for (let i = 0; i < counts.length;) {
    const bucket = Math.floor((offset + i) / 2 ** coarser)
    let count = 0
    for (; i < counts.length && Math.floor((offset + i) / 2 ** coarser) === bucket; i++) count += counts[i]!
    if (count === 0) continue
    const index = bucket + 1
    const gap = index - end
    if (spans.length === 0) spans.push(index, 0)
    else if (gap > MAX_GAP) spans.push(gap, 0)
    else
      for (let empty = 0; empty < gap; empty++) {
        deltas.push(-before)
        before = 0
        spans[spans.length - 1]!++
      }
    deltas.push(count - before)
    before = count
    spans[spans.length - 1]!++
    end = index + 1
  }
  return { spans, deltas }
}
