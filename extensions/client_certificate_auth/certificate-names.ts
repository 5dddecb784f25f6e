// The names in a certificate, for `client_certificate_auth`. A name that is there twice names nobody: which one is meant, others might read
// differently.

import type { X509Certificate } from 'node:crypto'
import type { ClientCertificateAuthConfig } from './factory.ts'

const SUBJECT_PARTS = { common_name: 'CN', organization: 'O', organizational_unit: 'OU' } as const
const ALTERNATIVES = { san_uri: 'URI', san_dns: 'DNS', san_email: 'email' } as const

export type NamePlace = ClientCertificateAuthConfig['username_from'] | NonNullable<ClientCertificateAuthConfig['tenant_from']>

/** Undefined where it is not there exactly once, or could not be printed on one line. */
export function nameIn(certificate: X509Certificate, place: NamePlace): string | undefined {
  const name = readName(certificate, place)
  return name === undefined || name === '' || /\p{Cc}/u.test(name) ? undefined : name
}

function readName(certificate: X509Certificate, place: NamePlace): string | undefined {
  // Node writes each part on a line of its own, and escapes what a part could forge.
  if (place === 'subject') return certificate.subject?.replaceAll('\n', ',')
  if (place === 'san_uri' || place === 'san_dns' || place === 'san_email') return only(alternatives(certificate, ALTERNATIVES[place]))
  const { subject } = certificate.toLegacyObject() as { readonly subject?: Readonly<Record<string, string | readonly string[]>> }
  return only([subject?.[SUBJECT_PARTS[place]] ?? []].flat())
}

function only(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined
}

/** `DNS:a, URI:"b, c"`: Node quotes, as JSON, what a reader of the list could mistake. */
const ENTRY = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/gy

function alternatives({ subjectAltName: text }: X509Certificate, kind: string): readonly string[] {
  const found: string[] = []
  ENTRY.lastIndex = 0
  for (const [, type, value] of (text ?? '').matchAll(ENTRY)) {
    if (type === kind) found.push(value!.startsWith('"') ? (JSON.parse(value!) as string) : value!)
  }
  return found
}
