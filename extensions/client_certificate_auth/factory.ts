// Extension `client_certificate_auth`: who a sender is, by the certificate that it shows (mutual TLS).

import { type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    username_from: {
      type: 'string',
      enum: ['common_name', 'subject', 'san_uri', 'san_dns', 'san_email'],
      default: 'common_name',
      description:
        'What of the certificate names the sender: its CN, its whole subject (`CN=a,O=b`), or an alternative name, as `spiffe://acme/planner`. It must be there exactly once.',
    },
    tenant_from: {
      type: 'string',
      enum: ['organization', 'organizational_unit'],
      description: 'What of the subject says whose data it is: O or OU, there exactly once. Without it, what `accounts` says.',
    },
    accounts: {
      type: 'object',
      minProperties: 1,
      description: 'Who may send, by that name. Without it, everybody whose certificate is good.',
      additionalProperties: {
        type: 'object',
        properties: {
          tenant: { type: 'string', minLength: 1, description: 'Whose data it sends.' },
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

export type ClientCertificateAuthConfig = ConfigOf<typeof schema>

function check({ tenant_from: from, accounts = {} }: ClientCertificateAuthConfig): readonly ConfigFault[] {
  if (from === undefined) return []
  const message = 'tenant_from is set, so that the certificate says it; accepted: one of them'
  return Object.entries(accounts).flatMap(([name, { tenant }]) =>
    tenant === undefined ? [] : [{ path: ['accounts', name, 'tenant'], message }],
  )
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'client_certificate_auth',
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['server_auth'],
  async create(config, _service, settings) {
    const { ClientCertificateAuth } = await import('./client-certificate-auth.ts')
    return new ClientCertificateAuth(config, settings)
  },
})
