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
    sampling_initial: {
      type: 'integer',
      minimum: 0,
      default: 2,
      description: 'How many batches of each signal are shown in a second before `sampling_thereafter` counts.',
    },
    sampling_thereafter: {
      type: 'integer',
      minimum: 0,
      default: 1,
      description: 'Of the others, every so manieth is shown: 1 is all of them, 0 none.',
    },
  },
} as const

export const factory: ExporterFactory<typeof schema> = defineExporter({
  type: 'debug',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  async create({ verbosity, max_items: maxItems, sampling_initial: initial, sampling_thereafter: thereafter }, { clock }) {
    const { DebugExporter } = await import('./debug.ts')
    return new DebugExporter({ verbosity, maxItems, sampling: { initial, thereafter, clock }, out: process.stdout })
  },
})
