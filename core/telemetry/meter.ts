// Metrics in memory: what components measure, until somebody reads it. `run` makes one meter for a service; tests read it, and so do the
// Prometheus page and the OTLP reader.

import type { Meter, MetricAttributes } from '../component.ts'

/** A point of a counter or a gauge. */
export interface NumberPoint {
  readonly attributes: MetricAttributes
  readonly value: number
}
export interface HistogramPoint {
  readonly attributes: MetricAttributes
  /** How many values lie in each bucket; one more than there are bounds. */
  readonly counts: readonly number[]
  readonly sum: number
}

/** A metric as it is now. A counter only grows, since the meter was made. */
export type Metric = {
  readonly name: string
  readonly unit: string
  readonly help: string
} & (
  | { readonly type: 'counter' | 'gauge'; readonly points: readonly NumberPoint[] }
  | { readonly type: 'histogram'; readonly bounds: readonly number[]; readonly points: readonly HistogramPoint[] }
)

/** As in OpenTelemetry's SDKs: a metric whose attributes come from outside must not grow without end. */
const MAX_ATTRIBUTE_SETS = 2000
const OVERFLOW: MetricAttributes = Object.freeze({ 'otel.metric.overflow': 'true' })
const NONE: MetricAttributes = Object.freeze({})

export class MemoryMeter implements Meter {
  readonly #metrics = new Map<string, Counter | Gauge | Histogram>()

  counter(name: string, unit: string, help: string): (n: number, attributes?: MetricAttributes) => void {
    const counter = this.#known(name, Counter) ?? this.#add(name, new Counter(unit, help))
    return (n, attributes = NONE) => {
      counter.cells.of(attributes).value += n
    }
  }

  gauge(name: string, unit: string, help: string, read: Parameters<Meter['gauge']>[3]): void {
    const gauge = this.#known(name, Gauge) ?? this.#add(name, new Gauge(unit, help))
    gauge.reads.push(read)
  }

  /** Counters that somebody else keeps: read like a gauge, shown as a counter. */
  observedCounter(name: string, unit: string, help: string, read: Parameters<Meter['gauge']>[3]): void {
    this.gauge(name, unit, help, read)
    this.#known(name, Gauge)!.type = 'counter'
  }

  histogram(name: string, unit: string, help: string, bounds: readonly number[]): (value: number, attributes?: MetricAttributes) => void {
    const histogram = this.#known(name, Histogram) ?? this.#add(name, new Histogram(unit, help, bounds))
    return (value, attributes = NONE) => histogram.record(value, attributes)
  }

  /** The same meter for one component: its attributes are on everything. */
  scoped(own: MetricAttributes): Meter {
    const scoped = new Scope(own)
    return {
      counter: (name, unit, help) => {
        const add = this.counter(name, unit, help)
        return (n, attributes) => add(n, scoped.with(attributes))
      },
      gauge: (name, unit, help, read) =>
        this.gauge(name, unit, help, () => {
          const found = read()
          return typeof found === 'number' ? [[found, scoped.with(undefined)]] : scoped.each(found)
        }),
      histogram: (name, unit, help, bounds) => {
        const record = this.histogram(name, unit, help, bounds)
        return (value, attributes) => record(value, scoped.with(attributes))
      },
    }
  }

  /** Of a counter or a gauge; 0 for what was never counted. */
  value(name: string, attributes: MetricAttributes = NONE): number {
    const metric = this.#metrics.get(name)?.read(name)
    if (metric === undefined || metric.type === 'histogram') return 0
    return metric.points.find((point) => keyOf(point.attributes) === keyOf(attributes))?.value ?? 0
  }

  /** Every metric, in the order in which it was asked for first. */
  read(): readonly Metric[] {
    return [...this.#metrics].map(([name, metric]) => metric.read(name))
  }

  #known<M>(name: string, kind: abstract new (...args: never[]) => M): M | undefined {
    const metric = this.#metrics.get(name)
    if (metric === undefined || metric instanceof kind) return metric
    throw new Error(`the metric ${name} is of another kind already`)
  }

  #add<M extends Counter | Gauge | Histogram>(name: string, metric: M): M {
    this.#metrics.set(name, metric)
    return metric
  }
}

