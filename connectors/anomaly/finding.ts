// What a span says of itself that a processor or a policy has found, in the form of the trace protocol's anomaly message. What cannot be known is left
// out: nothing here knows of impacts, causes or advice.

import { CONFIDENCE, FEATURE, OPERATION, REASONS, SCORE, UNIT, USUAL, VALUE } from '../../core/anomaly/index.ts'
import type { AttributeValue, Span } from '../../core/index.ts'
import type { AnomalyConfig } from './factory.ts'

/** Of the trace protocol. */
const VERSION = '1.0.0-alpha'

export interface Finding {
  readonly severity: Severity
  readonly body: { readonly [key: string]: AttributeValue }
}

const SEVERITY_NUMBERS = { low: 9, medium: 13, high: 17, critical: 21 } as const
export type Severity = keyof typeof SEVERITY_NUMBERS

export function severityNumber(severity: Severity): number {
  return SEVERITY_NUMBERS[severity]
}

/** What kind of an anomaly each feature shows; a user's own attributes have values. */
const TYPES: Readonly<Record<string, string>> = {
  duration: 'performance_degradation',
  self_time: 'performance_degradation',
  critical_path: 'performance_degradation',
  gap: 'performance_degradation',
  errors: 'unusual_error',
  operation: 'new_operation',
  edge: 'new_call',
  missing: 'missing_call',
  repeats: 'repeated_call',
  children: 'structural_change',
  fan_out: 'structural_change',
  spans: 'structural_change',
}

/** Undefined where the span says nothing of the kind, or too little. */
export function findingOf(span: Span, config: AnomalyConfig, now: string): Finding | undefined {
  const { attributes, resource } = span
  const score = numberIn(attributes.get(SCORE))
  const feature = textIn(attributes.get(FEATURE))
  if (score === undefined || feature === undefined || score < config.min_score) return undefined
  const severity = severityOf(score, config)
  const confidence = numberIn(attributes.get(CONFIDENCE))
  const operation = textIn(attributes.get(OPERATION))
  const service = textIn(resource.get('service.name'))
  return {
    severity,
    body: {
      message_type: 'anomaly_detection_result',
      version: VERSION,
      timestamp: now,
      trace_id: span.traceId,
      span_id: span.spanId,
      detection_id: `${span.traceId}-${span.spanId}`,
      anomaly_info: {
        anomaly_type: TYPES[feature] ?? 'unusual_value',
        severity,
        ...(confidence === undefined ? {} : { confidence }),
        detection_method: 'isolation_forest',
        detection_time: now,
        score,
        ...reasons(attributes.get(REASONS)),
      },
      affected_metric: metric(feature, numberIn(attributes.get(VALUE)), numberIn(attributes.get(USUAL)), textIn(attributes.get(UNIT))),
      context: { ...(service === undefined ? {} : { service_name: service }), operation_name: span.name },
      ...(operation === undefined ? {} : { impact_assessment: { affected_operations: [operation] } }),
    },
  }
}

function severityOf(score: number, { severity: { medium, high, critical } }: AnomalyConfig): Severity {
  if (score >= critical) return 'critical'
  if (score >= high) return 'high'
  return score >= medium ? 'medium' : 'low'
}

function metric(
  name: string,
  value: number | undefined,
  usual: number | undefined,
  unit: string | undefined,
): { [key: string]: AttributeValue } {
  const deviation = value === undefined || usual === undefined || usual === 0 ? undefined : Math.round((value / usual - 1) * 1000) / 10
  return {
    metric_name: name,
    ...(value === undefined ? {} : { current_value: value }),
    ...(usual === undefined ? {} : { expected_value: usual }),
    ...(deviation === undefined ? {} : { deviation_percent: deviation }),
    ...(unit === undefined ? {} : { unit }),
  }
}

function reasons(value: AttributeValue | undefined): { readonly reasons?: AttributeValue } {
  return Array.isArray(value) ? { reasons: value as readonly AttributeValue[] } : {}
}
function numberIn(value: AttributeValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
function textIn(value: AttributeValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
