// Extension `file_storage` (`disk`): folders on disk for what must outlive the process: queues, dead letters, what samplers hold.

import {
  type ConfigFault,
  type ConfigOf,
  defineExtension,
  type ExtensionFactory,
  encryptionKeyOf,
  parseDuration,
  quoted,
} from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    directory: {
      type: 'string',
      format: 'path',
      minLength: 1,
      default: '/var/lib/millrace/file_storage',
      examples: ['/var/lib/millrace/file_storage', './queues'],
      description: 'Where the folders are: one for each queue, each component that holds items, and the dead letters.',
    },
    create_directory: { type: 'boolean', default: true, description: 'Whether `directory` is made where it does not exist.' },
    directory_permissions: {
      type: 'string',
      pattern: '^0?[0-7]{3}$',
      examples: ['0750'],
      default: '0750',
      description: 'Of `directory`, where it is made. The folders in it are for the user of the process alone.',
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '1s',
      description: 'How long to wait for another process that has a folder, such as the one that is being replaced.',
    },
    fsync: {
      enum: [true],
      default: true,
      description: 'As in the Collector, where the default is false. Here nothing is answered that is not synced.',
    },
    max_size: {
      type: 'integer',
      format: 'bytes',
      minimum: 1_048_576,
      default: 10_737_418_240,
      description: 'The most that one folder may take: a queue that has come to it refuses what it has no room for.',
    },
    encryption_key: {
      type: 'string',
      secret: true,
      description:
        'Encrypts what is written from now on, AES-256-GCM: 32 bytes as base64 or as 64 hexadecimal digits, such as `openssl rand -base64 32` prints. Whoever loses it loses what is stored.',
    },
    dead_letters: {
      type: 'object',
      default: {},
      description: 'What destinations refuse for good.',
      properties: {
        max_size: {
          type: 'integer',
          format: 'bytes',
          minimum: 1_048_576,
          default: 1_073_741_824,
          description: 'The most that they may take. Where they are full, what is refused stays in its queue.',
        },
      },
    },
  },
} as const

export type FileStorageConfig = ConfigOf<typeof schema>

function check({ timeout, encryption_key: key }: FileStorageConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (parseDuration(timeout) < 0) faults.push({ path: ['timeout'], message: `found ${quoted(timeout)}; accepted: 0s or longer` })
  if (key !== undefined && encryptionKeyOf(key) === undefined) {
    const message = `${key.length} characters that are no key; accepted: 32 bytes as base64 (44 characters) or hexadecimal (64): openssl rand -base64 32`
    faults.push({ path: ['encryption_key'], message })
  }
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'file_storage',
  aliases: ['disk'],
  signals: [],
  stability: 'beta',
  schema,
  provides: () => ['storage'],
  encrypts: ({ encryption_key: key }) => key !== undefined,
  check,
  async create(config, _service, settings) {
    const { FileStorage } = await import('./file-storage.ts')
    return new FileStorage(config, settings)
  },
})
