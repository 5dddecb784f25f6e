// Seals and signs messages before they are sent first. `createClient` imports it where there are keys; it needs Web Crypto, which browsers have on pages of https
// and of localhost.

import { integrityKey, sealingKey, signMessageWeb, type WebKeys } from '../core/trust/sign-message-web.ts'
import type { Keys } from './options.ts'
import type { Sign } from './outbox.ts'

const ALGORITHMS = [{ name: 'Ed25519' }, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }]

/** Rejects where a key is none. */
export async function createSigner({ integrity, signature, encryption }: Keys): Promise<Sign> {
  const keys: WebKeys = {
    ...(integrity === undefined ? {} : { integrity: await integrityKey(integrity) }),
    ...(signature === undefined ? {} : { signature: await signatureKey(signature) }),
    ...(encryption === undefined ? {} : { encryption: { keyId: encryption.keyId, key: await sealingKey(new Uint8Array(encryption.key)) } }),
  }
  return async (text) => JSON.stringify(await signMessageWeb(JSON.parse(text) as Record<string, unknown>, keys))
}

type Key = NonNullable<WebKeys['signature']>

async function signatureKey(given: NonNullable<Keys['signature']>): Promise<Key> {
  if (typeof given !== 'string') return given as Key
  const base64 = given.replace(/-----[^-]+-----/g, '').replace(/\s+/g, '')
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  for (const algorithm of ALGORITHMS) {
    try {
      return await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign'])
    } catch {
      // It is a key of the other kind, or none.
    }
  }
  throw new TypeError('keys.signature is neither Ed25519 nor RSA; accepted: a private key as PEM, PKCS #8 (BEGIN PRIVATE KEY)')
}
