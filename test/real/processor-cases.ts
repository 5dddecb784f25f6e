// The settings that processors.test.ts gives to the Collector's processors and to ours.

export type Signal = 'traces' | 'metrics' | 'logs'
export interface Case {
  readonly name: string
  readonly type: 'attributes' | 'resource' | 'filter' | 'redaction'
  readonly signals: readonly Signal[]
  /** The same for both, or … */
  readonly settings?: object
  /** … conditions of the same meaning in OTTL and in CEL. */
  readonly conditions?: { readonly collector: object; readonly millrace: object }
  readonly drops?: boolean
}

const ALL = ['traces', 'metrics', 'logs'] as const
/** The attributes of every-field.ts: one of each type, and more of those with corners. */
const KEYS = ['text', 'empty', 'none', 'least', 'most', 'zero', 'nan', 'real', 'no', 'bytes', 'list', 'map']

function actions(name: string, list: readonly object[], rest: object = {}, signals: readonly Signal[] = ALL): Case {
  return { name, type: 'attributes', signals, settings: { ...rest, actions: list } }
}
const CHECKED = [{ key: 'checked', action: 'upsert', value: true }]
const include = (properties: object, signals: readonly Signal[] = ALL): Case =>
  actions(`include ${JSON.stringify(properties)} of ${signals.join(', ')}`, CHECKED, { include: properties }, signals)
const exclude = (properties: object, signals: readonly Signal[] = ALL): Case =>
  actions(`exclude ${JSON.stringify(properties)} of ${signals.join(', ')}`, CHECKED, { exclude: properties }, signals)

export const ACTIONS: readonly Case[] = [
  ...KEYS.map((key) => actions(`hash ${key}`, [{ key, action: 'hash' }])),
  ...['int', 'double', 'string'].map((converted_type) =>
    actions(
      `convert to ${converted_type}`,
      // What Go makes of a NaN as an int depends on the machine; ours leaves it.
      KEYS.filter((key) => key !== 'nan' || converted_type !== 'int').map((key) => ({ key, action: 'convert', converted_type })),
    ),
  ),
  actions('hash by pattern', [{ pattern: '^(te|m)', action: 'hash' }]),
  actions('delete by key and pattern', [
    { key: 'text', action: 'delete' },
    { pattern: 'o$|^l', action: 'delete' },
  ]),
  actions('insert', [
    { key: 'text', value: 'other', action: 'insert' },
    { key: 'new.text', value: 'käse', action: 'insert' },
    { key: 'new.whole', value: 7, action: 'insert' },
    { key: 'new.real', value: 7.5, action: 'insert' },
    { key: 'new.yes', value: true, action: 'insert' },
    { key: 'new.list', value: ['a', 'b'], action: 'insert' },
    { key: 'new.map', from_attribute: 'map', action: 'insert' },
    { key: 'new.nothing', from_attribute: 'absent', action: 'insert' },
  ]),
  actions('update', [
    { key: 'text', value: 8, action: 'update' },
    { key: 'absent', value: 8, action: 'update' },
    { key: 'list', from_attribute: 'bytes', action: 'update' },
  ]),
  actions('upsert', [
    { key: 'text', value: 9.25, action: 'upsert' },
    { key: 'absent', value: false, action: 'upsert' },
    { key: 'map', from_attribute: 'list', action: 'upsert' },
  ]),
  actions('extract', [
    { key: 'text', pattern: '^(?P<first>\\S+) (?P<empty>.*)$', action: 'extract' },
    { key: 'most', pattern: '(?P<digit>\\d)', action: 'extract' },
  ]),
  include({ match_type: 'strict', services: ['every-field'] }, ['traces']),
  include({ match_type: 'regexp', span_names: ['^GET'], span_kinds: ['SERVER', 'CONSUMER'] }, ['traces']),
  include({ match_type: 'regexp', libraries: [{ name: '^every' }] }, ['traces', 'logs']),
  include({ match_type: 'strict', attributes: [{ key: 'zero', value: 0 }, { key: 'no' }] }, ['traces', 'logs']),
  // For data points the Collector accepts `resources`, and does not look at them.
  include({ match_type: 'strict', resources: [{ key: 'service.name', value: 'every-field' }] }, ['traces', 'logs']),
  exclude({ match_type: 'regexp', attributes: [{ key: 'text', value: 'code$' }] }, ['traces', 'logs']),
  exclude({ match_type: 'regexp', metric_names: ['^(gauge|delta)$'] }, ['metrics']),
  include({ match_type: 'strict', log_bodies: ['ein Käse'] }, ['logs']),
  include({ match_type: 'regexp', log_bodies: ['^ein'] }, ['logs']),
  include({ match_type: 'strict', log_severity_texts: ['ERROR2'] }, ['logs']),
  include({ match_type: 'strict', log_severity_number: { min: 9, match_undefined: true } }, ['logs']),
  include({ match_type: 'strict', log_severity_number: { min: 10, match_undefined: false } }, ['logs']),
  {
    name: 'resource actions',
    type: 'resource',
    signals: ALL,
    settings: {
      attributes: [
        { key: 'text', action: 'hash' },
        { key: 'list', action: 'delete' },
        { key: 'copy', from_attribute: 'map', action: 'insert' },
        { key: 'least', action: 'convert', converted_type: 'string' },
        { key: 'service.name', value: 'renamed', action: 'update' },
      ],
    },
  },
]

