// The `tls` section as receivers and exporters share it: keys of the Collector, and what a schema cannot say of them. Factories spread
// the properties into their own section; nothing here loads cryptography.

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import { quoted } from '../printable.ts'
import { CIPHER_SUITES } from './cipher-suites.ts'

export const tlsProperties = {
  cert_file: { type: 'string', format: 'path', description: 'The certificate, with the intermediate ones behind it, in PEM.' },
  key_file: { type: 'string', format: 'path', description: 'Its private key, in PEM, without a passphrase.' },
  cert_pem: { type: 'string', description: 'The certificate itself, instead of `cert_file`.' },
  key_pem: { type: 'string', secret: true, description: 'The private key itself, instead of `key_file`.' },
  min_version: { type: 'string', enum: ['1.2', '1.3'], default: '1.2', description: 'The oldest version of TLS to speak.' },
  max_version: { type: 'string', enum: ['1.2', '1.3'], default: '1.3', description: 'The newest version of TLS to speak.' },
  cipher_suites: {
    type: 'array',
    items: { type: 'string' },
    description: 'The suites of TLS 1.2 to offer, by their IANA names. Without it, those that Node offers.',
  },
  reload_interval: {
    type: 'string',
    format: 'duration',
    default: '10s',
    description: 'How often to look whether the files have changed. Connections that stand are kept. 0 is never.',
  },
} as const

export const clientCaProperties = {
  client_ca_file: {
    type: 'string',
    format: 'path',
    description: 'Senders must show a certificate that one of these authorities, in PEM, has signed for clients.',
  },
  client_ca_pem: { type: 'string', description: 'The authorities themselves, instead of `client_ca_file`.' },
  client_ca_file_reload: { type: 'boolean', default: true, description: 'Look for changes of `client_ca_file`, too.' },
} as const

/** An interface would not do as a schema: it might be added to. */
export type TlsSection<P> = { readonly type: 'object'; readonly description: string; readonly properties: P }
export const serverTlsSchema: TlsSection<typeof tlsProperties & typeof clientCaProperties> = {
  type: 'object',
  description: 'Speak TLS, and only TLS.',
  properties: { ...tlsProperties, ...clientCaProperties },
}

/** What both sides' sections hold, however they were made. */
export interface TlsConfig {
  readonly cert_file?: string
  readonly key_file?: string
  readonly cert_pem?: string
  readonly key_pem?: string
  readonly min_version: '1.2' | '1.3'
  readonly max_version: '1.2' | '1.3'
  readonly cipher_suites?: readonly string[]
  readonly reload_interval: string
}
export type ServerTlsConfig = ConfigOf<typeof serverTlsSchema>

/** Paths are relative to the `tls` section. */
export function tlsFaults(config: TlsConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (path: readonly (string | number)[], message: string): void => void faults.push({ path, message })
  const { cert_file, cert_pem, key_file, key_pem } = config
  if (cert_file !== undefined && cert_pem !== undefined) fault(['cert_pem'], 'cert_file is set too; accepted: one of them')
  if (key_file !== undefined && key_pem !== undefined) fault(['key_pem'], 'key_file is set too; accepted: one of them')
  const hasCertificate = cert_file !== undefined || cert_pem !== undefined
  const hasKey = key_file !== undefined || key_pem !== undefined
  if (hasCertificate && !hasKey) fault([], 'there is a certificate without its key; set key_file or key_pem')
  if (hasKey && !hasCertificate) fault([], 'there is a key without its certificate; set cert_file or cert_pem')
  if (config.min_version > config.max_version) {
    fault(['min_version'], `${config.min_version} is newer than max_version (${config.max_version})`)
  }
  for (const [index, suite] of (config.cipher_suites ?? []).entries()) {
    if (!CIPHER_SUITES.has(suite)) {
      fault(['cipher_suites', index], `found ${quoted(suite)}; accepted: ${[...CIPHER_SUITES.keys()].join(', ')}`)
    }
  }
  return faults
}

export function serverTlsFaults(config: ServerTlsConfig): readonly ConfigFault[] {
  const faults = [...tlsFaults(config)]
  if (config.cert_file === undefined && config.cert_pem === undefined && config.key_file === undefined && config.key_pem === undefined) {
    faults.push({ path: [], message: 'a server needs a certificate; set cert_file and key_file' })
  }
  if (config.client_ca_file !== undefined && config.client_ca_pem !== undefined) {
    faults.push({ path: ['client_ca_pem'], message: 'client_ca_file is set too; accepted: one of them' })
  }
  return faults
}
