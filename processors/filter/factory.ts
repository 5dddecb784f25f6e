// Processor `filter`: leaves out what a condition holds for. Its schema, and nothing else until a pipeline uses it.

import type { ConfigFault, ConfigOf, ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    error_mode: {
      enum: ['ignore', 'silent', 'propagate'],
      default: 'ignore',
      description:
        'What a condition that has no answer comes to, because a value is of another type than it is used as: `ignore` logs it and keeps the item, `silent` keeps it, `propagate` refuses the batch.',
    },
    traces: {
      type: 'object',
      default: {},
      properties: {
        span: { type: 'array', items: { type: 'string' }, default: [], description: 'Spans for which one of these holds are dropped.' },
      },
    },
    metrics: {
      type: 'object',
      default: {},
      properties: {
        metric: {
          type: 'array',
          items: { type: 'string' },
          default: [],
          description: 'Metrics for which one of these holds are dropped, with all their data points.',
        },
        datapoint: { type: 'array', items: { type: 'string' }, default: [], description: 'The same for single data points.' },
      },
    },
    logs: {
      type: 'object',
      default: {},
      properties: {
        log_record: { type: 'array', items: { type: 'string' }, default: [], description: 'The same for log records.' },
      },
    },
  },
} as const

export type FilterConfig = ConfigOf<typeof schema>

function check({ traces, metrics, logs }: FilterConfig): readonly ConfigFault[] {
  const lists = [traces.span, metrics.metric, metrics.datapoint, logs.log_record]
  if (lists.some(({ length }) => length > 0)) return []
  return [{ path: [], message: 'there is no condition; set traces.span, metrics.metric, metrics.datapoint or logs.log_record' }]
}

async function checkDeeply({ traces, metrics, logs }: FilterConfig): Promise<readonly ConfigFault[]> {
  const { conditionFault } = await import('./conditions.ts')
  const lists = [
    ['traces', 'span', 'span', traces.span],
    ['metrics', 'metric', 'metric', metrics.metric],
    ['metrics', 'datapoint', 'data_point', metrics.datapoint],
    ['logs', 'log_record', 'log_record', logs.log_record],
  ] as const
  return lists.flatMap(([section, key, context, texts]) =>
    texts.flatMap((text, i) => {
      const message = conditionFault(context, text)
      return message === undefined ? [] : [{ path: [section, key, i], message }]
    }),
  )
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'filter',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check,
  checkDeeply,
  async create(config, next, settings) {
    const { FilterProcessor } = await import('./filter.ts')
    return new FilterProcessor(config, next, settings)
  },
}
