// Extension `oauth2_client` (`oauth2client`): tokens for exporters, from an authorization server. RFC 6749, 4.4: client credentials.

import {
  clientTlsFaults,
  clientTlsSchema,
  type ConfigFault,
  type ConfigOf,
  defineExtension,
  type ExtensionFactory,
  parseDuration,
  urlFaults,
} from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['token_url'],
  properties: {
    client_id: { type: 'string', minLength: 1, description: 'Who we are.' },
    client_id_file: {
      type: 'string',
      format: 'path',
      minLength: 1,
      description: 'A file with it, instead of `client_id`; read again when it changes.',
    },
    client_secret: { type: 'string', secret: true, minLength: 1, description: 'Our secret.' },
    client_secret_file: {
      type: 'string',
      format: 'path',
      minLength: 1,
      description: 'A file with it, instead of `client_secret`; read again when it changes.',
    },
    token_url: { type: 'string', description: 'Where tokens are had, as https://host/path.' },
    scopes: { type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: 'What the token should be good for.' },
    endpoint_params: {
      type: 'object',
      default: {},
      additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }], secret: true },
      description: 'More fields of the request, such as `audience`: a text, or a list of texts.',
    },
    timeout: { type: 'string', format: 'duration', default: '5s', description: 'How long one request for a token may take.' },
    expiry_buffer: {
      type: 'string',
      format: 'duration',
      default: '5m',
      description: 'How long before its end a token is replaced; of one that lives shortly, not before half of its life.',
    },
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
    tls: clientTlsSchema as typeof clientTlsSchema,
  },
} as const

export type Oauth2ClientConfig = ConfigOf<typeof schema>

/** Written by the extension itself. */
const OWN_PARAMS = new Set(['grant_type', 'client_id', 'client_secret', 'scope'])

function check(config: Oauth2ClientConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (path: readonly string[], message: string): void => void faults.push({ path, message })
  for (const key of ['client_id', 'client_secret'] as const) {
    const file = config[`${key}_file`]
    if (config[key] === undefined && file === undefined) fault([], `there is no ${key}; set ${key} or ${key}_file`)
    if (config[key] !== undefined && file !== undefined) fault([`${key}_file`], `${key} is set too; accepted: one of them`)
  }
  for (const name of Object.keys(config.endpoint_params)) {
    if (OWN_PARAMS.has(name)) fault(['endpoint_params', name], 'the extension writes this field itself; leave it out')
  }
  if (parseDuration(config.timeout) === 0) fault(['timeout'], 'no answer comes in no time; accepted: a duration such as 5s')
  return [...faults, ...urlFaults('token_url', config.token_url, true), ...clientTlsFaults(config.tls)]
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'oauth2_client',
  aliases: ['oauth2client'],
  signals: [],
  stability: 'beta',
  schema,
  check,
  provides: () => ['client_auth'],
  async create(config, _service, settings) {
    const { Oauth2Client } = await import('./oauth2-client.ts')
    return new Oauth2Client(config, settings)
  },
})
