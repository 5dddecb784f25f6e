// Extension `audit_log`: a record of refusals, administrative acts and reads, chained so that changes show.

import {
  type ConfigFault,
  type ConfigOf,
  defineExtension,
  encryptionKeyOf,
  type ExtensionFactory,
  parseDuration,
} from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['file'],
  properties: {
    file: {
      type: 'string',
      format: 'path',
      minLength: 1,
      description: 'Where the record is kept. Its folder is there already, and only its owner may read it.',
    },
    key: {
      type: 'string',
      secret: true,
      minLength: 1,
      description:
        '32 bytes, in base64 or as 64 hexadecimal digits, with which every line is sealed: without the key, nobody can write the log anew.',
    },
    key_file: { type: 'string', format: 'path', minLength: 1, description: 'A file with them, instead. It is read once.' },
    max_file_size: {
      type: 'integer',
      format: 'bytes',
      minimum: 4096,
      default: 16_777_216,
      description: 'How long a file may become; then it is set aside as `<file>.000001` and so on, and the chain goes on. None is deleted.',
    },
    refusals_every: {
      type: 'string',
      format: 'duration',
      default: '1m',
      description:
        'How often refusals of one kind are written down: the first at once, and then how many more there were. Whoever is sent away cannot fill the disk.',
    },
  },
} as const

export type AuditLogConfig = ConfigOf<typeof schema>

function check({ key, key_file: file, refusals_every: every }: AuditLogConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (key !== undefined && file !== undefined) faults.push({ path: ['key_file'], message: 'key is set too; accepted: one of them' })
  if (key !== undefined && encryptionKeyOf(key) === undefined)
    faults.push({ path: ['key'], message: 'accepted: 32 bytes, in base64 or as 64 hexadecimal digits' })
  if (parseDuration(every) < 1000) faults.push({ path: ['refusals_every'], message: `found ${every}; accepted: a duration of at least 1s` })
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'audit_log',
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['audit'],
  async create(config, _service, settings) {
    const { AuditLog } = await import('./audit-log.ts')
    return new AuditLog(config, settings)
  },
})
