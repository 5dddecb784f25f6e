// What the schemas of exporters share: headers, credentials, compression, and what a schema cannot say of them. core/factory.ts hands it on.

import type { ConfigFault } from '../component.ts'

export const headersSchema = {
  type: 'object',
  default: {},
  additionalProperties: { type: 'string', secret: true },
  description: 'Sent with every request, for example `Authorization`.',
} as const

export const clientAuthSchema = {
  type: 'object',
  description: 'Credentials from an extension.',
  required: ['authenticator'],
  properties: {
    authenticator: {
      type: 'string',
      extension: 'client_auth',
      description: 'The id of an extension such as `basic_auth`, `bearer_token_auth` or `oauth2_client`.',
    },
  },
} as const

export const compressionSchema = { enum: ['gzip', 'zstd', 'none'], default: 'gzip', description: 'How the body is compressed.' } as const

export const compressionParamsSchema = {
  type: 'object',
  default: {},
  description: 'Fine tuning of the compression.',
  properties: {
    level: { type: 'integer', minimum: 1, maximum: 22, description: 'gzip 1 to 9 (without it 1), zstd 1 to 22 (without it 3).' },
  },
} as const

export const concatenatedMembersSchema = {
  type: 'boolean',
  default: false,
  description:
    'Requests that came in as gzip leave joined as they came, several members in one body. The Collector reads that; others answer OK and lose all but the first.',
} as const

export interface CompressionConfig {
  readonly compression: 'gzip' | 'zstd' | 'none'
  readonly compression_params: { readonly level?: number }
  readonly concatenated_members: boolean
}

const GZIP_MAX_LEVEL = 9

export function compressionFaults({ compression, compression_params, concatenated_members }: CompressionConfig): readonly ConfigFault[] {
  const { level } = compression_params
  const faults: ConfigFault[] = []
  const path = ['compression_params', 'level']
  if (compression === 'none' && level !== undefined) {
    faults.push({ path, message: 'there is no compression to have a level; leave it out' })
  }
  if (compression === 'gzip' && (level ?? 1) > GZIP_MAX_LEVEL) faults.push({ path, message: `found ${level}; accepted for gzip: 1 to 9` })
  if (concatenated_members && compression !== 'gzip') {
    faults.push({ path: ['concatenated_members'], message: `only members of gzip are joined; accepted with compression: gzip` })
  }
  return faults
}

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\w]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** `own`: names in lower case that the exporter writes itself, so that another value would contradict what it sends. */
export function headerFaults(headers: Readonly<Record<string, string>>, own: ReadonlySet<string>): readonly ConfigFault[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const fault = (message: string): readonly ConfigFault[] => [{ path: ['headers', name], message }]
    if (!HEADER_NAME.test(name)) return fault('this is no name of a header; accepted: letters, digits and dashes')
    if (own.has(name.toLowerCase())) return fault('the exporter writes this header itself; leave it out')
    if (!HEADER_VALUE.test(value))
      return fault('the value holds characters that a header cannot; accepted: printable Latin text without line breaks')
    return []
  })
}

/** As `fetch` would: two spellings of one header would be sent as two. */
export function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
