// Extension `jwt_auth` (`oidc`): JSON Web Tokens of an issuer, asked of senders. RFC 7519; keys as RFC 7517 and OpenID Connect Discovery say.

import { type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory, parseDuration, urlFaults } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['issuer_url'],
  properties: {
    issuer_url: { type: 'string', minLength: 1, description: 'Who gives the tokens: their claim `iss`, letter by letter.' },
    audience: { type: 'string', minLength: 1, description: 'Whom the tokens are for: their claim `aud`, or one of the list there.' },
    ignore_audience: { type: 'boolean', default: false, description: 'Take tokens for anybody.' },
    public_keys_file: {
      type: 'string',
      format: 'path',
      minLength: 1,
      description: 'A file with the public keys: PEM, a JWK, or a JWKS. Read again when it changes.',
    },
    jwks_url: { type: 'string', description: 'Where the keys are had, as a JWKS. https, or http to this machine.' },
    issuer_ca_path: {
      type: 'string',
      format: 'path',
      minLength: 1,
      description: 'The authorities, in PEM, that have signed the certificate of `jwks_url` or of the issuer.',
    },
    algorithms: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'string',
        enum: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
      },
      default: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'],
      description: 'How tokens may be signed. Of these, the type of the key decides which ones it can check.',
    },
    attribute: {
      type: 'string',
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
      default: 'authorization',
      description: 'The header that carries the token, behind `Bearer`.',
    },
    username_claim: {
      type: 'string',
      minLength: 1,
      default: 'sub',
      description: 'The claim that says who the sender is. A token without it is refused.',
    },
    tenant_claim: { type: 'string', minLength: 1, description: 'The claim that says whose data it is. A token without it is refused.' },
    groups_claim: {
      type: 'string',
      minLength: 1,
      description: 'The claim with the roles: a list, or words in a text. With dots it may reach inside: `realm_access.roles`.',
    },
    clock_skew: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: "How far the issuer's clock may be off, for `exp` and `nbf`.",
    },
    timeout: { type: 'string', format: 'duration', default: '5s', description: 'How long getting the keys may take.' },
    cache_duration: {
      type: 'string',
      format: 'duration',
      default: '10m',
      description: 'How old the keys of an URL may become before they are asked for again.',
    },
    cooldown: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'How long after that tokens with unknown keys, which anybody can make, do not make us ask again.',
    },
    allow_private_addresses: {
      type: 'boolean',
      default: false,
      description: 'Get keys from private networks too, such as 10.0.0.0/8. Looked at when connecting.',
    },
  },
} as const

export type JwtAuthConfig = ConfigOf<typeof schema>

function check(config: JwtAuthConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (path: readonly string[], message: string): void => void faults.push({ path, message })
  const { audience, ignore_audience: ignored, public_keys_file: file, jwks_url: url, issuer_url: issuer } = config
  if (audience === undefined && !ignored)
    fault([], 'there is no audience: tokens for others would be good here; set audience, or ignore_audience')
  if (audience !== undefined && ignored) fault(['ignore_audience'], 'audience is set too; accepted: one of them')
  if (file !== undefined && url !== undefined) fault(['jwks_url'], 'public_keys_file is set too; accepted: one of them')
  if (file !== undefined && config.issuer_ca_path !== undefined) fault(['issuer_ca_path'], 'keys come from a file, so that nobody is asked')
  if (url !== undefined) faults.push(...urlFaults('jwks_url', url, true))
  else if (file === undefined) faults.push(...urlFaults('issuer_url', issuer, false))
  for (const key of ['timeout', 'cache_duration'] as const)
    if (parseDuration(config[key]) === 0) fault([key], 'nothing comes in no time; accepted: a duration such as 5s')
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'jwt_auth',
  aliases: ['oidc'],
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['server_auth'],
  async create(config, _service, settings) {
    const { JwtAuth } = await import('./jwt-auth.ts')
    return new JwtAuth(config, settings)
  },
})
