// The `debug` exporter: shows on the terminal what arrives, at three levels of detail.

import { type ExporterFactory, defineExporter } from '../../core/factory.ts'

const schema = {
  type: 'object',
  properties: {
    verbosity: {
      enum: ['basic', 'normal', 'detailed'],
      default: 'basic',
      description:
        '`basic`: a line a batch. `normal`: every trace as a tree of its spans. `detailed`: the tree with attributes, events and links.',
    },
    max_spans: {
      type: 'integer',
      minimum: 1,
      default: 500,
      description: 'Spans of one batch that are shown; how many were left out is said.',
    },
  },
} as const

export const factory: ExporterFactory<typeof schema> = defineExporter({
  type: 'debug',
  signals: ['traces'],
  stability: 'beta',
  schema,
  async create(config) {
    const { DebugExporter } = await import('./debug.ts')
    return new DebugExporter({ verbosity: config.verbosity, maxSpans: config.max_spans, out: process.stdout })
  },
})
