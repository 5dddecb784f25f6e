// What tells the series of a metric apart, from attributes to the bytes of a data point. Connectors make them once for each series.

import { readAnyValue, writeAnyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'

/** An attribute of a series: its key, and a text, or the body of an AnyValue. */
export type Label = readonly [key: string, value: string | Buffer]

/** The attribute that says so: an overflow series has no others. */
const OVERFLOW = 'otel.metric.overflow'

/**
 * The text of an AnyValue, by which values are told apart: in Prometheus labels are texts, so the number 200 and the text `200` are one series
 * here already.
 */
export function asText(body: Buffer): string {
  const value = readAnyValue(body, 0, body.length)
  switch (typeof value) {
    case 'string':
      return value
    case 'object':
      return value === null ? '' : body.toString('latin1')
    default:
      return String(value)
  }
}

/** What tells a series of one metric from its others. */
export function keyOf(labels: readonly Label[]): string {
  let key = ''
  for (const [name, value] of labels) {
    const text = typeof value === 'string' ? value : asText(value)
    key += `${name.length}:${name}${text.length}:${text}`
  }
  return key
}

/** Whole fields of that tag, one byte a character. Where a key comes twice the last counts. */
export function attributesOf(tag: number, labels: readonly Label[]): string {
  const out = new ByteWriter(256)
  for (const [key, value] of new Map(labels)) {
    const body = out.begin(tag)
    out.text(0x0a, key)
    if (typeof value === 'string') {
      const inner = out.begin(0x12)
      out.text(0x0a, value)
      out.end(inner)
    } else out.field(0x12, value)
    out.end(body)
  }
  return out.bytes.toString('latin1', 0, out.at)
}

/** The only attribute of an overflow series. */
export function overflowAttributes(tag: number): string {
  const out = new ByteWriter(16)
  writeAnyValue(out, true)
  return attributesOf(tag, [[OVERFLOW, out.copy()]])
}
