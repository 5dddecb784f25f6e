// Processor `memory_limiter`: refuses data before the process runs out of memory. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, parseDuration, type ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    check_interval: { type: 'string', format: 'duration', default: '1s', description: 'How often memory is looked at.' },
    limit_mib: { type: 'integer', minimum: 0, default: 0, description: 'The most memory that data may take, in MiB.' },
    spike_limit_mib: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'How far below the limit refusing begins, in MiB; 0 is a fifth of the limit.',
    },
    limit_percentage: {
      type: 'integer',
      minimum: 0,
      maximum: 100,
      default: 0,
      description: "Instead of `limit_mib`: percent of the memory that the machine, or the process's control group, has.",
    },
    spike_limit_percentage: {
      type: 'integer',
      minimum: 0,
      maximum: 100,
      default: 0,
      description: 'Instead of `spike_limit_mib`: percent of that memory; 0 is a fifth of the limit.',
    },
    min_gc_interval_when_soft_limited: {
      type: 'string',
      format: 'duration',
      default: '10s',
      description: 'How long to wait between two collections of garbage while only the point where refusing begins is passed.',
    },
    min_gc_interval_when_hard_limited: {
      type: 'string',
      format: 'duration',
      default: '0s',
      description: 'The same while the limit itself is passed.',
    },
  },
} as const

export type MemoryLimiterConfig = ConfigOf<typeof schema>

function check(config: MemoryLimiterConfig): readonly ConfigFault[] {
  const { limit_mib: limit, limit_percentage: percentage, spike_limit_mib: spike, spike_limit_percentage: spikePercentage } = config
  const faults: ConfigFault[] = []
  if (limit === 0 && percentage === 0) faults.push({ path: [], message: 'there is no limit; set limit_mib or limit_percentage' })
  if (limit > 0 && spike >= limit)
    faults.push({ path: ['spike_limit_mib'], message: `found ${spike}; accepted: less than limit_mib, ${limit}` })
  if (limit === 0 && percentage > 0 && spikePercentage >= percentage)
    faults.push({
      path: ['spike_limit_percentage'],
      message: `found ${spikePercentage}; accepted: less than limit_percentage, ${percentage}`,
    })
  if (parseDuration(config.check_interval) === 0) faults.push({ path: ['check_interval'], message: 'found 0; accepted: more, such as 1s' })
  return faults
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'memory_limiter',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { MemoryLimiter } = await import('./memory-limiter.ts')
    return new MemoryLimiter(config, next, settings)
  },
}
