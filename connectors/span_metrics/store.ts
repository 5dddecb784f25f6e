// All series of one connector: makes those that are new, counts them, and puts what would be too many into one that says so.

import { LATENCY_BUCKETS, parseDuration } from '../../core/factory.ts'
import {
  ATTRIBUTES_TAG,
  attributesOf,
  type Beginning,
  keyOf,
  type Label,
  overflowAttributes,
  Buckets,
  Count,
  CUMULATIVE,
  DELTA,
  Exponential,
  type MetricHead,
  type Series,
  type Temporality,
  column,
} from '../../core/series/index.ts'
import type { Resource } from './resources.ts'
import type { Config } from './schema.ts'

/** In bytes, of attributes: names may be long, too. */
const MOST_BYTES = 256 * 1024 * 1024
const DEFAULT_MAX_SIZE = 160
/** No series has this key: others begin with a number. */
const OVERFLOW_KEY = ''

export interface Heads {
  readonly calls: MetricHead
  readonly durations: MetricHead
  readonly events: MetricHead
}

export class Store {
  readonly temporality: Temporality
  readonly heads: Heads
  /** How many series there are; overflow series are not counted. */
  size = 0
  #bytes = 0
  /** Spans and events that were counted in an overflow series. */
  overflowed = 0
  readonly #mostOfMetric: number
  readonly #most: number
  readonly #make: (attributes: string, beginning: Beginning) => Series

  constructor(config: Config) {
    const { histogram, namespace } = config
    this.temporality = config.aggregation_temporality === 'AGGREGATION_TEMPORALITY_DELTA' ? DELTA : CUMULATIVE
    this.#mostOfMetric = config.aggregation_cardinality_limit === 0 ? Infinity : config.aggregation_cardinality_limit
    this.#most = config.max_series
    this.#make = durationMaker(histogram)
    const { temporality } = this
    const prefix = namespace === '' ? '' : `${namespace}.`
    const kind = histogram.exponential === undefined ? column.HISTOGRAM : column.EXPONENTIAL_HISTOGRAM
    this.heads = {
      calls: { name: `${prefix}calls`, unit: '', kind: column.SUM, temporality },
      durations: { name: `${prefix}duration`, unit: histogram.unit, kind, temporality },
      events: { name: `${prefix}events`, unit: '', kind: column.SUM, temporality },
    }
  }

  /** The series of `calls` or `events` with these labels, or what overflows. */
  count(resource: Resource, which: 'calls' | 'events', labels: readonly Label[], unixNano: bigint, nowMs: number): Count {
    const beginning = this.#beginning(unixNano, nowMs)
    const make = (attributes: string): Count => new Count(attributes, beginning)
    return this.#of(resource, resource[which], this.heads[which], labels, make)
  }

  duration(resource: Resource, labels: readonly Label[], unixNano: bigint, nowMs: number): Series {
    return this.#of(resource, resource.durations, this.heads.durations, labels, (attributes) =>
      this.#make(attributes, this.#beginning(unixNano, nowMs)),
    )
  }

  #beginning(startUnixNano: bigint, nowMs: number): Beginning {
    return { startUnixNano, nowMs, beginsAtZero: this.temporality === CUMULATIVE }
  }

  #of<S extends Series>(
    resource: Resource,
    all: Map<string, S>,
    { kind }: MetricHead,
    labels: readonly Label[],
    make: (attributes: string) => S,
  ): S {
    const key = keyOf(labels)
    const known = all.get(key)
    if (known !== undefined) return known
    const tag = ATTRIBUTES_TAG[kind]
    if (resource.isOverflow || this.#isFull(all)) {
      this.overflowed++
      const overflow = all.get(OVERFLOW_KEY) ?? make(overflowAttributes(tag))
      overflow.isOverflow = true
      all.set(OVERFLOW_KEY, overflow)
      return overflow
    }
    const attributes = attributesOf(tag, labels)
    const series = make(attributes)
    all.set(key, series)
    this.size++
    this.#bytes += attributes.length
    return series
  }

  #isFull(all: ReadonlyMap<string, Series>): boolean {
    if (this.size >= this.#most || this.#bytes >= MOST_BYTES) return true
    return all.size - (all.has(OVERFLOW_KEY) ? 1 : 0) >= this.#mostOfMetric
  }

  remove(all: Map<string, Series>, key: string): void {
    const series = all.get(key)!
    all.delete(key)
    if (key === OVERFLOW_KEY) return
    this.size--
    this.#bytes -= series.attributes.length
  }

  /** All series of a resource. */
  clear(resource: Resource): void {
    for (const all of [resource.calls, resource.durations, resource.events]) for (const key of all.keys()) this.remove(all, key)
  }
}

function durationMaker(histogram: Config['histogram']): (attributes: string, beginning: Beginning) => Series {
  if (histogram.exponential !== undefined) {
    const maxSize = histogram.exponential.max_size || DEFAULT_MAX_SIZE
    return (attributes, beginning) => new Exponential(attributes, beginning, maxSize)
  }
  const bounds = boundsOf(histogram)
  return (attributes, beginning) => new Buckets(attributes, beginning, bounds)
}

/** In the unit of the histogram. */
function boundsOf({ explicit, unit }: Config['histogram']): readonly number[] {
  const ns = (explicit?.buckets ?? LATENCY_BUCKETS).map((bucket) => Math.round(parseDuration(bucket) * 1e6))
  return ns.map((bound) => bound / (unit === 's' ? 1e9 : 1e6))
}
