// The series of all edges of the graph, by sender: counts requests in them, writes what they are, forgets what is stale.

import { setImmediate } from 'node:timers/promises'
import { ANONYMOUS, type Origin } from '../../core/index.ts'
import { parseDuration } from '../../core/factory.ts'
import {
  ATTRIBUTES_TAG,
  attributesOf,
  type Beginning,
  Buckets,
  column,
  Count,
  CUMULATIVE,
  Exponential,
  type Label,
  type MetricHead,
  type MetricsRequest,
  OriginKeys,
  overflowAttributes,
  type Series,
} from '../../core/series/index.ts'
import type { Edge } from './edge.ts'
import type { Config } from './schema.ts'

/** Senders that are told apart; what is of more of them is counted as nobody's, in the series of what overflows. */
const MOST_ORIGINS = 1000
/** In bytes, of labels: names may be long, too. */
const MOST_BYTES = 64 * 1024 * 1024
const NOBODY = Buffer.alloc(0)

type Metric = 'total' | 'failed' | 'server' | 'client' | 'messaging' | 'unpaired' | 'dropped'
const PREFIX = 'traces_service_graph_'

/** The series of one edge. */
interface Row {
  /** By kind of data point its attributes. */
  readonly attributes: Map<number, string>
  readonly bytes: number
  readonly series: Partial<Record<Metric, Series>>
  lastSeenMs: number
}
interface Sender {
  readonly origin: Origin
  readonly rows: Map<string, Row>
}

export class Edges {
  readonly #config: Config
  readonly #heads: Readonly<Record<Metric, MetricHead>>
  readonly #expirationMs: number
  readonly #makeDuration: (attributes: string, beginning: Beginning) => Series
  readonly #senders = new Map<string, Sender>()
  readonly #origins = new OriginKeys()
  /** What has no room, whoever it is of. */
  readonly #overflow: Sender = { origin: ANONYMOUS, rows: new Map() }
  size = 0
  #bytes = 0
  overflowed = 0

