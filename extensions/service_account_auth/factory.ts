// Extension `service_account_auth`: programs that send, each with a name, a secret, and what the secret stands for.

import { type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['accounts'],
  properties: {
    accounts: {
      type: 'object',
      minProperties: 1,
      description: 'The accounts, by name. A name holds no colon.',
      additionalProperties: {
        type: 'object',
        properties: {
          secret: {
            type: 'string',
            secret: true,
            minLength: 16,
            description: 'The secret: at least 16 characters, and best 32 random ones.',
          },
          secret_file: {
            type: 'string',
            format: 'path',
            minLength: 1,
            description:
              'A file with the secret, instead; read again when it changes. With two lines, both are good: the old and the new one.',
          },
          tenant: { type: 'string', minLength: 1, description: 'Whose data it sends. Without it, of no tenant.' },
          roles: {
            type: 'array',
            items: { type: 'string', minLength: 1 },
            default: [],
            description: 'What it may do, where a receiver has `roles`.',
          },
        },
      },
    },
  },
} as const

export type ServiceAccountAuthConfig = ConfigOf<typeof schema>

/** A secret that a header can carry. */
export const SECRET: RegExp = /^[\x21-\x7e]{16,}$/

function check({ accounts }: ServiceAccountAuthConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (path: readonly string[], message: string): void => void faults.push({ path: ['accounts', ...path], message })
  const owners = new Map<string, string>()
  for (const [name, { secret, secret_file: file }] of Object.entries(accounts)) {
    if (name.includes(':') || /\p{Cc}/u.test(name)) fault([name], 'accepted: a name without a colon')
    if ((secret === undefined) === (file === undefined)) fault([name], 'accepted: either secret or secret_file')
    if (secret === undefined) continue
    if (!SECRET.test(secret)) fault([name, 'secret'], 'a header cannot carry this secret; accepted: printable ASCII without blanks')
    const owner = owners.get(secret)
    if (owner !== undefined) fault([name, 'secret'], `it is that of ${JSON.stringify(owner)} too, so that it would not tell who sends`)
    owners.set(secret, name)
  }
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'service_account_auth',
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['server_auth'],
  async create(config, _service, settings) {
    const { ServiceAccountAuth } = await import('./service-account-auth.ts')
    return new ServiceAccountAuth(config, settings)
  },
})
