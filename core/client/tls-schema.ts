// The `tls` section of exporters: the Collector's keys. Factories put it into their schemas; nothing here loads cryptography.

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import { tlsFaults, tlsProperties } from '../tls/schema.ts'

const properties = {
  insecure: {
    type: 'boolean',
    default: false,
    description: 'Speak without TLS, where the address does not say: with `host:port`. `http://` and `https://` do say.',
  },
  insecure_skip_verify: { type: 'boolean', default: false, description: 'Believe any certificate. Whoever is in between can read along.' },
  ca_file: {
    type: 'string',
    format: 'path',
    description: 'The authorities, in PEM, that may have signed the certificate of the destination.',
  },
  ca_pem: { type: 'string', description: 'The authorities themselves, instead of `ca_file`.' },
  include_system_ca_certs_pool: {
    type: 'boolean',
    default: false,
    description: 'Trust what the machine trusts, too. Without `ca_file`, the authorities that come with Node are trusted.',
  },
  server_name_override: {
    type: 'string',
    description: 'The name that the certificate must be for, where it is not the one in the address.',
  },
} as const

interface Section {
  readonly type: 'object'
  readonly default: object
  readonly description: string
  readonly properties: typeof tlsProperties & typeof properties
}
export const clientTlsSchema: Pick<Section, keyof Section> = {
  type: 'object',
  default: {},
  description: 'How TLS is spoken with the destination.',
  properties: { ...properties, ...tlsProperties },
}
export type ClientTlsConfig = ConfigOf<typeof clientTlsSchema>

/** Paths begin at the section that holds `tls`. */
export function clientTlsFaults(config: ClientTlsConfig): readonly ConfigFault[] {
  const faults = tlsFaults(config).map(({ path, message }) => ({ path: ['tls', ...path], message }))
  if (config.ca_file !== undefined && config.ca_pem !== undefined) {
    faults.push({ path: ['tls', 'ca_pem'], message: 'ca_file is set too; accepted: one of them' })
  }
  return faults
}
