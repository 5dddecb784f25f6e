// Reads certificates and keys in PEM and judges them, each mistake in words that name its key in the configuration. Called by TlsFiles.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { quoted } from '../printable.ts'
import { whyUnreadable } from '../unreadable.ts'

/** Where PEM text comes from: `key` is the name in the configuration. */
export interface PemSource {
  readonly key: string
  readonly file?: string
  readonly text?: string
}

/** Undefined where neither is set. */
export function sourceOf(name: string, file: string | undefined, text: string | undefined): PemSource | undefined {
  if (file !== undefined) return { key: `${name}_file`, file }
  return text === undefined ? undefined : { key: `${name}_pem`, text }
}

/** How errors name it. */
export function nameOf({ key, file }: PemSource): string {
  return file === undefined ? key : `${key} ${quoted(file, 500)}`
}

export function readPem(source: PemSource): string {
  if (source.file === undefined) return source.text!
  try {
    return readFileSync(source.file, 'utf8')
  } catch (error) {
    throw new Error(`${nameOf(source)} cannot be read: ${whyUnreadable(error as NodeJS.ErrnoException)}`, { cause: error })
  }
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g

/** At least one. */
export function certificatesIn(source: PemSource, pem: string): readonly X509Certificate[] {
  const blocks = pem.match(CERTIFICATE)
  if (blocks === null) throw new Error(`${nameOf(source)} has no certificate; accepted: PEM, "-----BEGIN CERTIFICATE-----"`)
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new Error(`${nameOf(source)}: certificate ${index + 1} cannot be read: ${(error as Error).message}`, { cause: error })
    }
  })
}

export function privateKeyIn(source: PemSource, pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) throw new Error(`${nameOf(source)} has a passphrase; accepted: a key without one`)
  if (!pem.includes('PRIVATE KEY-----')) {
    throw new Error(`${nameOf(source)} has no private key; accepted: PEM, "-----BEGIN PRIVATE KEY-----"`)
  }
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new Error(`${nameOf(source)} cannot be read as a private key`, { cause: error })
  }
}

/** Why a certificate is not good at this time; undefined where it is. A peer decides by its own clock, so it is for a warning. */
export function outOfTime(certificate: X509Certificate, now: Date): string | undefined {
  if (certificate.validToDate < now) return `expired on ${certificate.validToDate.toISOString()}`
  if (certificate.validFromDate > now) return `is not valid before ${certificate.validFromDate.toISOString()}`
  return undefined
}
