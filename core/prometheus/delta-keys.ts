// The totals of what is added up, by the bytes of what names a stream: resource, scope, metric, attributes in any order. delta.ts asks it.

import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { next, readUint32 } from '../otlp/wire.ts'
import type { Total } from './delta-totals.ts'

export class DeltaKeys {
  readonly #maxStreams: number
  /** By resource and scope, then by metric, then by attributes. */
  readonly #scopes = new Map<string, Map<string, Map<string, Total>>>()
  #size = 0

  constructor(maxStreams: number) {
    this.#maxStreams = maxStreams
  }

  get size(): number {
    return this.#size
  }

  /** How many scopes and metrics there are. */
  get owners(): number {
    let count = this.#scopes.size
    for (const metrics of this.#scopes.values()) count += metrics.size
    return count
  }

  /** Undefined where it would be one too many. */
  total(index: RequestIndex, metric: number, item: number, begin: () => Total): Total | undefined {
    const scope = index.metrics[metric * column.METRIC_STRIDE + column.PARENT]!
    const [ofScope, ofMetric, key] = [scopeKey(index, scope), metricKey(index, metric), attributesKey(index, item)]
    const known = this.#scopes.get(ofScope)?.get(ofMetric)?.get(key)
    if (known !== undefined) return known
    if (this.#size >= this.#maxStreams) return undefined
    const total = begin()
    ofKey(ofKey(this.#scopes, ofScope), ofMetric).set(key, total)
    this.#size++
    return total
  }

  /** Forgets those whose last point came before that moment. */
  sweep(beforeMs: number): void {
    for (const [scope, metrics] of this.#scopes) {
      for (const [metric, totals] of metrics) {
        for (const [key, { seenMs }] of totals) {
          if (seenMs >= beforeMs) continue
          totals.delete(key)
          this.#size--
        }
        if (totals.size === 0) metrics.delete(metric)
      }
      if (metrics.size === 0) this.#scopes.delete(scope)
    }
  }
}

function ofKey<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let inner = map.get(key)
  if (inner === undefined) map.set(key, (inner = new Map()))
  return inner
}

function scopeKey({ bytes, scopes, resources }: RequestIndex, scope: number): string {
  const s = scope * column.ENVELOPE_STRIDE
  const r = scopes[s + column.PARENT]! * column.ENVELOPE_STRIDE
  const text = (rows: Int32Array, row: number): string =>
    rows[row + column.MESSAGE_START]! < 0 ? '' : bytes.toString('latin1', rows[row + column.MESSAGE_START], rows[row + column.MESSAGE_END])
  return `${text(resources, r)}\0${text(scopes, s)}`
}

/** Kind, name and unit. */
function metricKey({ bytes, metrics }: RequestIndex, metric: number): string {
  const m = metric * column.METRIC_STRIDE
  const text = (at: number): string => {
    const length = at < 0 ? 0 : readUint32(bytes, at + 1, bytes.length)
    return length === 0 ? '' : bytes.toString('latin1', next, next + length)
  }
  const kind = `${metrics[m + column.METRIC_KIND]} ${metrics[m + column.METRIC_MONOTONIC]}`
  return `${kind}\0${text(metrics[m + column.METRIC_NAME_TAG]!)}\0${text(metrics[m + column.METRIC_UNIT_TAG]!)}`
}

function attributesKey({ bytes, items, attributes }: RequestIndex, item: number): string {
  const first = items[item * column.ITEM_STRIDE + column.ATTRS_FIRST]!
  const end = items[item * column.ITEM_STRIDE + column.ATTRS_END]!
  const fields: string[] = []
  for (let row = first; row < end; row += column.ATTR_STRIDE)
    fields.push(bytes.toString('latin1', attributes[row + column.ATTR_TAG], attributes[row + column.ATTR_END]))
  return fields.length < 2 ? (fields[0] ?? '') : fields.sort().join('')
}
