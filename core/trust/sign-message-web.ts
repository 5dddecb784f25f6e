// The same as sign-message.ts by Web Crypto alone, for clients that also run in a browser: nothing here, nor what it imports, needs Node. A
// browser has it on pages of https and of localhost.

import { canonicalJson } from './canonical-json.ts'
import type { JsonObject } from './verdict.ts'

const subtle: typeof globalThis.crypto.subtle = globalThis.crypto.subtle
const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

type Bytes = Uint8Array<ArrayBuffer>
type Key = Awaited<ReturnType<typeof globalThis.crypto.subtle.importKey>>

/** Made once, used for every message: importing a key costs more than using it. */
export interface WebKeys {
  readonly integrity?: Key
  /** Private: Ed25519, or RSASSA-PKCS1-v1_5 with SHA-256. */
  readonly signature?: Key
  readonly encryption?: { readonly keyId: string; readonly key: Key }
}

/** The shared key of `integrity_check`: its bytes in UTF-8, as in the receiver's `integrity_key`. */
export function integrityKey(text: string): Promise<Key> {
  return subtle.importKey('raw', bytesOf(text), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}

/** 32 bytes. */
export function sealingKey(bytes: Bytes): Promise<Key> {
  return subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt'])
}

/** A new message; the one given is left as it is. Nothing may change afterwards. */
export async function signMessageWeb(message: JsonObject, { integrity, signature, encryption }: WebKeys): Promise<JsonObject> {
  const sealed = encryption === undefined ? message : await seal(message, encryption.keyId, encryption.key)
  if (integrity === undefined && signature === undefined) return sealed
  const { security: before, ...rest } = sealed
  const text = bytesOf(canonicalJson(rest))
  const security: Record<string, unknown> = { ...(before as object | undefined) }
  if (integrity !== undefined) security['integrity_check'] = `hmac-sha256:${hexOf(await subtle.sign('HMAC', integrity, text))}`
  if (signature !== undefined) {
    const { name } = signature.algorithm
    security['message_signature'] = `${name === 'Ed25519' ? 'ed25519' : 'rs256'}:${base64Of(await subtle.sign(name, signature, text))}`
  }
  return { ...rest, security }
}

async function seal(message: JsonObject, keyId: string, key: Key): Promise<JsonObject> {
  const { payload, security, ...envelope } = message
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const how = { name: 'AES-GCM', iv, additionalData: bytesOf(canonicalJson(envelope)), tagLength: TAG_BYTES * 8 }
  const both = await subtle.encrypt(how, key, bytesOf(JSON.stringify(payload)))
  const [ciphertext, tag] = [both.slice(0, -TAG_BYTES), both.slice(-TAG_BYTES)].map(base64Of)
  const sealed = { key_id: keyId, iv: base64Of(iv.buffer), ciphertext, tag }
  return { ...envelope, payload: sealed, security: { ...(security as object | undefined), encryption: CIPHER } }
}

function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text)
}

function hexOf(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function base64Of(buffer: ArrayBuffer): string {
  let binary = ''
  for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte)
  return btoa(binary)
}
