// The `attributes` processor: changes attributes of spans, data points and log records. Keys mean what they mean in the Collector.

import { actionFaults, actionSchema, type ConfigFault, type ConfigOf, goPattern, type ProcessorFactory } from '../../core/factory.ts'

/** Which items: every property that is given must fit, by one of its entries; of attributes and resources all. */
export const choiceSchema = {
  type: 'object',
  required: ['match_type'],
  properties: {
    match_type: {
      enum: ['strict', 'regexp'],
      description: 'Whether texts are compared, or are regular expressions that must find something.',
    },
    services: { type: 'array', minItems: 1, items: { type: 'string' }, description: "The resource's `service.name`." },
    resources: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['key'],
        properties: {
          key: { type: 'string', minLength: 1, description: 'The attribute.' },
          value: { description: 'Its value; without one, that it is there.' },
        },
      },
      description: 'Attributes of the resource, with a value or merely there.',
    },
    attributes: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['key'],
        properties: {
          key: { type: 'string', minLength: 1, description: 'The attribute.' },
          value: { description: 'Its value; without one, that it is there.' },
        },
      },
      description: 'Attributes of the item, with a value or merely there.',
    },
    libraries: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', description: 'The name of the scope.' },
          version: { type: 'string', description: 'Its version; without one, any.' },
        },
      },
      description: 'Instrumentation scopes.',
    },
    span_names: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Spans: their names.' },
    span_kinds: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Spans: their kinds, such as `SPAN_KIND_SERVER`.' },
    metric_names: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Data points: the names of their metrics.' },
    log_bodies: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Log records: bodies that are text.' },
    log_severity_texts: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Log records: their severity in words.' },
    log_severity_number: {
      type: 'object',
      required: ['min'],
      description: 'Log records: their severity as a number.',
      properties: {
        min: { type: 'integer', minimum: 1, maximum: 24, description: 'The least severity.' },
        match_undefined: { type: 'boolean', default: false, description: 'Whether records without a severity fit.' },
      },
    },
  },
} as const

export const schema = {
  type: 'object',
  required: ['actions'],
  properties: {
    actions: {
      type: 'array',
      minItems: 1,
      description: 'What to do with each item, in this order.',
      // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
      items: actionSchema as typeof actionSchema,
    },
    /** Which items alone are changed. */
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
    include: choiceSchema as typeof choiceSchema,
    /** Which items are not changed. */
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
    exclude: choiceSchema as typeof choiceSchema,
  },
} as const

export type AttributesConfig = ConfigOf<typeof schema>
export type Choice = NonNullable<AttributesConfig['include']>

function check({ actions, include, exclude }: AttributesConfig): readonly ConfigFault[] {
  return [...actionFaults(['actions'], actions), ...choiceFaults('include', include), ...choiceFaults('exclude', exclude)]
}

function choiceFaults(name: string, given: Choice | undefined): readonly ConfigFault[] {
  if (given === undefined) return []
  const { match_type: type, ...properties } = given
  if (Object.keys(properties).length === 0)
    return [{ path: [name], message: 'chooses nothing; set services, attributes, span_names or another property' }]
  if (type !== 'regexp') return []
  return patternsOf(properties).flatMap(({ path, pattern }) => {
    const compiled = goPattern(pattern)
    return 'fault' in compiled ? [{ path: [name, ...path], message: compiled.fault }] : []
  })
}

interface Place {
  readonly path: readonly (string | number)[]
  readonly pattern: string
}

function patternsOf(properties: Omit<Choice, 'match_type'>): readonly Place[] {
  return Object.entries(properties).flatMap(([key, list]) => {
    if (!Array.isArray(list)) return []
    return (list as readonly unknown[]).flatMap((entry, i) => {
      if (typeof entry === 'string') return [{ path: [key, i], pattern: entry }]
      const members = Object.entries(entry as object).filter(([member, value]) => member !== 'key' && typeof value === 'string')
      return members.map(([member, pattern]) => ({ path: [key, i, member], pattern: pattern as string }))
    })
  })
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'attributes',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  check,
  async create(config, next, settings) {
    const { AttributesProcessor } = await import('./attributes.ts')
    return new AttributesProcessor(config, next, settings)
  },
}
