// The requests of the three signals, by signal: the same tree with other names, and other items in it.
// Source: opentelemetry-proto 1.9 (collector/trace/v1, collector/metrics/v1, collector/logs/v1).

import type { Signal } from '../batch.ts'
import { LogRecord } from './schema-logs.ts'
import { ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint } from './schema-metrics.ts'
import { type Message, Resource, Scope, Span, Table } from './schema.ts'

export interface Shapes {
  readonly request: Message
  /** ResourceSpans and its like. */
  readonly ofResource: Message
  /** ScopeSpans and its like. */
  readonly ofScope: Message
  /** What is refused alone. */
  readonly items: ReadonlySet<Message>
}

function shapesOf(request: string, resources: string, scopes: string, held: string, message: Message, items: readonly Message[]): Shapes {
  const named = (json: string): string => json[0]!.toUpperCase() + json.slice(1)
  const ofScope = new Table(named(scopes)).one(1, 'scope', Scope).many(2, held, message).scalar(3, 'schemaUrl', 'string')
  const ofResource = new Table(named(resources)).one(1, 'resource', Resource).many(2, scopes, ofScope).scalar(3, 'schemaUrl', 'string')
  return { request: new Table(request).many(1, resources, ofResource), ofResource, ofScope, items: new Set(items) }
}

const points = [NumberDataPoint, HistogramDataPoint, ExponentialHistogramDataPoint, SummaryDataPoint]

export const SHAPES: Readonly<Record<Signal, Shapes>> = {
  traces: shapesOf('ExportTraceServiceRequest', 'resourceSpans', 'scopeSpans', 'spans', Span, [Span]),
  metrics: shapesOf('ExportMetricsServiceRequest', 'resourceMetrics', 'scopeMetrics', 'metrics', Metric, points),
  logs: shapesOf('ExportLogsServiceRequest', 'resourceLogs', 'scopeLogs', 'logRecords', LogRecord, [LogRecord]),
}
