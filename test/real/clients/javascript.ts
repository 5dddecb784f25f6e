// The JavaScript SDK as a client, in this process: sends a small trace in protobuf or JSON and hands back the spans it made.

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type HrTime, type Attributes } from '@opentelemetry/api'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base'

import type { SeenAttributes, SeenSpan } from '../spans.ts'

export interface JavaScriptClient {
  readonly endpoint: string
  readonly format: 'protobuf' | 'json'
  readonly compression: 'none' | 'gzip'
}

/** Resolves when the SDK was told that its spans were taken; rejects with what it said otherwise. */
export async function sendWithJavaScript({ endpoint, format, compression }: JavaScriptClient): Promise<SeenSpan[]> {
  const made: ReadableSpan[] = []
  const failures: unknown[] = []
  const options = { url: `${endpoint}/v1/traces`, compression: compression as never }
  const exporter = format === 'json' ? new JsonExporter(options) : new ProtobufExporter(options)
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': `javascript-shop-${format}`, 'service.version': '4.5.6' }),
    spanProcessors: [new BatchSpanProcessor(watched(exporter, made, failures))],
  })
  makeSpans(provider)
  await provider.forceFlush()
  await provider.shutdown()
  if (failures.length > 0) throw new Error(`the exporter reported ${String(failures[0])}`)
  return made.map(asSeen)
}

/** The SDK only logs a failed export: this keeps it, and what was exported. */
function watched(exporter: SpanExporter, made: ReadableSpan[], failures: unknown[]): SpanExporter {
  return {
    export(spans, done) {
      made.push(...spans)
      exporter.export(spans, (result) => {
        if (result.error !== undefined) failures.push(result.error)
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

function makeSpans(provider: BasicTracerProvider): void {
  const tracer = provider.getTracer('javascript.client', '0.9')
  const root = tracer.startSpan('GET /käse 🧀', { kind: SpanKind.SERVER }, ROOT_CONTEXT)
  root.setAttributes({ text: 'ünïcode', empty: '', whole: Number.MAX_SAFE_INTEGER, negative: -7, real: 2.5, yes: true, no: false })
  root.setAttributes({ list: ['a', 'b'], numbers: [1, 2, 3] })
  root.addEvent('cache.miss', { key: 'cart:1', tries: 2 })
  const within = trace.setSpan(ROOT_CONTEXT, root)
  const links = [{ context: root.spanContext(), attributes: { why: 'retry' } }]
  const child = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, links }, within)
  child.recordException(new Error('no rows'))
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'no rows' })
  child.end()
  tracer.startSpan('render', {}, within).setStatus({ code: SpanStatusCode.OK }).end()
  root.end()
}

function asSeen(span: ReadableSpan): SeenSpan {
  const { traceId, spanId } = span.spanContext()
  return {
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? '',
    name: span.name,
    kind: span.kind + 1,
    start: nanoseconds(span.startTime),
    end: nanoseconds(span.endTime),
    status: { code: span.status.code, message: span.status.message ?? '' },
    attributes: attributesOf(span.attributes),
    events: span.events.map(({ name, time, attributes }) => ({ name, time: nanoseconds(time), attributes: attributesOf(attributes) })),
    links: span.links.map(({ context, attributes }) => ({
      traceId: context.traceId,
      spanId: context.spanId,
      attributes: attributesOf(attributes),
    })),
    resource: attributesOf(span.resource.attributes),
    scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version ?? '' },
  }
}

function nanoseconds([seconds, nanos]: HrTime): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos))
}

function attributesOf(attributes: Attributes = {}): SeenAttributes {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, textOf(value)]))
}

/** The SDK sends a whole number as an int. */
function textOf(value: unknown): string {
  if (typeof value === 'number') return `${Number.isInteger(value) ? 'int' : 'double'} ${value}`
  if (typeof value === 'boolean') return `bool ${value}`
  if (Array.isArray(value)) return `array ${JSON.stringify(value.map(textOf))}`
  return `string ${String(value)}`
}
