// Exporter `nop`: takes everything and keeps nothing.

import { defineExporter, type ExporterFactory } from '../../core/factory.ts'

const schema = { type: 'object', properties: {} } as const

export const factory: ExporterFactory<typeof schema> = defineExporter({
  type: 'nop',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  // There is no work to import.
  create: async () => ({ consume: async () => {} }),
})
