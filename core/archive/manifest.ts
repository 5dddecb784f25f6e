// What is said of an archived object, beside it and written after it: an object without a manifest is none. object-writer.ts makes it; everything that
// looks at an archive begins with it.
//
// A manifest is canonical JSON (RFC 8785), so that no byte of it can be another. Its `seal` is over that of everything else: `hmac-sha256:` under a key derived (HKDF-SHA256, info "millrace archive manifest")
// from the object's own where it is encrypted, else `sha256:`, which finds what changed by accident and not what was changed with intent.

import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { canonicalJson } from '../trust/canonical-json.ts'
import type { Compression, Encoding } from './places.ts'

export const MANIFEST_VERSION = 1

export interface Manifest {
  readonly format: 'millrace-archive'
  readonly version: typeof MANIFEST_VERSION
  /** Where the object lies, without the bucket or folder. */
  readonly object: string
  readonly tenant: string
  readonly encoding: Encoding
  readonly compression: Compression
  readonly spans: number
  readonly traces: number
  readonly frames: number
  /** Of its spans' beginnings: RFC 3339, in milliseconds. */
  readonly first_time: string
  readonly last_time: string
  /** Before compression, and as it lies there, in bytes. */
  readonly raw_bytes: number
  readonly bytes: number
  /** `sha256:` and 64 hex digits, of what lies there. */
  readonly checksum: string
  /** Of what is in it, before it was compressed and encrypted: where there is an object for each trace, it tells what came twice. Gone when it is erased. */
  readonly content?: string
  readonly index: { readonly bytes: number; readonly checksum: string }
  /** Absent where everybody may read it. Without `wrapped_key` it was erased: nobody can. */
  readonly encryption?: { readonly algorithm: 'aes-256-gcm'; readonly master_key: string; readonly wrapped_key?: string }
  readonly retention?: string
  readonly compliance_tags?: readonly string[]
  readonly written_at: string
  readonly seal: string
}

/** In words, why something is no manifest that is as it was written. */
export type ManifestFault = { readonly fault: string }

export function sealed(manifest: Omit<Manifest, 'seal'>, dataKey: Uint8Array | undefined): Manifest {
  return { ...manifest, seal: sealOf(manifest, dataKey) }
}

/** Whether it is as it was written; `dataKey` where it is encrypted. */
export function isSealed(manifest: Manifest, dataKey: Uint8Array | undefined): boolean {
  const { seal, ...rest } = manifest
  const [expected, found] = [Buffer.from(sealOf(rest, dataKey)), Buffer.from(seal)]
  return expected.length === found.length && timingSafeEqual(expected, found)
}

function sealOf(manifest: Omit<Manifest, 'seal'>, dataKey: Uint8Array | undefined): string {
  const text = canonicalJson(manifest)
  if (dataKey === undefined) return `sha256:${hash('sha256', text)}`
  const key = new Uint8Array(hkdfSync('sha256', dataKey, new Uint8Array(0), 'millrace archive manifest', 32))
  return `hmac-sha256:${createHmac('sha256', key).update(text).digest('hex')}`
}

export function bytesOf(manifest: Manifest): Buffer {
  return Buffer.from(canonicalJson(manifest))
}

/** Reads the bytes of one. Whether its seal fits is asked apart, for that may need a key. */
export function manifestIn(bytes: Uint8Array): Manifest | ManifestFault {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return { fault: 'it is no object' }
    if (canonicalJson(value) !== text) return { fault: 'it is not written as manifests are: it was changed' }
  } catch {
    return { fault: 'it is no JSON' }
  }
  const found = value as Partial<Record<keyof Manifest, unknown>>
  if (found.format !== 'millrace-archive') return { fault: 'it is no manifest of an archive' }
  if (found.version !== MANIFEST_VERSION) return { fault: `its version is another; accepted: ${MANIFEST_VERSION}` }
  const wrong = TEXTS.find((key) => typeof found[key] !== 'string') ?? NUMBERS.find((key) => !Number.isSafeInteger(found[key]))
  if (wrong !== undefined) return { fault: `${wrong} is missing, or no ${TEXTS.includes(wrong) ? 'text' : 'number'}` }
  const { index, encryption } = found
  if (typeof index !== 'object' || index === null) return { fault: 'index is missing' }
  if (encryption !== undefined && (typeof encryption !== 'object' || encryption === null)) return { fault: 'encryption is no object' }
  return value as Manifest
}

const TEXTS: readonly (keyof Manifest)[] = [
  'object',
  'tenant',
  'encoding',
  'compression',
  'first_time',
  'last_time',
  'checksum',
  'written_at',
  'seal',
]
const NUMBERS: readonly (keyof Manifest)[] = ['spans', 'traces', 'frames', 'raw_bytes', 'bytes']

export function checksumOf(bytes: Uint8Array): string {
  return `sha256:${hash('sha256', bytes)}`
}
