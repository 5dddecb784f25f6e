// The `debug` exporter: shows on the terminal what arrives, at three levels of detail.

import { type ExporterFactory, defineExporter } from '../../core/factory.ts'

const schema = {
  type: 'object',
  properties: {
    verbosity: {
      enum: ['basic', 'normal', 'detailed'],
      default: 'basic',
      description:
        '`basic`: a line a batch. `normal`: every trace as a tree of its spans, every data point and log record as a line. `detailed`: with attributes, events and links.',
    },
    max_items: {
      type: 'integer',
      minimum: 1,
      default: 500,
      description: 'Spans, data points or log records of one batch that are shown; how many were left out is said.',
    },
  },
} as const

export const factory: ExporterFactory<typeof schema> = defineExporter({
  type: 'debug',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  async create(config) {
    const { DebugExporter } = await import('./debug.ts')
    return new DebugExporter({ verbosity: config.verbosity, maxItems: config.max_items, out: process.stdout })
  },
})
