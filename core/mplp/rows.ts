// The table: which field of a message becomes what. pieces.ts goes over a message with it; the page for users is made of it.

import type { Dialect, Message } from './message.ts'
import * as kinds from './row-kinds.ts'
import type { Row } from './row-kinds.ts'

export type { Row }

/** Grows where something that was in one place comes to another. */
export const MAPPING_VERSION = 1

/** By name, of the fields of a body. What is not here is kept in `mplp.ext.*`. */
export const BODY_ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['trace_id', kinds.read('the trace id: 32 hex digits as they are, other text by its SHA-256 and kept in `mplp.trace_id`')],
  ['span_id', kinds.read('the span id: 16 hex digits as they are, other text by its SHA-256 and kept in `mplp.span_id`')],
  ['parent_span_id', kinds.parent],
  ['operation_name', kinds.name],
  ['service_name', kinds.service],
  ['service_version', kinds.serviceVersion],
  ['span_kind', kinds.spanKind],
  ['start_time', kinds.startTime],
  [
    'completion_timestamp',
    { becomes: "the span's end", write: (pieces, key, value, { kind }) => (kind === 'finish' ? undefined : pieces.ext(key, value)) },
  ],
  ['trace_state', kinds.traceState],
  ['baggage', kinds.baggage],
  ['context', kinds.context],
  ...['attributes', 'span_attributes'].map((key) => [key, kinds.attributes] as const),
  ...['resource', 'resource_attributes'].map((key) => [key, kinds.resource] as const),
  ...['sampling', 'sampling_config', 'sampling_configuration'].map((key) => [key, kinds.sampling] as const),
  ...['monitoring', 'monitoring_config', 'monitoring_configuration'].map((key) => [key, kinds.monitoring] as const),
  ['expected_performance', kinds.block('mplp.expected')],
  ...['status', 'final_status', 'span_status'].map((key) => [key, kinds.status] as const),
  ['progress_percentage', kinds.attribute('mplp.progress')],
  ['current_operation', kinds.operation],
  ...['events', 'span_events'].map((key) => [key, kinds.events] as const),
  [
    'span_logs',
    kinds.records('log records: `log_timestamp`, `log_level`, `log_message` and `log_attributes`; what else they say `mplp.ext.*`'),
  ],
  [
    'errors',
    kinds.records('log records of severity ERROR: `timestamp`, `severity`, `message` and `attributes`; what else they say `mplp.ext.*`'),
  ],
  ['warnings', kinds.records('the same of severity WARN')],
  ['links', kinds.links],
  ...['performance_metrics', 'final_metrics', 'custom_metrics'].map((key) => [key, kinds.measurements] as const),
  ['anomaly_detection_results', kinds.anomalies],
  ['alert_evaluations', kinds.records('log records `mplp.alert`, the body the whole of each')],
  ['execution_result', kinds.block('mplp.result')],
  ...['trace_summary', 'performance_summary'].map((key) => [key, kinds.block('mplp.summary')] as const),
  ...['trace_analysis', 'performance_analysis'].map((key) => [key, kinds.block('mplp.analysis')] as const),
  ['compliance_validation', kinds.block('mplp.compliance')],
  ['archival_information', kinds.block('mplp.archival')],
  ['metadata', kinds.block('mplp.metadata')],
  ['metric_source', kinds.attribute('mplp.metric_source')],
])

const AROUND: readonly (readonly [string, Row])[] = [
  ['message_type', kinds.read('what the message is')],
  ['timestamp', kinds.timestamp],
  ['message_id', kinds.attribute('mplp.message_id')],
  ['correlation_id', kinds.attribute('mplp.correlation_id')],
  ['sender', kinds.sender],
]

/** The fields of an envelope around its body. */
export const ENVELOPE_ROWS: ReadonlyMap<string, Row> = new Map([
  ...AROUND,
  ['protocol_version', kinds.read("the scope's version")],
  ['payload', kinds.read('the body')],
])

/** The fields of a flat message, which has them beside those of its body. */
export const FLAT_ROWS: ReadonlyMap<string, Row> = new Map([...AROUND, ['version', kinds.read("the scope's version")]])

const OF_METRICS = [
  'trace_id',
  'span_id',
  'service_name',
  'service_version',
  'operation_name',
  'context',
  'resource',
  'resource_attributes',
  'metadata',
  'metric_source',
]

/** By name, of the fields of a metrics message; all others are measurements. */
export const METRICS_ROWS: ReadonlyMap<string, Row> = new Map(OF_METRICS.map((key) => [key, BODY_ROWS.get(key)!]))

/** `collection_id`, `collection_interval_ms`: `mplp.collection.id`, … */
export const COLLECTION = 'collection_'

const ROWS: Readonly<Record<Dialect, readonly [metrics: ReadonlyMap<string, Row>, others: ReadonlyMap<string, Row>]>> = {
  flat: [new Map([...FLAT_ROWS, ...METRICS_ROWS]), new Map([...FLAT_ROWS, ...BODY_ROWS])],
  envelope: [METRICS_ROWS, BODY_ROWS],
}

/** For the message's body. */
export function rowsOf({ kind, dialect }: Message): ReadonlyMap<string, Row> {
  return ROWS[dialect][kind === 'metrics' ? 0 : 1]
}
