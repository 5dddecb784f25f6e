// What a condition can name, for each kind of item: views that decode what is asked for. Their members are called as in the Collector's
// own conditions; vocabulary.ts gives them their types.

import { DataPointCursor } from '../otlp/data-point-cursor.ts'
import type { RequestEdits } from '../otlp/edits.ts'
import { findField, textOf } from '../otlp/item-cursor.ts'
import { LogRecordCursor } from '../otlp/log-record-cursor.ts'
import { MetricCursor } from '../otlp/metric-cursor.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { SpanCursor } from '../otlp/span-cursor.ts'
import { AttributeRows, conditionValue } from './attribute-map.ts'

export class ResourceView {
  readonly rows: AttributeRows = new AttributeRows()

  get attributes(): ReadonlyMap<string, unknown> {
    return this.rows.map
  }
}

/** `InstrumentationScope { string name = 1; string version = 2; … }` */
export class ScopeView {
  readonly rows: AttributeRows = new AttributeRows()
  #start = -1
  #end = -1

  moveTo(index: RequestIndex, row: number): void {
    this.rows.moveTo(index, index.scopes[row + column.ATTRS_FIRST]!, index.scopes[row + column.ATTRS_END]!)
    this.#start = index.scopes[row + column.MESSAGE_START]!
    this.#end = index.scopes[row + column.MESSAGE_END]!
  }

  get name(): string {
    return this.#text(0x0a)
  }
  get version(): string {
    return this.#text(0x12)
  }
  get attributes(): ReadonlyMap<string, unknown> {
    return this.rows.map
  }

  #text(tag: number): string {
    const { bytes } = this.rows.index
    return this.#start < 0 ? '' : textOf(bytes, findField(bytes, this.#start, this.#end, tag))
  }
}

export class StatusView {
  readonly #cursor: SpanCursor

  constructor(cursor: SpanCursor) {
    this.#cursor = cursor
  }

  get code(): bigint {
    return BigInt(this.#cursor.statusCode)
  }
  get message(): string {
    return this.#cursor.statusMessage
  }
}

/** What views of every kind share; each item has a number in the request that `edits` describes. */
abstract class ItemView {
  readonly edits: RequestEdits
  readonly #rows: AttributeRows = new AttributeRows()
  readonly resource: ResourceView = new ResourceView()
  readonly scope: ScopeView = new ScopeView()

  constructor(edits: RequestEdits) {
    this.edits = edits
  }

  get attributes(): ReadonlyMap<string, unknown> {
    return this.#rows.map
  }

  protected moveRows(item: number): void {
    const { index } = this.edits
    const row = item * column.ITEM_STRIDE
    this.#rows.moveTo(index, index.items[row + column.ATTRS_FIRST]!, index.items[row + column.ATTRS_END]!)
    moveEnvelopes(this.edits, index.scopeOf(item), this.scope, this.resource)
  }
}

function moveEnvelopes({ index }: RequestEdits, scope: number, scopeView: ScopeView, resourceView: ResourceView): void {
  const scopeRow = scope * column.ENVELOPE_STRIDE
  scopeView.moveTo(index, scopeRow)
  const resourceRow = index.scopes[scopeRow + column.PARENT]! * column.ENVELOPE_STRIDE
  resourceView.rows.moveTo(index, index.resources[resourceRow + column.ATTRS_FIRST]!, index.resources[resourceRow + column.ATTRS_END]!)
}

export class SpanView extends ItemView {
  readonly #cursor: SpanCursor
  readonly status: StatusView

