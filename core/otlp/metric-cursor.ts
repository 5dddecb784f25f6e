// The cursor over metrics: what all points of one metric share. For processors that look at metrics as a whole, and inside of the cursor
// over data points.

import type { RequestEdits } from './edits.ts'
import { textOf } from './item-cursor.ts'
import { PATCH_FROM, PATCH_KEY, PATCH_TO, PATCH_VALUE } from './patch.ts'
import * as column from './request-index.ts'
import { next, readUint32 } from './wire.ts'

export type MetricType = 'gauge' | 'sum' | 'histogram' | 'exponential_histogram' | 'summary'

export interface Metric {
  name: string
  description: string
  unit: string
  /** Undefined where the metric came without data. */
  readonly type: MetricType | undefined
  /** Undefined but for sums. */
  readonly isMonotonic: boolean | undefined
  /** 0: not specified, or of a type that has none; 1: delta; 2: cumulative. */
  readonly aggregationTemporality: 0 | 1 | 2
  readonly dataPointCount: number
  /** Leaves the metric out with all its data points; the ledger counts them under `reason`. */
  drop(reason: string): void
}

const TYPES: readonly (MetricType | undefined)[] = Array.from({ length: 12 }, (_, kind) => {
  switch (kind) {
    case column.GAUGE:
      return 'gauge'
    case column.SUM:
      return 'sum'
    case column.HISTOGRAM:
      return 'histogram'
    case column.EXPONENTIAL_HISTOGRAM:
      return 'exponential_histogram'
    case column.SUMMARY:
      return 'summary'
    default:
      return undefined
  }
})

export class MetricCursor implements Metric {
  readonly edits: RequestEdits
  readonly #dropped: (count: number, reason: string) => void
  #metric = 0
  #row = 0

  constructor(edits: RequestEdits, dropped: (count: number, reason: string) => void) {
    this.edits = edits
    this.#dropped = dropped
  }

  moveTo(metric: number): void {
    this.#metric = metric
    this.#row = metric * column.METRIC_STRIDE
  }

  get name(): string {
    return this.#text(0x0a, column.METRIC_NAME_TAG)
  }

  set name(value: string) {
    this.#setText(0x0a, column.METRIC_NAME_TAG, value)
  }

  get description(): string {
    return this.#text(0x12, column.METRIC_DESCRIPTION_TAG)
  }

  set description(value: string) {
    this.#setText(0x12, column.METRIC_DESCRIPTION_TAG, value)
  }

  get unit(): string {
    return this.#text(0x1a, column.METRIC_UNIT_TAG)
  }

  set unit(value: string) {
    this.#setText(0x1a, column.METRIC_UNIT_TAG, value)
  }

  get type(): MetricType | undefined {
    return TYPES[this.#column(column.METRIC_KIND)]
  }

  get isMonotonic(): boolean | undefined {
    return this.#column(column.METRIC_KIND) === column.SUM ? this.#column(column.METRIC_MONOTONIC) !== 0 : undefined
  }

  get aggregationTemporality(): 0 | 1 | 2 {
    const value = this.#column(column.METRIC_TEMPORALITY)
    return value === 1 || value === 2 ? value : 0
  }

  get dataPointCount(): number {
    return this.#column(column.CHILD_END) - this.#column(column.CHILD_FIRST)
  }

  drop(reason: string): void {
    const count = this.edits.dropMetric(this.#metric)
    if (count > 0) this.#dropped(count, reason)
  }

  #column(which: number): number {
    return this.edits.index.metrics[this.#row + which]!
  }

  #text(tag: number, which: number): string {
    const { index, arena, patches } = this.edits
    const at = this.#column(which)
    const patch = this.#patchOf(tag, at)
    return patch < 0 ? textOf(index.bytes, at) : arena.bytes.toString('utf8', patches[patch + PATCH_VALUE], patches[patch + PATCH_TO])
  }

  #setText(tag: number, which: number, value: string): void {
    const { edits } = this
    const at = this.#column(which)
    const from = edits.arena.at
    edits.arena.text(tag, value)
    const to = edits.arena.at
    let patch = this.#patchOf(tag, at)
    if (patch >= 0) {
      edits.patches[patch + PATCH_FROM] = from
      edits.patches[patch + PATCH_TO] = to
    } else if (at < 0) {
      const start = this.#column(column.START)
      patch = edits.patchMetric(this.#metric, start, start, from, to)
    } else {
      const length = readUint32(edits.index.bytes, at + 1, edits.index.bytes.length)
      patch = edits.patchMetric(this.#metric, at, next + length, from, to)
    }
    edits.describe(patch, -2 - tag, -1, to - Buffer.byteLength(value))
  }

  /** Text that is there is found by its place, text that was added by its tag. */
  #patchOf(tag: number, at: number): number {
    const { edits } = this
    const head = edits.metricPatches[this.#metric]!
    if (at >= 0) return head < 0 ? -1 : edits.patchOf(head, at)
    for (let patch = head; patch >= 0; patch = edits.nextPatch(patch)) if (edits.patches[patch + PATCH_KEY] === -2 - tag) return patch
    return -1
  }
}