/** One cell for each set of attributes. */
class Cells<C> {
  readonly #cells = new Map<string, { readonly attributes: MetricAttributes; readonly cell: C }>()
  readonly #make: () => C
  /** By identity: callers that pass the same frozen object each time pay no sorting. */
  readonly #remembered = new WeakMap<MetricAttributes, C>()

  constructor(make: () => C) {
    this.#make = make
  }

  of(attributes: MetricAttributes): C {
    const remembered = this.#remembered.get(attributes)
    if (remembered !== undefined) return remembered
    const cell = this.#find(attributes)
    if (Object.isFrozen(attributes)) this.#remembered.set(attributes, cell)
    return cell
  }

  *[Symbol.iterator](): Iterator<readonly [MetricAttributes, C]> {
    for (const { attributes, cell } of this.#cells.values()) yield [attributes, cell]
  }

  #find(attributes: MetricAttributes): C {
    const key = keyOf(attributes)
    const known = this.#cells.get(key)
    if (known !== undefined) return known.cell
    if (this.#cells.size >= MAX_ATTRIBUTE_SETS && attributes !== OVERFLOW) return this.#find(OVERFLOW)
    const cell = this.#make()
    this.#cells.set(key, { attributes: { ...attributes }, cell })
    return cell
  }
}

class Counter {
  readonly unit: string
  readonly help: string
  readonly cells = new Cells(() => ({ value: 0 }))

  constructor(unit: string, help: string) {
    this.unit = unit
    this.help = help
  }

  read(name: string): Metric {
    const points = [...this.cells].map(([attributes, { value }]) => ({ attributes, value }))
    return { name, unit: this.unit, help: this.help, type: 'counter', points }
  }
}

class Gauge {
  readonly unit: string
  readonly help: string
  readonly reads: Parameters<Meter['gauge']>[3][] = []
  type: 'counter' | 'gauge' = 'gauge'

  constructor(unit: string, help: string) {
    this.unit = unit
    this.help = help
  }

  read(name: string): Metric {
    const points: NumberPoint[] = []
    for (const read of this.reads) {
      const found = read()
      if (typeof found === 'number') points.push({ attributes: NONE, value: found })
      else for (const [value, attributes] of found) points.push({ attributes, value })
    }
    return { name, unit: this.unit, help: this.help, type: this.type, points }
  }
}

class Histogram {
  readonly unit: string
  readonly help: string
  readonly bounds: readonly number[]
  readonly #cells: Cells<{ readonly counts: number[]; sum: number }>

  constructor(unit: string, help: string, bounds: readonly number[]) {
    this.unit = unit
    this.help = help
    this.bounds = bounds
    this.#cells = new Cells(() => ({ counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }))
  }

  record(value: number, attributes: MetricAttributes): void {
    const cell = this.#cells.of(attributes)
    let bucket = 0
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++
    cell.counts[bucket]!++
    cell.sum += value
  }

  read(name: string): Metric {
    const points = [...this.#cells].map(([attributes, { counts, sum }]) => ({ attributes, counts: [...counts], sum }))
    return { name, unit: this.unit, help: this.help, type: 'histogram', bounds: this.bounds, points }
  }
}

/** A component's own attributes, laid over those of a call. */
class Scope {
  readonly #own: MetricAttributes
  readonly #merged = new WeakMap<MetricAttributes, MetricAttributes>()

  constructor(own: MetricAttributes) {
    this.#own = Object.freeze({ ...own })
  }

  with(attributes: MetricAttributes | undefined): MetricAttributes {
    if (attributes === undefined) return this.#own
    const known = this.#merged.get(attributes)
    if (known !== undefined) return known
    if (!Object.isFrozen(attributes)) return { ...attributes, ...this.#own }
    const merged = Object.freeze({ ...attributes, ...this.#own })
    this.#merged.set(attributes, merged)
    return merged
  }

  *each(
    points: Iterable<readonly [value: number, attributes: MetricAttributes]>,
  ): Iterable<readonly [value: number, attributes: MetricAttributes]> {
    for (const [value, attributes] of points) yield [value, this.with(attributes)]
  }
}

/** The same for the same attributes in any order. */
function keyOf(attributes: MetricAttributes): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
}
