// The `file` exporter: one line of OTLP/JSON a request, as the Collector's.

import { type ExporterFactory, defineExporter } from '../../core/factory.ts'

const schema = {
  type: 'object',
  required: ['path'],
  properties: {
    path: { type: 'string', format: 'path', minLength: 1, description: 'The file. Its folder must exist.' },
    append: { type: 'boolean', default: false, description: 'Write behind what the file holds, instead of emptying it at the start.' },
  },
} as const

export const factory: ExporterFactory<typeof schema> = defineExporter({
  type: 'file',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  async create(config) {
    const { FileExporter } = await import('./file.ts')
    return new FileExporter(config)
  },
})
