// One form for a span, whoever made it and wherever it is read back: the tests compare what a client made with what a backend shows.

export interface SeenSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  /** Nanoseconds, as decimal text: they do not fit a double. */
  readonly start: string
  readonly end: string
  readonly status: { readonly code: number; readonly message: string }
  readonly attributes: SeenAttributes
  readonly events: readonly { readonly name: string; readonly time: string; readonly attributes: SeenAttributes }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: SeenAttributes }[]
  readonly resource: SeenAttributes
  readonly scope: { readonly name: string; readonly version: string }
}

/** Values with their type before them, `int 5` or `double 5`: JSON alone would not tell them apart. */
export type SeenAttributes = Readonly<Record<string, string>>

// ---------------------------------------------------------------- OTLP JSON, as the Collector's file exporter and Jaeger's query API write it

export interface OtlpJson {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] }
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string }
      readonly spans?: readonly JsonSpan[]
    }[]
  }[]
}
interface KeyValue {
  readonly key: string
  readonly value?: AnyValue
}
interface AnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
}
interface JsonSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startTimeUnixNano?: string
  readonly endTimeUnixNano?: string
  readonly status?: { readonly code?: number; readonly message?: string }
  readonly attributes?: readonly KeyValue[]
  readonly events?: readonly { readonly name?: string; readonly timeUnixNano?: string; readonly attributes?: readonly KeyValue[] }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string; readonly attributes?: readonly KeyValue[] }[]
}

export function spansOf(request: OtlpJson): SeenSpan[] {
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => ({
        ...seen(span),
        resource: attributesOf(resource?.attributes),
        scope: { name: scope?.name ?? '', version: scope?.version ?? '' },
      })),
    ),
  )
}

function seen(span: JsonSpan): Omit<SeenSpan, 'resource' | 'scope'> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    name: span.name ?? '',
    kind: span.kind ?? 0,
    start: span.startTimeUnixNano ?? '0',
    end: span.endTimeUnixNano ?? '0',
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map(({ name = '', timeUnixNano: time = '0', attributes }) => ({
      name,
      time,
      attributes: attributesOf(attributes),
    })),
    links: (span.links ?? []).map(({ traceId, spanId, attributes }) => ({ traceId, spanId, attributes: attributesOf(attributes) })),
  }
}

function attributesOf(list: readonly KeyValue[] = []): SeenAttributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, textOf(value ?? {})]))
}

function textOf(value: AnyValue): string {
  if (value.stringValue !== undefined) return `string ${value.stringValue}`
  if (value.boolValue !== undefined) return `bool ${value.boolValue}`
  if (value.intValue !== undefined) return `int ${value.intValue}`
  if (value.doubleValue !== undefined) return `double ${value.doubleValue}`
  if (value.bytesValue !== undefined) return `bytes ${value.bytesValue}`
  if (value.arrayValue !== undefined) return `array ${JSON.stringify((value.arrayValue.values ?? []).map(textOf))}`
  return 'empty'
}

// ---------------------------------------------------------------- where they are compared

/** By id, so that two lists of the same spans are the same list. */
export function sorted(spans: readonly SeenSpan[]): SeenSpan[] {
  return spans.toSorted((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1))
}
