// What a message must be, one schema a type: message.ts compiles the one it needs. Only what we read is said; fields that are not named are
// welcome, and so are null and absence wherever a field is not required.

import type { Dialect, Kind } from './message.ts'

type Schema = Readonly<Record<string, unknown>>

export const VERSION = '1.0.0-alpha'

const id: Schema = { type: 'string', minLength: 1, maxLength: 1024 }
const text: Schema = { type: 'string' }
const word: Schema = { type: ['string', 'null'] }
const time: Schema = { type: 'string', format: 'time' }
const map: Schema = { type: ['object', 'null'] }
const object = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: ['object', 'null'],
  properties,
  required,
})
const list = (items: Schema): Schema => ({ type: ['array', 'null'], items })

const ids = { trace_id: id, span_id: id }
const context = object({ tenant_id: word, user_id: word, session_id: word, service_name: word, operation_name: word })
const sampling = object({ sampling_rate: { type: ['number', 'null'], minimum: 0, maximum: 1 }, sampling_decision: word })
const monitoring = object({ alert_thresholds: map, performance_targets: map })
const statusObject = { code: word, status_code: word, message: word, status_message: word }
const status: Schema = { type: ['string', 'object', 'null'], properties: statusObject }
const spanEvent: Schema = {
  type: 'object',
  properties: { event_name: text, timestamp: time, event_timestamp: time, attributes: map, event_attributes: map },
  required: ['event_name'],
}
const log: Schema = {
  type: 'object',
  properties: { timestamp: time, log_timestamp: time, log_level: word, log_message: word, attributes: map, log_attributes: map },
}
const complaint: Schema = {
  type: ['object', 'string'],
  properties: { timestamp: time, severity: word, message: word, attributes: map },
}
const link: Schema = { type: 'object', properties: { ...ids, attributes: map, trace_state: word }, required: ['trace_id', 'span_id'] }
const anomalies = object({ anomaly_details: list({ type: 'object', properties: { anomaly_severity: word, detection_timestamp: time } }) })
const alert: Schema = { type: 'object', properties: { severity: word, evaluation_timestamp: time, alert_message: word } }

/** What any message about an execution may bring, whatever its type. */
const common: Record<string, Schema> = {
  ...ids,
  parent_span_id: { type: ['string', 'null'], maxLength: 1024 },
  operation_name: text,
  service_name: word,
  service_version: word,
  span_kind: word,
  start_time: time,
  update_timestamp: time,
  completion_timestamp: time,
  collection_timestamp: time,
  trace_state: word,
  baggage: { type: ['string', 'object', 'null'] },
  context,
  attributes: map,
  span_attributes: map,
  resource: map,
  resource_attributes: map,
  sampling,
  sampling_configuration: sampling,
  monitoring_config: monitoring,
  monitoring_configuration: monitoring,
  expected_performance: map,
  status,
  final_status: status,
  span_status: status,
  progress_percentage: { type: ['number', 'null'] },
  current_operation: { type: ['string', 'object', 'null'] },
  events: list(spanEvent),
  span_events: list(spanEvent),
  span_logs: list(log),
  errors: list(complaint),
  warnings: list(complaint),
  links: list(link),
  performance_metrics: object({ timestamp: time }),
  final_metrics: object({ timestamp: time }),
  custom_metrics: map,
  anomaly_detection_results: anomalies,
  alert_evaluations: list(alert),
}

/** A metrics message is measurements in whatever shape; an anomaly, a report about something that may have no span. */
const bodies: Readonly<Record<Kind, { readonly properties: Record<string, Schema>; readonly required: readonly string[] }>> = {
  start: {
    properties: { ...common, operation_name: { type: 'string', minLength: 1 } },
    required: ['trace_id', 'span_id', 'operation_name'],
  },
  update: { properties: common, required: ['trace_id', 'span_id'] },
  finish: { properties: common, required: ['trace_id', 'span_id'] },
  metrics: {
    properties: {
      ...ids,
      collection_timestamp: time,
      operation_name: text,
      service_name: word,
      service_version: word,
      context,
      resource: map,
      resource_attributes: map,
    },
    required: ['trace_id'],
  },
  anomaly: {
    properties: {
      ...ids,
      anomaly_info: object({ severity: word, detection_time: time, anomaly_type: word }),
      context,
    },
    required: ['trace_id'],
  },
}

const sender = object({ sender_id: word, authentication: map })

/** The schema of a whole message. */
export function schemaOf(kind: Kind, dialect: Dialect, payloadKey: string): Schema {
  const { properties, required } = bodies[kind]
  if (dialect === 'flat') {
    return {
      type: 'object',
      properties: { ...properties, version: { const: VERSION }, timestamp: time, sender },
      required: ['version', 'timestamp', ...required],
    }
  }
  const body = { type: 'object', properties, required }
  const payload = { type: 'object', properties: { [payloadKey]: body }, required: [payloadKey] }
  return {
    type: 'object',
    properties: { protocol_version: { const: VERSION }, message_id: id, timestamp: time, correlation_id: word, sender, payload },
    required: ['protocol_version', 'message_id', 'timestamp', 'payload'],
  }
}