  constructor(edits: RequestEdits) {
    super(edits)
    this.#cursor = new SpanCursor(edits, () => {})
    this.status = new StatusView(this.#cursor)
  }

  moveTo(span: number): void {
    this.#cursor.moveTo(span)
    this.moveRows(span)
  }

  get name(): string {
    return this.#cursor.name
  }
  get kind(): bigint {
    return BigInt(this.#cursor.kind)
  }
  get trace_id(): string {
    return this.#cursor.traceId
  }
  get span_id(): string {
    return this.#cursor.spanId
  }
  get parent_span_id(): string {
    return this.#cursor.parentSpanId
  }
  get trace_state(): string {
    return this.#cursor.traceState
  }
  get start_time_unix_nano(): bigint {
    return this.#cursor.startTimeUnixNano
  }
  get end_time_unix_nano(): bigint {
    return this.#cursor.endTimeUnixNano
  }
  /** Negative where a clock was set back. */
  get duration_ms(): number {
    return Number(this.#cursor.endTimeUnixNano - this.#cursor.startTimeUnixNano) / 1e6
  }
}

export class LogRecordView extends ItemView {
  readonly #cursor: LogRecordCursor

  constructor(edits: RequestEdits) {
    super(edits)
    this.#cursor = new LogRecordCursor(edits, () => {})
  }

  moveTo(record: number): void {
    this.#cursor.moveTo(record)
    this.moveRows(record)
  }

  get body(): unknown {
    return conditionValue(this.#cursor.body ?? null)
  }
  get severity_number(): bigint {
    return BigInt(this.#cursor.severityNumber)
  }
  get severity_text(): string {
    return this.#cursor.severityText
  }
  get event_name(): string {
    return this.#cursor.eventName
  }
  get trace_id(): string {
    return this.#cursor.traceId
  }
  get span_id(): string {
    return this.#cursor.spanId
  }
  get time_unix_nano(): bigint {
    return this.#cursor.timeUnixNano
  }
  get observed_time_unix_nano(): bigint {
    return this.#cursor.observedTimeUnixNano
  }
}

/** A metric alone, and as what a data point belongs to. */
export class MetricView {
  readonly edits: RequestEdits
  readonly #cursor: MetricCursor
  readonly resource: ResourceView = new ResourceView()
  readonly scope: ScopeView = new ScopeView()

  constructor(edits: RequestEdits) {
    this.edits = edits
    this.#cursor = new MetricCursor(edits, () => {})
  }

  moveTo(metric: number): void {
    const { index } = this.edits
    this.#cursor.moveTo(metric)
    moveEnvelopes(this.edits, index.metrics[metric * column.METRIC_STRIDE + column.PARENT]!, this.scope, this.resource)
  }

  get name(): string {
    return this.#cursor.name
  }
  get metric(): this {
    return this
  }
  get description(): string {
    return this.#cursor.description
  }
  get unit(): string {
    return this.#cursor.unit
  }
  /** Empty where the metric came without data. */
  get type(): string {
    return this.#cursor.type ?? ''
  }
  get is_monotonic(): boolean {
    return this.#cursor.isMonotonic ?? false
  }
  get aggregation_temporality(): bigint {
    return BigInt(this.#cursor.aggregationTemporality)
  }
}

export class DataPointView extends ItemView {
  readonly #cursor: DataPointCursor
  readonly metric: MetricView

  constructor(edits: RequestEdits) {
    super(edits)
    this.#cursor = new DataPointCursor(edits, () => {})
    this.metric = new MetricView(edits)
  }

  moveTo(point: number): void {
    this.#cursor.moveTo(point)
    this.metric.moveTo(this.edits.index.items[point * column.ITEM_STRIDE + column.PARENT]!)
    this.moveRows(point)
  }

  get start_time_unix_nano(): bigint {
    return this.#cursor.startTimeUnixNano
  }
  get time_unix_nano(): bigint {
    return this.#cursor.timeUnixNano
  }
  /** Null for what is neither gauge nor sum, and where the point has none. */
  get value(): unknown {
    return this.#cursor.value ?? null
  }
  get count(): unknown {
    const { count } = this.#cursor
    return count === undefined ? null : BigInt(count)
  }
  get sum(): unknown {
    return this.#cursor.sum ?? null
  }
}

export interface Views {
  readonly span: SpanView
  readonly log_record: LogRecordView
  readonly metric: MetricView
  readonly data_point: DataPointView
}
export type ConditionContext = keyof Views
export const VIEWS: { readonly [C in ConditionContext]: new (edits: RequestEdits) => Views[C] } = {
  span: SpanView,
  log_record: LogRecordView,
  metric: MetricView,
  data_point: DataPointView,
}
