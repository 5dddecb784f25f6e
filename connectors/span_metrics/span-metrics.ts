// Connector `span_metrics` at work: counts every span in its series and hands on what the series are, again and again.
//
// A span costs the search for its dimensions and one look into a table of bytes: what makes its series (its name, its dimensions as they came) is the
// key there. Only what is new there is looked up, and made, by texts.

import { randomUUID } from 'node:crypto'
import type { Batch, Connector, Consumer, Origin, Settings } from '../../core/index.ts'
import { otlp } from '../../core/index.ts'
import { column, type Count, KeyTable, type Label, Periodic, type Series, Weight } from '../../core/series/index.ts'
import { END_TIME, eventsOf, lowerTime, resourceAttribute, START_TIME, statusCodeOf, upperTime } from '../../core/traces/index.ts'
import { parseDuration } from '../../core/factory.ts'
import { type Dimensions, Names } from './dimensions.ts'
import { type Facts, Labels, type Scope } from './labels.ts'
import { Output } from './output.ts'
import { type Resource, Resources } from './resources.ts'
import type { Config } from './schema.ts'
import { scopeOf } from './scope.ts'
import { Store } from './store.ts'

/** The series of spans that are alike. */
interface Row {
  readonly calls: Count
  readonly duration: Series | undefined
}

const SPARE_ROWS = 1024
const SERVICE_NAME = Buffer.from('service.name')
/** Of this process: what another counts is another series. */
const INSTANCE_ID = randomUUID()

export class SpanMetrics implements Connector {
  readonly #settings: Settings
  readonly #store: Store
  readonly #resources: Resources
  readonly #output: Output
  readonly #periodic: Periodic
  readonly #labels: Labels
  readonly #names = new Names()
  readonly #ofCalls: Dimensions
  readonly #ofDurations: Dimensions | undefined
  readonly #ofEvents: Dimensions | undefined
  readonly #scopes: ReadonlySet<string>
  readonly #mostExemplars: number
  readonly #hasMethod: boolean
  readonly #nsPerUnit: number
  readonly #weight: Weight
  /** From the bytes of what makes a span's series to its row. */
  readonly #table = new KeyTable()
  #rows: Row[] = []
  #skipped = 0

