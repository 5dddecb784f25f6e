// What `security` says of a message's canonical text, held against it: the seal with a shared key, the digest, the signature. `MessageTrust`
// reads for receivers, `signMessage` writes for clients.
//
//   integrity_check:   "hmac-sha256:<hex>"
//   message_signature: "sha256:<hex>" | "ed25519:<base64>" | "rs256:<base64>"
//
// All are over the UTF-8 of the canonical JSON (RFC 8785) of the message without its member `security`.

import { createHash, createHmac, hash, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'
import type { JsonObject } from './verdict.ts'

const HMAC = /^hmac-sha256:([0-9a-fA-F]{64})$/
const DIGEST = /^sha256:([0-9a-fA-F]{64})$/
const SIGNATURE = /^(ed25519|rs256):([A-Za-z0-9+/]+={0,2})$/

/** What is proved is proved of this text. */
export function provedText(message: JsonObject): string {
  return canonicalJson(message, 'security')
}

export function isIntegrityProof(found: unknown, text: string, key: KeyObject): boolean {
  const hex = typeof found === 'string' ? HMAC.exec(found)?.[1] : undefined
  return hex !== undefined && timingSafeEqual(Buffer.from(hex, 'hex'), createHmac('sha256', key).update(text).digest())
}

export function integrityProof(text: string, key: KeyObject | Uint8Array): string {
  return `hmac-sha256:${createHmac('sha256', key).update(text).digest('hex')}`
}

/** Proves nothing: anybody can make one. Undefined where there is none. */
export function digestIn(found: unknown): string | undefined {
  return typeof found === 'string' ? DIGEST.exec(found)?.[1] : undefined
}

export function isDigest(hex: string, text: string): boolean {
  return timingSafeEqual(Buffer.from(hex, 'hex'), createHash('sha256').update(text).digest())
}

export function digest(text: string): string {
  return `sha256:${hash('sha256', text)}`
}

/** The algorithm must be that of the registered key: what a message says of itself chooses none. */
export function isSignature(found: unknown, text: string, key: KeyObject): boolean {
  const [, algorithm, base64] = (typeof found === 'string' ? SIGNATURE.exec(found) : null) ?? []
  if (algorithm === undefined || algorithm !== algorithmOf(key)) return false
  return verify(algorithm === 'rs256' ? 'sha256' : null, Buffer.from(text), key, Buffer.from(base64!, 'base64'))
}

/** @throws TypeError for a key that is neither Ed25519 nor RSA. */
export function signature(text: string, key: KeyObject): string {
  const algorithm = algorithmOf(key)
  if (algorithm === undefined) throw new TypeError(`a key of type ${key.asymmetricKeyType} cannot sign; accepted: Ed25519 or RSA`)
  return `${algorithm}:${sign(algorithm === 'rs256' ? 'sha256' : null, Buffer.from(text), key).toString('base64')}`
}

function algorithmOf({ asymmetricKeyType: type }: KeyObject): 'ed25519' | 'rs256' | undefined {
  return type === 'ed25519' ? 'ed25519' : type === 'rsa' ? 'rs256' : undefined
}
