// Extension `bearer_token_auth` (`bearertokenauth`): a token, shown to a destination or asked of senders. RFC 6750.

import { type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    header: {
      type: 'string',
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
      examples: ['Authorization', 'X-API-Key'],
      default: 'Authorization',
      description: 'The header that carries the token.',
    },
    scheme: { type: 'string', default: 'Bearer', description: 'What stands before the token. Empty for the token alone.' },
    token: { type: 'string', secret: true, minLength: 1, description: 'The token.' },
    tokens: {
      type: 'array',
      items: { type: 'string', secret: true, minLength: 1 },
      description: 'Several tokens instead of `token`: senders may show any of them, exporters show the first.',
    },
    filename: {
      type: 'string',
      format: 'path',
      minLength: 1,
      description: 'A file with a token in each line, instead of both; read again when it changes.',
    },
  },
} as const

export type BearerTokenAuthConfig = ConfigOf<typeof schema>

/** A token that a header can carry. */
export const TOKEN: RegExp = /^[\x21-\x7e]+$/

function check({ token, tokens, filename, scheme }: BearerTokenAuthConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const given = Object.entries({ token, tokens, filename }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) {
    const found = given.length === 0 ? 'there is no token' : `${given.map(([key]) => key).join(' and ')} are set`
    faults.push({ path: [], message: `${found}; accepted: one of token, tokens and filename` })
  }
  if (tokens?.length === 0) faults.push({ path: ['tokens'], message: 'there is no token in the list' })
  const unusable = 'a header cannot carry this token; accepted: printable ASCII without blanks'
  if (token !== undefined && !TOKEN.test(token)) faults.push({ path: ['token'], message: unusable })
  for (const [i, each] of (tokens ?? []).entries()) if (!TOKEN.test(each)) faults.push({ path: ['tokens', i], message: unusable })
  if (!/^[\x21-\x7e]*$/.test(scheme)) faults.push({ path: ['scheme'], message: 'accepted: one word' })
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'bearer_token_auth',
  aliases: ['bearertokenauth'],
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['client_auth', 'server_auth'],
  async create(config, _service, settings) {
    const { BearerTokenAuth } = await import('./bearer-token-auth.ts')
    return new BearerTokenAuth(config, settings)
  },
})
