// Public keys that signatures are checked with, from PEM or a JWK. A key's own type says what it can check, never the message.

import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto'

export const PUBLIC_KEY_ACCEPTED = 'a public key in PEM or as a JWK: Ed25519, or RSA of 2048 bits and more'

const MIN_RSA_BITS = 2048

/** Undefined for what is none of these; a private key is none either: whoever checks needs no more than the public one. */
export function publicKeyOf(text: string): KeyObject | undefined {
  const key = read(text)
  if (key === undefined) return undefined
  if (key.asymmetricKeyType === 'ed25519') return key
  const isRsa = key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS
  return isRsa ? key : undefined
}

function read(text: string): KeyObject | undefined {
  try {
    if (text.includes('PRIVATE KEY')) return undefined
    if (!text.trimStart().startsWith('{')) return createPublicKey(text)
    const jwk = JSON.parse(text) as webcrypto.JsonWebKey
    return 'd' in jwk || 'k' in jwk ? undefined : createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}
