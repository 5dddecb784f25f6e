// Connector `s3_archive`: the exporter of that name, and a log record for each object that it has written. Its schema, and nothing else until a pipeline uses it.

import { archiveFaults, type ArchiveSchema, archiveSchema, type ConnectorFactory, defineConnector } from '../../core/factory.ts'

export const factory: ConnectorFactory<ArchiveSchema> = defineConnector({
  type: 's3_archive',
  signals: ['traces'],
  routes: { traces: ['logs'] },
  stability: 'alpha',
  // With an object for each trace, a sender waits for the bucket.
  answersEarly: ({ layout }) => layout === 'hour',
  schema: archiveSchema,
  check: archiveFaults,
  async create(config, next, settings) {
    const { ArchivalRecords } = await import('./archival-records.ts')
    // oxlint-disable-next-line no-restricted-imports -- a door of core, loaded when it is used
    const { openArchive } = await import('../../core/archive/index.ts')
    const records = new ArchivalRecords(next, settings)
    return openArchive(config, settings, (manifest, store) => records.tell(manifest, store.name))
  },
})
