// Exporter `s3_archive`: keeps traces for years, in a bucket or a folder. Its schema, and nothing else until a pipeline uses it.

import { archiveFaults, type ArchiveSchema, archiveSchema, defineExporter, type ExporterFactory } from '../../core/factory.ts'

export const factory: ExporterFactory<ArchiveSchema> = defineExporter({
  type: 's3_archive',
  signals: ['traces'],
  stability: 'alpha',
  // With an object for each trace, a sender waits for the bucket.
  answersEarly: ({ layout }) => layout === 'hour',
  schema: archiveSchema,
  check: archiveFaults,
  async create(config, settings) {
    // oxlint-disable-next-line no-restricted-imports -- a door of core, loaded when it is used
    const { openArchive } = await import('../../core/archive/index.ts')
    return openArchive(config, settings, async () => {})
  },
})
