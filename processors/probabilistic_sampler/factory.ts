// Processor `probabilistic_sampler`: keeps a share of spans or log records. Its schema, and nothing else until a pipeline uses it.

import type { ConfigFault, ConfigOf, ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['sampling_percentage'],
  properties: {
    sampling_percentage: {
      type: 'number',
      minimum: 0,
      description: 'How many of a hundred are kept; 100 and more: all, 0: none. As precise as 32 bits.',
    },
    mode: {
      enum: ['hash_seed', 'proportional', 'equalizing'],
      default: 'hash_seed',
      description:
        '`proportional`: that share of what arrives. `equalizing`: that share of what there was before any sampler; what was sampled so much already passes. Both by the randomness that OpenTelemetry specifies. `hash_seed`: by a hash of the trace id or of an attribute.',
    },
    hash_seed: {
      type: 'integer',
      minimum: 0,
      maximum: 4_294_967_295,
      default: 0,
      description: '`mode: hash_seed`: samplers with one seed choose the same items.',
    },
    sampling_precision: {
      type: 'integer',
      minimum: 1,
      maximum: 14,
      default: 4,
      description: 'How many hex digits a threshold has; one more for each leading `0` or `f`.',
    },
    fail_closed: {
      type: 'boolean',
      default: true,
      description:
        'Whether an item is dropped whose randomness or threshold is missing, wrong, or (with `hash_seed`) there already; else it is kept.',
    },
    attribute_source: {
      enum: ['traceID', 'record'],
      default: 'traceID',
      description:
        'Log records, `mode: hash_seed`: what is hashed. `traceID`: the trace id, and `from_attribute` where a record has none; `record`: `from_attribute` alone.',
    },
    from_attribute: {
      type: 'string',
      default: '',
      description: 'Log records, `mode: hash_seed`: the attribute that is hashed.',
    },
    sampling_priority: {
      type: 'string',
      default: '',
      description:
        'Log records: the attribute that has a percentage of its own, above 0 and up to 100. (For spans it is always `sampling.priority`: above 0 keeps, 0 drops.)',
    },
  },
} as const

export type SamplerConfig = ConfigOf<typeof schema>

function check(config: SamplerConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const { sampling_percentage: percentage, mode, attribute_source: source, from_attribute: attribute } = config
  // The least probability is 1 in 2^56; the Collector refuses what lies below, too.
  if (!Number.isFinite(percentage) || (percentage > 0 && Math.fround(percentage) / 100 < 2 ** -56))
    faults.push({ path: ['sampling_percentage'], message: `found ${percentage}; accepted: 0, or from 1.4e-15 on` })
  if (mode === 'hash_seed' && source === 'record' && attribute === '')
    faults.push({ path: ['from_attribute'], message: 'missing: with attribute_source: record it says what is hashed' })
  return faults
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'probabilistic_sampler',
  signals: ['traces', 'logs'],
  stability: 'beta',
  schema,
  check,
  async create(config, next, settings) {
    const { ProbabilisticSampler } = await import('./probabilistic-sampler.ts')
    return new ProbabilisticSampler(config, next, settings)
  },
}
