// Processor `group_by_trace` (`groupbytrace`): holds spans back until their trace is whole. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, parseDuration, type ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    wait_duration: {
      type: 'string',
      format: 'duration',
      default: '1s',
      description: 'How long after its first span a trace is handed on. Spans that come later are a trace of their own.',
    },
    num_traces: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 1_000_000,
      description: 'How many traces may wait at once. One more, and the oldest is handed on early, with what has come of it.',
    },
    num_workers: {
      type: 'integer',
      minimum: 1,
      default: 1,
      description: 'As in the Collector; here it changes nothing.',
    },
    max_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 16_777_216,
      maximum: 15_032_385_536,
      default: 536_870_912,
      description:
        'The memory that waiting spans may take. Where it does not suffice, the oldest traces are handed on early; where they do not leave, senders are told to come back.',
    },
  },
} as const

export type GroupByTraceConfig = ConfigOf<typeof schema>

function check({ wait_duration: wait }: GroupByTraceConfig): readonly ConfigFault[] {
  return parseDuration(wait) > 0 ? [] : [{ path: ['wait_duration'], message: `found "${wait}"; accepted: a time, such as 1s` }]
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'group_by_trace',
  aliases: ['groupbytrace'],
  signals: ['traces'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { GroupByTrace } = await import('./group-by-trace.ts')
    return new GroupByTrace(config, next, settings)
  },
}
