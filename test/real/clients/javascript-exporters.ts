// The exporters of the JavaScript SDK, by protocol: nine packages, three a signal. For javascript.ts.

import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc'
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtobufMetrics } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter as GrpcSpans } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonSpans } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufSpans } from '@opentelemetry/exporter-trace-otlp-proto'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

import type { Target } from './target.ts'

export interface Exporter<T> {
  export(items: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void
  shutdown(): Promise<void>
}
interface Exporters {
  readonly traces: Exporter<ReadableSpan[]>
  readonly metrics: Exporter<ResourceMetrics>
  readonly logs: Exporter<ReadableLogRecord[]>
}

export function exportersFor({ protocol, endpoint, compression: wanted }: Target): Exporters {
  // The SDK does not export the enum of its names.
  const compression = wanted as never
  const to = (path: string): { url: string; compression: never } => ({ url: `${endpoint}/v1/${path}`, compression })
  switch (protocol) {
    case 'grpc': {
      const options = { url: endpoint, compression }
      return { traces: new GrpcSpans(options), metrics: new GrpcMetrics(options), logs: new GrpcLogs(options) }
    }
    case 'http/protobuf':
      return { traces: new ProtobufSpans(to('traces')), metrics: new ProtobufMetrics(to('metrics')), logs: new ProtobufLogs(to('logs')) }
    case 'http/json':
      return { traces: new JsonSpans(to('traces')), metrics: new JsonMetrics(to('metrics')), logs: new JsonLogs(to('logs')) }
  }
}
