// The cursor over data points of any kind, as plugins see it.

import type { RequestEdits } from './edits.ts'
import { type Item, ItemCursor, type OnDrop } from './item-cursor.ts'
import { MetricCursor, type MetricType } from './metric-cursor.ts'
import * as column from './request-index.ts'

export interface DataPoint extends Item {
  readonly metricName: string
  readonly metricDescription: string
  readonly metricUnit: string
  readonly metricType: MetricType
  /** Undefined but for sums. */
  readonly isMonotonic: boolean | undefined
  /** 0: not specified, or of a type that has none; 1: delta; 2: cumulative. */
  readonly aggregationTemporality: 0 | 1 | 2
  /** When the measuring began; 0 where that is not known. */
  readonly startTimeUnixNano: bigint
  readonly timeUnixNano: bigint
  /** Of a gauge or a sum. Integers are numbers where those are exact, else bigints. Undefined where the point has none. */
  readonly value: number | bigint | undefined
  /** Of the other types: how many values were measured. A bigint where no number is exact. */
  readonly count: number | bigint | undefined
  /** Of the other types: their sum. Undefined where a histogram has none. */
  readonly sum: number | undefined
}

export class DataPointCursor extends ItemCursor implements DataPoint {
  readonly #metric: MetricCursor

  constructor(edits: RequestEdits, dropped: OnDrop) {
    super(edits, dropped)
    this.#metric = new MetricCursor(edits, () => {})
  }

  override moveTo(item: number): void {
    super.moveTo(item)
    this.#metric.moveTo(this.column(column.PARENT))
  }

  get metricName(): string {
    return this.#metric.name
  }

  get metricDescription(): string {
    return this.#metric.description
  }

  get metricUnit(): string {
    return this.#metric.unit
  }

  get metricType(): MetricType {
    return this.#metric.type!
  }

  get isMonotonic(): boolean | undefined {
    return this.#metric.isMonotonic
  }

  get aggregationTemporality(): 0 | 1 | 2 {
    return this.#metric.aggregationTemporality
  }

  get startTimeUnixNano(): bigint {
    return this.time(column.POINT_START_TIME)
  }

  get timeUnixNano(): bigint {
    return this.time(column.POINT_TIME)
  }

  get value(): number | bigint | undefined {
    const { view } = this.edits.index
    const double = this.column(column.POINT_DOUBLE)
    if (double >= 0) return view.getFloat64(double, true)
    const int = this.column(column.POINT_INT)
    return int < 0 ? undefined : narrow(view.getBigInt64(int, true))
  }

  get count(): number | bigint | undefined {
    const { type } = this.#metric
    return type === 'gauge' || type === 'sum' ? undefined : narrow(this.time(column.POINT_COUNT))
  }

  /** A summary's is a plain field: absent is 0. */
  get sum(): number | undefined {
    const at = this.column(column.POINT_SUM)
    if (at >= 0) return this.edits.index.view.getFloat64(at, true)
    return this.#metric.type === 'summary' ? 0 : undefined
  }
}

function narrow(wide: bigint): number | bigint {
  const number = Number(wide)
  return Number.isSafeInteger(number) ? number : wide
}
