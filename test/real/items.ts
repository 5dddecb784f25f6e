// One form for a span, a data point or a log record, whoever made it and wherever it is read back: the tests compare what was sent with
// what a backend shows. Read from OTLP/JSON, as the Collector's file exporter and Jaeger's query API write it.

import { attributesOf, textOf, type KeyValue } from './values.ts'

/** Flat but for lists: numbers are decimal text, because 64 bits do not fit a double; attributes carry their types. */
export type SeenItem = Readonly<Record<string, unknown>>
type Message = Readonly<Record<string, unknown>>
/** How a field is read; absent fields are read too, as what they stand for. */
type Field = (value: unknown) => unknown
type Fields = Readonly<Record<string, Field>>

const text: Field = (value) => value ?? ''
/** Integers of any width; JSON writes those of 64 bits as text. */
const integer: Field = (value) => String(BigInt((value as string | number | undefined) ?? 0))
const double: Field = (value) => String(Number(value ?? 0))
const flag: Field = (value) => value ?? false
const attributes: Field = (value) => attributesOf((value ?? []) as readonly KeyValue[])
const anyValue: Field = (value) => textOf(value ?? {})
const list =
  (of: Field): Field =>
  (value) =>
    ((value ?? []) as readonly unknown[]).map(of)
/** A field that knows whether it was set. */
const optional =
  (of: Field): Field =>
  (value) =>
    value === undefined || value === null ? 'unset' : of(value)
const message =
  (fields: Fields): Field =>
  (value) =>
    read((value ?? {}) as Message, fields)

/** A field that stands in no table is an error: nothing goes uncompared. */
function read(from: Message, fields: Fields): SeenItem {
  for (const name of Object.keys(from)) {
    if (!(name in fields)) throw new Error(`OTLP/JSON: found a field "${name}"; known here are ${Object.keys(fields).join(', ')}`)
  }
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field(from[name])]))
}

const RESOURCE: Fields = { attributes, droppedAttributesCount: integer, entityRefs: list((value) => value) }
const SCOPE: Fields = { name: text, version: text, attributes, droppedAttributesCount: integer }

const SPAN: Fields = {
  traceId: text,
  spanId: text,
  parentSpanId: text,
  traceState: text,
  flags: integer,
  name: text,
  kind: integer,
  startTimeUnixNano: integer,
  endTimeUnixNano: integer,
  attributes,
  droppedAttributesCount: integer,
  events: list(message({ timeUnixNano: integer, name: text, attributes, droppedAttributesCount: integer })),
  droppedEventsCount: integer,
  links: list(message({ traceId: text, spanId: text, traceState: text, flags: integer, attributes, droppedAttributesCount: integer })),
  droppedLinksCount: integer,
  status: message({ code: integer, message: text }),
}

const LOG_RECORD: Fields = {
  timeUnixNano: integer,
  observedTimeUnixNano: integer,
  severityNumber: integer,
  severityText: text,
  body: anyValue,
  attributes,
  droppedAttributesCount: integer,
  flags: integer,
  traceId: text,
  spanId: text,
  eventName: text,
}

const EXEMPLAR: Fields = {
  filteredAttributes: attributes,
  timeUnixNano: integer,
  asDouble: optional(double),
  asInt: optional(integer),
  traceId: text,
  spanId: text,
}
const POINT: Fields = { attributes, startTimeUnixNano: integer, timeUnixNano: integer, flags: integer }
const NUMBER: Fields = { ...POINT, asDouble: optional(double), asInt: optional(integer), exemplars: list(message(EXEMPLAR)) }
const DISTRIBUTION: Fields = {
  ...POINT,
  count: integer,
  sum: optional(double),
  min: optional(double),
  max: optional(double),
  exemplars: list(message(EXEMPLAR)),
}
const BUCKETS: Fields = { offset: integer, bucketCounts: list(integer) }
const POINTS: Readonly<Record<string, Fields>> = {
  gauge: NUMBER,
  sum: NUMBER,
  histogram: { ...DISTRIBUTION, bucketCounts: list(integer), explicitBounds: list(double) },
  exponentialHistogram: {
    ...DISTRIBUTION,
    scale: integer,
    zeroCount: integer,
    zeroThreshold: double,
    positive: message(BUCKETS),
    negative: message(BUCKETS),
  },
  summary: { ...POINT, count: integer, sum: double, quantileValues: list(message({ quantile: double, value: double })) },
}
const METRIC: Fields = { name: text, description: text, unit: text, metadata: attributes }
const STREAM: Fields = { aggregationTemporality: integer, isMonotonic: flag }

/** Whatever signal the request is of; in its order. */
export function itemsOf(request: Message): SeenItem[] {
  return [
    ...itemsWithin(request, 'Spans', 'spans', (span) => [{ signal: 'traces', ...read(span, SPAN) }]),
    ...itemsWithin(request, 'Metrics', 'metrics', dataPointsOf),
    ...itemsWithin(request, 'Logs', 'logRecords', (record) => [{ signal: 'logs', ...read(record, LOG_RECORD) }]),
  ]
}

function itemsWithin(request: Message, kind: string, name: string, items: (of: Message) => readonly SeenItem[]): SeenItem[] {
  return messages(request[`resource${kind}`]).flatMap((group) =>
    messages(group[`scope${kind}`]).flatMap((scoped) => {
      const owner = {
        resource: message(RESOURCE)(group['resource']),
        resourceSchema: text(group['schemaUrl']),
        scope: message(SCOPE)(scoped['scope']),
        scopeSchema: text(scoped['schemaUrl']),
      }
      return messages(scoped[name])
        .flatMap(items)
        .map((item) => ({ ...item, ...owner }))
    }),
  )
}

function dataPointsOf(metric: Message): SeenItem[] {
  const type = Object.keys(POINTS).find((name) => name in metric)
  if (type === undefined) throw new Error(`OTLP/JSON: found a metric with ${Object.keys(metric).join(', ')}, and no data`)
  const { [type]: data, ...rest } = metric
  const { dataPoints, ...stream } = data as Message
  const of = { signal: 'metrics', type, metric: read(rest, METRIC), ...read(stream, STREAM) }
  return messages(dataPoints).map((point) => ({ ...of, ...read(point, POINTS[type]!) }))
}

function messages(value: unknown): readonly Message[] {
  return (value ?? []) as readonly Message[]
}

/** Lists of the same items become the same list. */
export function sorted(items: readonly SeenItem[]): SeenItem[] {
  const keys = new Map(items.map((item) => [item, JSON.stringify(item)]))
  return items.toSorted((a, b) => (keys.get(a)! < keys.get(b)! ? -1 : 1))
}

/** An attribute of the resource that an item came from, with its type before it; the tests name their runs there. */
export function resourceAttribute(item: SeenItem, key: string): string | undefined {
  return (item['resource'] as { readonly attributes: Readonly<Record<string, string>> }).attributes[key]
}
