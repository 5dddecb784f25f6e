// Extension `basic_auth` (`basicauth`): a name and a password, shown to a destination or asked of senders. RFC 7617.

import { type Capability, type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory } from '../../core/factory.ts'
import { lineFaults } from './htpasswd.ts'

export const schema = {
  type: 'object',
  properties: {
    client_auth: {
      type: 'object',
      description: 'Who we are, for exporters.',
      properties: {
        username: { type: 'string', minLength: 1, description: 'The name. It holds no colon.' },
        password: { type: 'string', secret: true, minLength: 1, description: 'The password.' },
        username_file: {
          type: 'string',
          format: 'path',
          minLength: 1,
          description: 'A file with the name, instead of `username`; read again when it changes.',
        },
        password_file: {
          type: 'string',
          format: 'path',
          minLength: 1,
          description: 'A file with the password, instead of `password`; read again when it changes.',
        },
      },
    },
    htpasswd: {
      type: 'object',
      description: 'Who may send, for receivers: lines of `name:password`, the password plain or as `{SHA}` or `{SSHA}` of `htpasswd`.',
      properties: {
        file: { type: 'string', format: 'path', minLength: 1, description: 'A file of such lines; read again when it changes.' },
        inline: {
          type: 'string',
          secret: true,
          minLength: 1,
          description: 'Such lines. What stands here comes before what stands in the file.',
        },
      },
    },
  },
} as const

export type BasicAuthConfig = ConfigOf<typeof schema>

function check({ client_auth: client, htpasswd }: BasicAuthConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (path: readonly string[], message: string): void => void faults.push({ path, message })
  if ((client === undefined) === (htpasswd === undefined))
    fault([], 'accepted: either client_auth, for exporters, or htpasswd, for receivers')
  if (client !== undefined) {
    for (const key of ['username', 'password'] as const) {
      const file = client[`${key}_file`]
      if (client[key] === undefined && file === undefined) fault(['client_auth'], `there is no ${key}; set ${key} or ${key}_file`)
      if (client[key] !== undefined && file !== undefined) fault(['client_auth', `${key}_file`], `${key} is set too; accepted: one of them`)
    }
    if (client.username?.includes(':') === true)
      fault(['client_auth', 'username'], 'a name with a colon cannot be sent; accepted: one without')
  }
  if (htpasswd !== undefined) {
    if (htpasswd.file === undefined && htpasswd.inline === undefined)
      fault(['htpasswd'], 'there is nobody who may send; set file or inline')
    for (const message of lineFaults(htpasswd.inline ?? '')) fault(['htpasswd', 'inline'], message)
    if (htpasswd.inline !== undefined && htpasswd.inline.trim() === '') fault(['htpasswd', 'inline'], 'there is no line in it')
  }
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'basic_auth',
  aliases: ['basicauth'],
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: ({ client_auth: client, htpasswd }): readonly Capability[] => [
    ...(client === undefined ? [] : (['client_auth'] as const)),
    ...(htpasswd === undefined ? [] : (['server_auth'] as const)),
  ],
  async create(config, _service, settings) {
    const { BasicClient } = await import('./basic-client.ts')
    const { BasicServer } = await import('./basic-server.ts')
    return config.client_auth === undefined ? new BasicServer(config.htpasswd!, settings) : new BasicClient(config.client_auth, settings)
  },
})
