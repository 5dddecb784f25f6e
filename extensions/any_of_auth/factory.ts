// Extension `any_of_auth`: several authenticators as one, asked in turn.

import { type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['authenticators'],
  properties: {
    authenticators: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', extension: 'server_auth' },
      description: 'The extensions to ask, in this order. They stand before this one in `service.extensions`.',
    },
  },
} as const

export type AnyOfAuthConfig = ConfigOf<typeof schema>

function check({ authenticators }: AnyOfAuthConfig): readonly ConfigFault[] {
  return authenticators.flatMap((id, i) =>
    authenticators.indexOf(id) === i ? [] : [{ path: ['authenticators', i], message: `${JSON.stringify(id)} is asked already` }],
  )
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'any_of_auth',
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['server_auth'],
  async create({ authenticators }, _service, settings) {
    const { AnyOfAuth } = await import('./any-of-auth.ts')
    return new AnyOfAuth(authenticators.map((id) => settings.extension('server_auth', id)))
  },
})
