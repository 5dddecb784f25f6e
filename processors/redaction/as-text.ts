// A value of another type as the text that the Collector makes of it. rules.ts looks for blocked values in it.

import type { AttributeValue } from '../../core/factory.ts'

export function asText(value: AttributeValue): string {
  if (value === null) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return typeof value === 'object' ? asJson(value) : String(value)
}

/** Go sorts the keys of a map. */
function asJson(value: AttributeValue): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (Array.isArray(value)) return `[${(value as readonly AttributeValue[]).map(asJson).join(',')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => `${JSON.stringify(key)}:${asJson(inner)}`)
      .join(',')}}`
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}