  constructor(config: Config) {
    this.#config = config
    this.#expirationMs = parseDuration(config.series_expiration) || Infinity
    const kind = config.exponential_histogram_max_size > 0 ? column.EXPONENTIAL_HISTOGRAM : column.HISTOGRAM
    const sum = (name: string): MetricHead => ({ name: PREFIX + name, unit: '', kind: column.SUM, temporality: CUMULATIVE })
    const histogram = (name: string): MetricHead => ({ name: PREFIX + name, unit: 's', kind, temporality: CUMULATIVE })
    this.#heads = {
      total: sum('request_total'),
      failed: sum('request_failed_total'),
      server: histogram('request_server_seconds'),
      client: histogram('request_client_seconds'),
      messaging: histogram('request_messaging_system_seconds'),
      unpaired: sum('unpaired_spans_total'),
      dropped: sum('dropped_spans_total'),
    }
    this.#makeDuration = durationMaker(config)
  }

  /** A request of which both sides are known. */
  complete(edge: Edge, unixNano: bigint, nowMs: number): void {
    const row = this.#rowOf(edge, nowMs)
    const { weight } = edge
    this.#series(row, 'total', unixNano, nowMs).record(0, weight)
    if (edge.failed) this.#series(row, 'failed', unixNano, nowMs).record(0, weight)
    this.#series(row, 'server', unixNano, nowMs).record(edge.serverSeconds, weight)
    this.#series(row, 'client', unixNano, nowMs).record(edge.clientSeconds, weight)
    if (!this.#config.enable_messaging_system_latency_histogram || edge.connectionType !== 'messaging_system') return
    const between = (edge.serverStart - edge.clientEnd) / 1e9
    // Clocks of two machines: what arrives before it was sent says nothing.
    if (between > 0) this.#series(row, 'messaging', unixNano, nowMs).record(between, weight)
  }

  /** A span whose other side did not come, or that found no room to wait for it. */
  lone(edge: Edge, which: 'unpaired' | 'dropped', unixNano: bigint, nowMs: number): void {
    this.#series(this.#rowOf(edge, nowMs), which, unixNano, nowMs).record(0, edge.weight)
  }

  #series(row: Row, metric: Metric, unixNano: bigint, nowMs: number): Series {
    const known = row.series[metric]
    if (known !== undefined) return known
    const { kind } = this.#heads[metric]
    const attributes = row.attributes.get(ATTRIBUTES_TAG[kind])!
    const beginning = { startUnixNano: unixNano, nowMs, beginsAtZero: true }
    const made = kind === column.SUM ? new Count(attributes, beginning) : this.#makeDuration(attributes, beginning)
    return (row.series[metric] = made)
  }

  #rowOf(edge: Edge, nowMs: number): Row {
    const sender = this.#senderOf(edge.origin)
    const key = keyOf(edge)
    let row = sender.rows.get(key)
    if (row === undefined) {
      const isFull = sender === this.#overflow || this.size >= this.#config.max_series || this.#bytes >= MOST_BYTES
      row = isFull ? this.#overflowRow(sender) : this.#newRow(sender, key, edge)
    }
    row.lastSeenMs = nowMs
    return row
  }

  #senderOf(origin: Origin): Sender {
    const key = this.#origins.of(origin)
    const known = this.#senders.get(key)
    if (known !== undefined) return known
    if (this.#senders.size >= MOST_ORIGINS) return this.#overflow
    const made = { origin, rows: new Map() }
    this.#senders.set(key, made)
    return made
  }

  #overflowRow({ rows }: Sender): Row {
    this.overflowed++
    const row = rows.get('') ?? rowWith((tag) => overflowAttributes(tag))
    rows.set('', row)
    return row
  }

  #newRow({ rows }: Sender, key: string, edge: Edge): Row {
    const labels = this.#labelsOf(edge)
    const row = rowWith((tag) => attributesOf(tag, labels))
    rows.set(key, row)
    this.size++
    this.#bytes += row.bytes
    return row
  }

  #labelsOf(edge: Edge): Label[] {
    const { dimensions, virtual_node_extra_label: hasVirtualNode } = this.#config
    const labels: Label[] = [
      ['client', edge.client],
      ['server', edge.server],
      ['connection_type', edge.connectionType],
    ]
    for (const [i, name] of dimensions.entries()) {
      if (edge.clientDimensions[i]) labels.push([`client_${name}`, edge.clientDimensions[i]])
      if (edge.serverDimensions[i]) labels.push([`server_${name}`, edge.serverDimensions[i]])
    }
    if (hasVirtualNode && edge.virtualNode !== '') labels.push(['virtual_node', edge.virtualNode])
    return labels
  }

  /** Senders in turn; `flush` hands on what is written and is false where nothing is taken now. */
  async write(out: MetricsRequest, unixNano: bigint, isLast: boolean, flush: (origin: Origin) => Promise<boolean>): Promise<boolean> {
    for (const { origin, rows } of [...this.#senders.values(), this.#overflow]) {
      out.resource(NOBODY)
      for (const [metric, head] of Object.entries(this.#heads) as [Metric, MetricHead][]) {
        out.metric(head)
        for (const { series } of rows.values()) {
          const one = series[metric]
          if (one === undefined) continue
          if (isLast) one.skipZero()
          out.beginPoint()
          // The wall clock may have been set back: nothing ends before it begins.
          one.write(out, one.startUnixNano < unixNano ? one.startUnixNano : unixNano, unixNano)
          out.endPoint()
          if (!out.isLarge) continue
          if (!(await flush(origin))) return false
          // Many series are written in pieces, between which others have their turn.
          await setImmediate()
        }
      }
      if (!(await flush(origin))) return false
    }
    return true
  }

  forgetStale(nowMs: number): void {
    for (const [key, { rows }] of this.#senders) {
      for (const [name, row] of rows) {
        if (nowMs - row.lastSeenMs < this.#expirationMs || Object.values(row.series).some((one) => !one.isWritten)) continue
        rows.delete(name)
        if (name === '') continue
        this.size--
        this.#bytes -= row.bytes
      }
      if (rows.size === 0) this.#senders.delete(key)
    }
  }
}

function rowWith(attributes: (tag: number) => string): Row {
  const all = new Map(Object.values(ATTRIBUTES_TAG).map((tag) => [tag, attributes(tag)]))
  return { attributes: all, bytes: [...all.values()].reduce((sum, { length }) => sum + length, 0), series: {}, lastSeenMs: 0 }
}

/** Never empty: that is the key of what overflows. */
function keyOf(edge: Edge): string {
  let key = `${edge.connectionType}/${edge.virtualNode}/${edge.client.length}:${edge.client}/${edge.server.length}:${edge.server}`
  for (const text of edge.clientDimensions) key += `/${text.length}:${text}`
  key += ';'
  for (const text of edge.serverDimensions) key += `/${text.length}:${text}`
  return key
}

function durationMaker(config: Config): (attributes: string, beginning: Beginning) => Series {
  const { exponential_histogram_max_size: maxSize, latency_histogram_buckets: buckets } = config
  if (maxSize > 0) return (attributes, beginning) => new Exponential(attributes, beginning, maxSize)
  const bounds = buckets.map((bucket) => Math.round(parseDuration(bucket) * 1e6) / 1e9)
  return (attributes, beginning) => new Buckets(attributes, beginning, bounds)
}
