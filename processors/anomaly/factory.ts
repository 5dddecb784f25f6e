// Processor `anomaly`: says of each span how much it is like the others, and why not. Its schema, and nothing else until a pipeline uses it.

import { type ConfigOf, defineProcessor, type ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['model'],
  properties: {
    model: {
      type: 'string',
      extension: 'anomaly_model',
      examples: ['anomaly_model'],
      description: 'The extension that knows what is usual.',
    },
    annotate: {
      enum: ['all', 'anomalous'],
      default: 'all',
      description:
        'Which spans get `anomaly.score`. Reasons stand only in those over the bound; `anomalous` leaves all other spans as they came.',
    },
  },
} as const

export type AnomalyConfig = ConfigOf<typeof schema>

export const factory: ProcessorFactory<typeof schema> = defineProcessor({
  type: 'anomaly',
  signals: ['traces'],
  stability: 'alpha',
  schema,
  async create(config, next, settings) {
    const { AnomalyProcessor } = await import('./anomaly-processor.ts')
    return new AnomalyProcessor(config, next, settings)
  },
})
