// The words of conditions, with their types: what `check` holds a condition against before anything starts.

import { Environment } from '@marcbachmann/cel-js'
import { type ConditionContext, MetricView, ResourceView, ScopeView, StatusView } from './views.ts'

const ATTRIBUTES = 'map<string, dyn>'

/** A metric's members behind a dot. */
const METRIC = {
  name: 'string',
  description: 'string',
  unit: 'string',
  type: 'string',
  is_monotonic: 'bool',
  aggregation_temporality: 'int',
  resource: 'Resource',
  scope: 'Scope',
}

/** Names and types of each context's members. A test holds that they are the views' members. */
const WORDS: Readonly<Record<ConditionContext, Readonly<Record<string, string>>>> = {
  span: {
    name: 'string',
    kind: 'int',
    trace_id: 'string',
    span_id: 'string',
    parent_span_id: 'string',
    trace_state: 'string',
    start_time_unix_nano: 'int',
    end_time_unix_nano: 'int',
    duration_ms: 'double',
    status: 'Status',
    attributes: ATTRIBUTES,
    resource: 'Resource',
    scope: 'Scope',
  },
  log_record: {
    body: 'dyn',
    severity_number: 'int',
    severity_text: 'string',
    event_name: 'string',
    trace_id: 'string',
    span_id: 'string',
    time_unix_nano: 'int',
    observed_time_unix_nano: 'int',
    attributes: ATTRIBUTES,
    resource: 'Resource',
    scope: 'Scope',
  },
  metric: {
    name: 'string',
    description: 'string',
    unit: 'string',
    is_monotonic: 'bool',
    aggregation_temporality: 'int',
    metric: 'Metric', // for its type: `type` alone is a function of CEL
    resource: 'Resource',
    scope: 'Scope',
  },
  data_point: {
    metric: 'Metric',
    value: 'dyn',
    count: 'dyn',
    sum: 'dyn',
    start_time_unix_nano: 'int',
    time_unix_nano: 'int',
    attributes: ATTRIBUTES,
    resource: 'Resource',
    scope: 'Scope',
  },
}

/** As OpenTelemetry numbers them. */
const CONSTANTS: Readonly<Record<string, number>> = {
  SPAN_KIND_UNSPECIFIED: 0,
  SPAN_KIND_INTERNAL: 1,
  SPAN_KIND_SERVER: 2,
  SPAN_KIND_CLIENT: 3,
  SPAN_KIND_PRODUCER: 4,
  SPAN_KIND_CONSUMER: 5,
  STATUS_CODE_UNSET: 0,
  STATUS_CODE_OK: 1,
  STATUS_CODE_ERROR: 2,
  AGGREGATION_TEMPORALITY_UNSPECIFIED: 0,
  AGGREGATION_TEMPORALITY_DELTA: 1,
  AGGREGATION_TEMPORALITY_CUMULATIVE: 2,
  SEVERITY_NUMBER_UNSPECIFIED: 0,
  SEVERITY_NUMBER_TRACE: 1,
  SEVERITY_NUMBER_DEBUG: 5,
  SEVERITY_NUMBER_INFO: 9,
  SEVERITY_NUMBER_WARN: 13,
  SEVERITY_NUMBER_ERROR: 17,
  SEVERITY_NUMBER_FATAL: 21,
}

/** A condition is short: what is longer was made by a machine, and is not read before it runs. */
const LIMITS = { maxAstNodes: 2000, maxDepth: 60, maxListElements: 500, maxMapEntries: 100, maxCallArguments: 16 }

const environments = new Map<ConditionContext, Environment>()

export function environmentOf(context: ConditionContext): Environment {
  const known = environments.get(context)
  if (known !== undefined) return known
  const made = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: LIMITS,
  })
  made.registerType('Resource', { ctor: ResourceView, fields: { attributes: ATTRIBUTES } })
  made.registerType('Scope', { ctor: ScopeView, fields: { name: 'string', version: 'string', attributes: ATTRIBUTES } })
  made.registerType('Status', { ctor: StatusView, fields: { code: 'int', message: 'string' } })
  made.registerType('Metric', { ctor: MetricView, fields: METRIC })
  for (const [name, type] of Object.entries(WORDS[context])) made.registerVariable(name, type)
  for (const [name, value] of Object.entries(CONSTANTS)) made.registerConstant(name, 'int', BigInt(value))
  environments.set(context, made)
  return made
}

export function wordsOf(context: ConditionContext): readonly string[] {
  return Object.keys(WORDS[context])
}
