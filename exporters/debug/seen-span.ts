// A span as it is shown, read from OTLP/JSON: nobody prints so much that objects would matter. Used by debug.ts and draw.ts.

/** What of OTLP/JSON is shown; everything is absent where it has its default. */
interface JsonValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string
  readonly doubleValue?: number | string
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values?: readonly JsonValue[] }
  readonly kvlistValue?: { readonly values?: readonly JsonAttribute[] }
}
interface JsonAttribute {
  readonly key?: string
  readonly value?: JsonValue
}
interface JsonSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startTimeUnixNano?: string
  readonly endTimeUnixNano?: string
  readonly traceState?: string
  readonly attributes?: readonly JsonAttribute[]
  readonly events?: readonly { readonly name?: string; readonly timeUnixNano?: string; readonly attributes?: readonly JsonAttribute[] }[]
  readonly links?: readonly { readonly traceId?: string; readonly spanId?: string; readonly attributes?: readonly JsonAttribute[] }[]
  readonly status?: { readonly code?: number; readonly message?: string }
}
interface JsonRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly JsonAttribute[] }
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string }
      readonly spans?: readonly JsonSpan[]
    }[]
  }[]
}

export interface SeenSpan {
  readonly span: JsonSpan
  readonly service: string
  readonly scope: string
  readonly resource: readonly JsonAttribute[]
  readonly startNanos: bigint
  readonly durationNanos: bigint
}

export function seenSpans(json: string): SeenSpan[] {
  const request = JSON.parse(json) as JsonRequest
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) => {
    const attributes = resource?.attributes ?? []
    const service = attributes.find(({ key }) => key === 'service.name')?.value?.stringValue ?? '(no service.name)'
    return scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => {
        const startNanos = BigInt(span.startTimeUnixNano ?? 0)
        const durationNanos = BigInt(span.endTimeUnixNano ?? 0) - startNanos
        return { span, service, scope: scope?.name ?? '', resource: attributes, startNanos, durationNanos }
      }),
    )
  })
}

/** Spans by trace, in the order in which the traces came. */
export function tracesOf(spans: readonly SeenSpan[]): Map<string, SeenSpan[]> {
  const traces = new Map<string, SeenSpan[]>()
  for (const seen of spans) {
    const trace = traces.get(seen.span.traceId)
    if (trace === undefined) traces.set(seen.span.traceId, [seen])
    else trace.push(seen)
  }
  return traces
}

export function showValue(value: JsonValue = {}): string {
  if (value.stringValue !== undefined) return JSON.stringify(value.stringValue)
  if (value.boolValue !== undefined) return String(value.boolValue)
  if (value.intValue !== undefined) return value.intValue
  if (value.doubleValue !== undefined) return String(value.doubleValue)
  if (value.bytesValue !== undefined) return `bytes ${value.bytesValue}`
  if (value.arrayValue !== undefined) return `[${(value.arrayValue.values ?? []).map(showValue).join(', ')}]`
  if (value.kvlistValue !== undefined) return `{${showPairs(value.kvlistValue.values).join(', ')}}`
  return 'empty'
}

export function showPairs(attributes: readonly JsonAttribute[] = []): string[] {
  return attributes.map(({ key = '', value }) => `${key}: ${showValue(value)}`)
}
