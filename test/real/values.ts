// Values and attributes of OTLP/JSON as text with their types before them, `int 5` or `double 5`: JSON alone would not tell them apart. For items.ts.

export interface KeyValue {
  readonly key: string
  readonly value?: AnyValue
}
export interface AnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number | string
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] }
}
export type SeenAttributes = Readonly<Record<string, string>>

/** By key, so that their order does not count. A key that comes twice is told from one that comes once. */
export function attributesOf(list: readonly KeyValue[]): SeenAttributes {
  const seen: Record<string, string> = {}
  for (const { key, value } of list.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const was = seen[key]
    seen[key] = was === undefined ? textOf(value ?? {}) : `${was} and ${textOf(value ?? {})}`
  }
  return seen
}

export function textOf(value: AnyValue): string {
  if (value.stringValue !== undefined) return `string ${value.stringValue}`
  if (value.boolValue !== undefined) return `bool ${value.boolValue}`
  if (value.intValue !== undefined) return `int ${value.intValue}`
  if (value.doubleValue !== undefined) return `double ${Number(value.doubleValue)}`
  if (value.bytesValue !== undefined) return `bytes ${value.bytesValue}`
  if (value.arrayValue !== undefined) return `array ${JSON.stringify((value.arrayValue.values ?? []).map(textOf))}`
  if (value.kvlistValue !== undefined) return `map ${JSON.stringify(attributesOf(value.kvlistValue.values ?? []))}`
  const unknown = Object.keys(value)
  if (unknown.length > 0) throw new Error(`OTLP/JSON: found a value with ${unknown.join(', ')}`)
  return 'empty'
}