  constructor(config: Config, next: Consumer, settings: Settings, random: () => number = Math.random) {
    const { histogram, events, exemplars, dimensions } = config
    this.#settings = settings
    this.#store = new Store(config)
    this.#resources = new Resources(
      {
        most: config.resource_metrics_cache_size,
        keyAttributes: config.resource_metrics_key_attributes,
        isAttributed: config.add_resource_attributes,
      },
      (resource) => this.#forget(resource),
    )
    this.#labels = new Labels(config, INSTANCE_ID)
    this.#ofCalls = this.#names.dimensions(dimensions, config.calls_dimensions)
    this.#ofDurations = histogram.disable ? undefined : this.#names.dimensions(dimensions, histogram.dimensions)
    this.#ofEvents = events.enabled ? this.#names.dimensions(dimensions, events.dimensions) : undefined
    this.#scopes = new Set(config.include_instrumentation_scope)
    this.#mostExemplars = exemplars.enabled ? exemplars.max_per_data_point : 0
    this.#hasMethod = config.enable_metrics_sampling_method
    this.#nsPerUnit = histogram.unit === 's' ? 1e9 : 1e6
    this.#weight = new Weight(random)
    this.#output = new Output({
      config,
      store: this.#store,
      resources: this.#resources,
      next,
      settings,
      onRemoved: () => this.#clearRows(),
    })
    const { clock, log } = settings
    const intervalMs = parseDuration(config.metrics_flush_interval)
    this.#periodic = new Periodic({ intervalMs, clock, log, round: (deadlineMs, isLast) => this.#output.round(deadlineMs, isLast) })
    this.#measure()
  }

  #measure(): void {
    const { meter } = this.#settings
    const name = 'millrace_span_metrics_'
    meter.gauge(`${name}series`, '{series}', 'Number of series that are kept.', () => this.#store.size)
    meter.gauge(`${name}resources`, '{resource}', 'Number of resources that have series.', () => this.#resources.size)
    meter.gauge(
      `${name}overflowed`,
      '{span}',
      'Number of times that a span, or an event, found no room for a series of its own.',
      () => this.#store.overflowed,
    )
    meter.gauge(
      `${name}skipped`,
      '{span}',
      'Number of spans of resources without a service.name, which are not counted.',
      () => this.#skipped,
    )
  }

  async start(): Promise<void> {
    this.#periodic.start()
  }

  stop(abort: AbortSignal): Promise<void> {
    return this.#periodic.stop(abort)
  }

  async consume(batch: Batch): Promise<void> {
    const now = this.#settings.clock.monotonicMs()
    const unixNano = this.#output.unixNano()
    for (const chunk of batch.chunks) this.#addRequest(otlp.indexChunk('traces', chunk), batch.origin, now, unixNano)
  }

  #addRequest(index: otlp.RequestIndex, origin: Origin, now: number, unixNano: bigint): void {
    const { resources, scopes } = index
    for (let r = 0; r < index.resourceCount; r++) {
      const row = r * column.ENVELOPE_STRIDE
      const first = resources[row + column.CHILD_FIRST]!
      const end = resources[row + column.CHILD_END]!
      const service = resourceAttribute(index, r, SERVICE_NAME)
      const resource = service < 0 ? undefined : this.#resources.of(index, r, origin, now)
      if (resource !== undefined) this.#names.moveToResource(index, r)
      for (let s = first; s < end; s++) {
        const spans = scopes[s * column.ENVELOPE_STRIDE + column.CHILD_FIRST]!
        const behind = scopes[s * column.ENVELOPE_STRIDE + column.CHILD_END]!
        if (resource === undefined) this.#skipped += behind - spans
        else this.#addScope(index, { resource, service, scope: scopeOf(index, s, this.#scopes), now, unixNano }, spans, behind)
      }
    }
  }

  #addScope(index: otlp.RequestIndex, around: Around, first: number, end: number): void {
    const { resource, now } = around
    const { bytes } = index
    for (let span = first; span < end; span++) {
      const n = this.#weight.of(index, span)
      this.#names.moveToSpan(index, span)
      const row = this.#rowOf(index, span, around)
      const { calls, duration } = row
      const value = this.#durationOf(index, span)
      calls.lastSeenMs = now
      calls.record(value, n)
      if (duration !== undefined) {
        duration.lastSeenMs = now
        duration.record(value, n)
      }
      if (this.#mostExemplars > 0) {
        const ids = [
          index.items[span * column.ITEM_STRIDE + column.SPAN_TRACE_ID]!,
          index.items[span * column.ITEM_STRIDE + column.SPAN_ID]!,
        ] as const
        if (!calls.isOverflow) calls.addExemplar(this.#mostExemplars, value, bytes, ...ids)
        if (duration?.isOverflow === false) duration.addExemplar(this.#mostExemplars, value, bytes, ...ids)
      }
      if (this.#ofEvents !== undefined) this.#addEvents(index, span, around, value, n)
    }
    resource.lastSeenMs = now
  }

  /** In the unit of the histogram; 0 where a span ends before it begins. */
  #durationOf(index: otlp.RequestIndex, span: number): number {
    const seconds = (upperTime(index, span, END_TIME) >>> 0) - (upperTime(index, span, START_TIME) >>> 0)
    const ns = seconds * 0x1_0000_0000 + ((lowerTime(index, span, END_TIME) >>> 0) - (lowerTime(index, span, START_TIME) >>> 0))
    return ns > 0 ? ns / this.#nsPerUnit : 0
  }

  #rowOf(index: otlp.RequestIndex, span: number, around: Around): Row {
    const { items, bytes } = index
    const table = this.#table
    const names = this.#names
    const at = span * column.ITEM_STRIDE
    table.begin()
    table.int(around.resource.number)
    // Whatever the sender wrote, in all its bits.
    table.int(items[at + column.SPAN_KIND]!)
    table.int(statusCodeOf(index, span))
    if (this.#hasMethod) table.int(this.#weight.isExtrapolated ? 1 : 0)
    // In the same resource the service is the same, unless that is told by other attributes.
    table.part(bytes, index.attributes[around.service + column.ATTR_VALUE]!, index.attributes[around.service + column.ATTR_VALUE_END]!)
    table.part(bytes, items[at + column.SPAN_NAME_START]!, items[at + column.SPAN_NAME_END]!)
    const { from, to } = names
    for (let i = 0; i < from.length; i++) {
      if (from[i]! < 0) table.int(-1)
      else table.part(bytes, from[i]!, to[i]!)
    }
    if (names.hasGlobs) names.writeMatched(table, bytes)
    if (around.scope !== undefined) table.part(around.scope.key, 0, around.scope.key.length)
    const known = table.find()
    return known >= 0 ? this.#rows[known]! : this.#newRow(index, span, around)
  }

  #newRow(index: otlp.RequestIndex, span: number, around: Around): Row {
    const { resource, now, unixNano } = around
    const own = [...this.#labels.of(this.#factsOf(index, span, around))]
    const labels = (dimensions: Dimensions): Label[] => [...own, ...this.#names.of(dimensions, index.bytes)]
    const calls = this.#store.count(resource, 'calls', labels(this.#ofCalls), unixNano, now)
    const duration = this.#ofDurations === undefined ? undefined : this.#store.duration(resource, labels(this.#ofDurations), unixNano, now)
    const row = { calls, duration }
    // What overflows comes with ever new keys, which would push out the others.
    if (calls.isOverflow || duration?.isOverflow === true) return row
    // The table forgets all when it is full; rows that it does not know any more go as well.
    if (this.#rows.length > 2 * this.#table.size + SPARE_ROWS) this.#clearRows()
    if (this.#table.set(this.#rows.length)) this.#rows.push(row)
    return row
  }

  #factsOf(index: otlp.RequestIndex, span: number, { service, scope }: Around): Facts {
    const { items, bytes, attributes } = index
    const at = span * column.ITEM_STRIDE
    const serviceName = otlp.readAnyValue(bytes, attributes[service + column.ATTR_VALUE]!, attributes[service + column.ATTR_VALUE_END]!)
    return {
      service: typeof serviceName === 'string' ? serviceName : '',
      name: bytes.toString('utf8', items[at + column.SPAN_NAME_START], items[at + column.SPAN_NAME_END]),
      kind: items[at + column.SPAN_KIND]!,
      status: statusCodeOf(index, span),
      scope,
      isExtrapolated: this.#weight.isExtrapolated,
    }
  }

  #addEvents(index: otlp.RequestIndex, span: number, around: Around, value: number, n: number): void {
    const { resource, now, unixNano } = around
    for (const attributes of eventsOf(index, span)) {
      this.#names.moveToEvent(index, span, attributes)
      const labels = [...this.#labels.of(this.#factsOf(index, span, around)), ...this.#names.of(this.#ofEvents!, index.bytes)]
      const series = this.#store.count(resource, 'events', labels, unixNano, now)
      series.lastSeenMs = now
      series.record(value, n)
      if (this.#mostExemplars === 0 || series.isOverflow) continue
      const at = span * column.ITEM_STRIDE
      series.addExemplar(
        this.#mostExemplars,
        value,
        index.bytes,
        index.items[at + column.SPAN_TRACE_ID]!,
        index.items[at + column.SPAN_ID]!,
      )
    }
  }

  #clearRows(): void {
    this.#table.clear()
    this.#rows = []
  }

  #forget(resource: Resource): void {
    this.#store.clear(resource)
    this.#clearRows()
  }
}

/** What the spans of one scope have in common. */
interface Around {
  readonly resource: Resource
  /** The row of its attribute. */
  readonly service: number
  readonly scope: (Scope & { readonly key: Buffer }) | undefined
  readonly now: number
  readonly unixNano: bigint
}
