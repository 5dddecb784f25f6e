// What a request says of its resources, scopes and metrics, decoded: the table of streams asks once for each that is new, and for their bytes
// every time.

import { readAnyValue } from '../otlp/any-value.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { next, readUint32 } from '../otlp/wire.ts'
import { eachField, readKeyValue } from './fields.ts'
import { type Attribute, textOf } from './labels.ts'
import type { FamilyType } from './names.ts'

/** Keys whose labels would be those of the scope itself. */
const SCOPE_OWN: ReadonlySet<string> = new Set(['name', 'version', 'schema_url'])

export function typeOf(index: RequestIndex, m: number): FamilyType {
  const { metrics } = index
  switch (metrics[m + column.METRIC_KIND]) {
    case column.HISTOGRAM:
    case column.EXPONENTIAL_HISTOGRAM:
      return 'histogram'
    case column.SUMMARY:
      return 'summary'
    case column.SUM:
      return metrics[m + column.METRIC_MONOTONIC] === 0 ? hinted(index, m) : 'counter'
    default:
      return hinted(index, m)
  }
}

/** What was a type of Prometheus' before it was a gauge of OTLP says so in the metric's metadata. */
function hinted({ bytes, metrics }: RequestIndex, m: number): FamilyType {
  let type: FamilyType = 'gauge'
  eachField(bytes, metrics[m + column.START]!, metrics[m + column.END]!, (tag, from, to) => {
    if (tag !== 0x62) return
    const [key, value] = readKeyValue(bytes, from, to)
    if (key === 'prometheus.type' && (value === 'unknown' || value === 'info' || value === 'stateset')) type = value
  })
  return type
}

export function attributesOf(index: RequestIndex, item: number): Attribute[] {
  const row = item * column.ITEM_STRIDE
  return attributesIn(index, index.items[row + column.ATTRS_FIRST]!, index.items[row + column.ATTRS_END]!)
}

export function attributesIn({ bytes, attributes }: RequestIndex, first: number, end: number): Attribute[] {
  const list: Attribute[] = []
  for (let row = first; row < end; row += column.ATTR_STRIDE) {
    const key = bytes.toString('utf8', attributes[row + column.ATTR_KEY], attributes[row + column.ATTR_KEY_END])
    list.push([key, readAnyValue(bytes, attributes[row + column.ATTR_VALUE]!, attributes[row + column.ATTR_VALUE_END]!)])
  }
  return list
}

/** InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; } */
export function scopeLabels(index: RequestIndex, s: number, schemaUrl: string): (readonly [string, string])[] {
  const { bytes, scopes } = index
  const labels: (readonly [string, string])[] = []
  const start = scopes[s + column.MESSAGE_START]!
  if (start >= 0) {
    eachField(bytes, start, scopes[s + column.MESSAGE_END]!, (tag, from, to) => {
      if (tag === 0x0a) labels.push(['otel_scope_name', bytes.toString('utf8', from, to)])
      else if (tag === 0x12) labels.push(['otel_scope_version', bytes.toString('utf8', from, to)])
    })
    for (const [key, value] of attributesIn(index, scopes[s + column.ATTRS_FIRST]!, scopes[s + column.ATTRS_END]!))
      if (!SCOPE_OWN.has(key.replaceAll(/[^a-zA-Z0-9]+/g, '_'))) labels.push([`otel_scope_${key}`, textOf(value)])
  }
  labels.push(['otel_scope_schema_url', schemaUrl])
  return labels
}

/** ScopeMetrics { …; string schema_url = 3; }: it has no column. */
export function schemaUrlOf({ bytes, scopes }: RequestIndex, s: number): string {
  let url = ''
  eachField(bytes, scopes[s + column.START]!, scopes[s + column.END]!, (tag, from, to) => {
    if (tag === 0x1a) url = bytes.toString('utf8', from, to)
  })
  return url
}

export function messageText(bytes: Buffer, rows: Int32Array, row: number): string {
  const start = rows[row + column.MESSAGE_START]!
  return start < 0 ? '' : bytes.toString('latin1', start, rows[row + column.MESSAGE_END])
}

/** The text of a field whose tag is at `at`; empty where there is none. */
export function text(bytes: Buffer, at: number, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  if (at < 0) return ''
  const length = readUint32(bytes, at + 1, bytes.length)
  return bytes.toString(encoding, next, next + length)
}
