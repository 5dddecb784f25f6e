// The JavaScript SDK as a client, in this process: makes a few spans, data points and log records, and gives the same ones to each target's exporters.

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Meter, type Tracer } from '@opentelemetry/api'
import { SeverityNumber, type LogBody, type Logger } from '@opentelemetry/api-logs'
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

import { exportersFor, type Exporter } from './javascript-exporters.ts'
import type { Target } from './target.ts'

/** `run` is an attribute of the resource. Resolves when the SDK was told by every target that everything was taken. */
export async function sendWithJavaScript(run: string, targets: readonly Target[]): Promise<void> {
  const resource = resourceFromAttributes({ 'service.name': 'javascript-shop', 'service.version': '4.5.6', run })
  const spans = spansFrom(resource)
  const within = trace.setSpanContext(ROOT_CONTEXT, spans[0]!.spanContext())
  const [points, records] = [await pointsFrom(resource), await recordsFrom(resource, within)]
  for (const target of targets) {
    const exporters = exportersFor(target)
    await exported(exporters.traces, spans)
    await exported(exporters.metrics, points)
    await exported(exporters.logs, records)
  }
}

async function exported<T>(exporter: Exporter<T>, items: T): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    exporter.export(items, ({ code, error }) => (code === 0 ? resolve() : reject(new Error(`the exporter reported ${error}`)))),
  )
  await exporter.shutdown()
}

function spansFrom(resource: Resource): ReturnType<InMemorySpanExporter['getFinishedSpans']> {
  const made = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(made)] })
  makeSpans(provider.getTracer('javascript.client', '0.9'))
  return [...made.getFinishedSpans()]
}

function makeSpans(tracer: Tracer): void {
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

/** Collects when it is asked. */
class Reader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

async function pointsFrom(resource: Resource): Promise<Awaited<ReturnType<MetricReader['collect']>>['resourceMetrics']> {
  const reader = new Reader()
  const views = [{ instrumentName: 'exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } } as const]
  const provider = new MeterProvider({ resource, readers: [reader], views })
  makePoints(provider.getMeter('javascript.client', '0.9'))
  return (await reader.collect()).resourceMetrics
}

function makePoints(meter: Meter): void {
  meter.createCounter('requests', { unit: '{request}', description: 'Requests served.' }).add(Number.MAX_SAFE_INTEGER, { route: '/käse' })
  meter.createUpDownCounter('carts', { unit: '{cart}' }).add(-3)
  meter.createGauge('temperature', { unit: 'Cel' }).record(-0.5, { place: 'cellar' })
  for (const name of ['duration', 'exponential']) {
    const histogram = meter.createHistogram(name, { unit: 's' })
    for (const value of [0, 0.001, 0.2, 7, 12_345.678]) histogram.record(value, { route: '/' })
  }
}

async function recordsFrom(resource: Resource, within: Context): Promise<ReturnType<InMemoryLogRecordExporter['getFinishedLogRecords']>> {
  const made = new InMemoryLogRecordExporter()
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: made })] })
  const logger = provider.getLogger('javascript.client', '0.9')
  log(logger, within, SeverityNumber.ERROR2, { nested: { list: [1, 2.5, 'three', true, null], whole: Number.MAX_SAFE_INTEGER } })
  log(logger, ROOT_CONTEXT, SeverityNumber.INFO, 'ein Käse')
  await provider.forceFlush()
  return [...made.getFinishedLogRecords()]
}

function log(logger: Logger, context: Context, severityNumber: SeverityNumber, body: LogBody): void {
  const attributes = { text: 'ünïcode', bytes: new Uint8Array([0, 255]), map: { deep: { er: 1 } }, mixed: ['a', 2] }
  const severityText = SeverityNumber[severityNumber]
  logger.emit({ context, severityNumber, severityText, body, attributes, eventName: 'cart.opened', timestamp: Date.now() })
}