function condition(signal: Signal, context: string, ottl: string, cel: string): Case {
  const of = (language: string): object => ({ error_mode: 'ignore', [signal]: { [context]: [language] } })
  return {
    name: `${context} ${ottl}`,
    type: 'filter',
    signals: [signal],
    conditions: { collector: of(ottl), millrace: of(cel) },
    drops: true,
  }
}
const PER_ITEM = [
  ['traces', 'span'],
  ['metrics', 'datapoint'],
  ['logs', 'log_record'],
] as const

export const CONDITIONS: readonly Case[] = [
  ...PER_ITEM.flatMap(([signal, context]) => [
    condition(signal, context, 'attributes["text"] == "ünïcode 🧀"', 'attributes["text"] == "ünïcode 🧀"'),
    condition(signal, context, 'attributes["most"] > 9223372036854775806', 'attributes["most"] > 9223372036854775806'),
    condition(signal, context, 'attributes["absent"] == nil', '!("absent" in attributes)'),
    condition(signal, context, 'attributes["absent"] != "y"', '!("absent" in attributes) || attributes["absent"] != "y"'),
    condition(
      signal,
      context,
      'IsMatch(resource.attributes["service.name"], "^every")',
      'resource.attributes["service.name"].matches("^every")',
    ),
    condition(signal, context, 'instrumentation_scope.name == "every.field"', 'scope.name == "every.field"'),
  ]),
  condition('traces', 'span', 'name == "SELECT" or status.code == STATUS_CODE_OK', 'name == "SELECT" || status.code == STATUS_CODE_OK'),
  condition(
    'traces',
    'span',
    'kind == SPAN_KIND_CONSUMER and not IsMatch(name, "^POST")',
    'kind == SPAN_KIND_CONSUMER && !name.matches("^POST")',
  ),
  condition('traces', 'span', 'status.message == ""', 'status.message == ""'),
  condition('metrics', 'metric', 'type == METRIC_DATA_TYPE_GAUGE', 'metric.type == "gauge"'),
  condition('metrics', 'metric', 'IsMatch(name, "^(expo|hist)")', 'name.matches("^(expo|hist)")'),
  condition('metrics', 'metric', 'unit == "s"', 'unit == "s"'),
  condition('metrics', 'datapoint', 'value_int < 0', 'metric.type in ["gauge", "sum"] && type(value) == int && value < 0'),
  condition('metrics', 'datapoint', 'count == 5', 'count == 5'),
  condition('metrics', 'datapoint', 'metric.name == "temperature"', 'metric.name == "temperature"'),
  condition('logs', 'log_record', 'severity_number >= SEVERITY_NUMBER_ERROR', 'severity_number >= SEVERITY_NUMBER_ERROR'),
  condition('logs', 'log_record', 'IsString(body) and IsMatch(body, "^ein")', 'type(body) == string && body.matches("^ein")'),
  condition('logs', 'log_record', 'trace_id == TraceID(0x00000000000000000000000000000000)', 'trace_id == ""'),
]
