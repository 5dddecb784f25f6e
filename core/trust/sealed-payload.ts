// A payload sealed with AES-256-GCM, opened for receivers and made for clients.
//
//   payload: { "key_id": text, "iv": base64 of 12 bytes, "ciphertext": base64, "tag": base64 of 16 bytes }
//
// The plain text is the payload's JSON in UTF-8. Additional data is the canonical JSON (RFC 8785), in UTF-8, of the message without its
// members `payload` and `security`: what is sealed under one envelope opens under no other.

import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'
import type { JsonObject } from './verdict.ts'

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

export interface SealedPayload {
  readonly key_id: string
  readonly iv: string
  readonly ciphertext: string
  readonly tag: string
}

/** Whether it is meant to be one: a readable payload has no `ciphertext`. */
export function isSealed(payload: unknown): payload is JsonObject {
  return typeof payload === 'object' && payload !== null && Object.hasOwn(payload, 'ciphertext')
}

/** Undefined where a member is missing, has another type or another length, or where there is one too many. */
export function sealedPayloadOf(payload: JsonObject): SealedPayload | undefined {
  const { key_id: keyId, iv, ciphertext, tag } = payload
  if (Object.keys(payload).length !== 4 || typeof keyId !== 'string' || typeof ciphertext !== 'string') return undefined
  const fits = lengthOfBase64(iv) === IV_BYTES && lengthOfBase64(tag) === TAG_BYTES && lengthOfBase64(ciphertext) !== undefined
  return fits ? { key_id: keyId, iv: iv as string, ciphertext, tag: tag as string } : undefined
}

/** The payload, or undefined where the key is another, anything was changed, or what comes out is no JSON object. */
export function openPayload(
  message: JsonObject,
  sealed: SealedPayload,
  key: KeyObject,
  parse: (text: string) => unknown = JSON.parse,
): JsonObject | undefined {
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(sealed.iv, 'base64'), { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(envelopeOf(message)))
  decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'))
  try {
    const plain = Buffer.concat([decipher.update(sealed.ciphertext, 'base64'), decipher.final()])
    const payload = parse(plain.toString())
    return typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? (payload as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** The message with its payload sealed. One key seals at most 2^32 messages: with random vectors, more would be too many. */
export function sealMessage(message: JsonObject, keyId: string, key: Uint8Array): JsonObject {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(envelopeOf(message)))
  const ciphertext = cipher.update(JSON.stringify(message['payload']), 'utf8', 'base64') + cipher.final('base64')
  const payload: SealedPayload = { key_id: keyId, iv: iv.toString('base64'), ciphertext, tag: cipher.getAuthTag().toString('base64') }
  return { ...message, payload, security: { ...(message['security'] as object | undefined), encryption: CIPHER } }
}

function envelopeOf(message: JsonObject): string {
  const { payload: _, security: __, ...envelope } = message
  return canonicalJson(envelope)
}

/** Of what it stands for; undefined for what is no base64. */
function lengthOfBase64(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.byteLength(text, 'base64')
}
