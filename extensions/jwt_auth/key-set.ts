// Public keys as an issuer publishes them: read from PEM, a JWK or a JWKS, and found for a token by its algorithm and key id. What a token
// says of keys beyond that (jwk, jku, x5c, x5u) is never looked at.

import { createPublicKey, type KeyObject } from 'node:crypto'

export interface PublishedKey {
  readonly key: KeyObject
  readonly kid?: string
  readonly alg?: string
}

const PEM = /-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g
const MIN_RSA_BITS = 2048
/** More would be worth nothing but work for whoever sends bad tokens. */
const MAX_KEYS = 100
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/** @throws Error in words where there is no key that could check a token. */
export function keysIn(text: string): readonly PublishedKey[] {
  const found = text.trimStart().startsWith('{') ? keysInJson(text) : keysInPem(text)
  const usable = found.filter(({ key }) => algorithmsOf(key).length > 0).slice(0, MAX_KEYS)
  if (usable.length === 0)
    throw new Error('no key; accepted: PEM, a JWK or a JWKS with public keys: RSA of 2048 bits and more, EC, Ed25519')
  return usable
}

/** A key without a `kid` is for all tokens; a token without one may be of any key. */
export function candidates(keys: readonly PublishedKey[], algorithm: string | undefined, kid: unknown): readonly KeyObject[] {
  return keys
    .filter((one) => one.alg === undefined || one.alg === algorithm)
    .filter((one) => kid === undefined || one.kid === undefined || one.kid === kid)
    .filter(({ key }) => algorithm !== undefined && algorithmsOf(key).includes(algorithm))
    .map(({ key }) => key)
}

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  if (type === 'rsa') return (details?.modulusLength ?? 0) < MIN_RSA_BITS ? [] : ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  const curve = type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined
  return curve === undefined ? [] : [curve]
}

function keysInPem(text: string): readonly PublishedKey[] {
  return (text.match(PEM) ?? []).flatMap((block) => {
    if (block.includes('PRIVATE KEY')) throw new Error('a private key; accepted: public ones, and the private one stays with the issuer')
    return publicKey(() => createPublicKey(block))
  })
}

function keysInJson(text: string): readonly PublishedKey[] {
  const found = parse(text)
  const list = Array.isArray(found['keys']) ? (found['keys'] as readonly unknown[]) : [found]
  return list.flatMap((each) => {
    const jwk = (typeof each === 'object' && each !== null ? each : {}) as Readonly<Record<string, unknown>>
    if ('d' in jwk) throw new Error('a private key; accepted: public ones, and the private one stays with the issuer')
    if (jwk['kty'] === 'oct' || (jwk['use'] !== undefined && jwk['use'] !== 'sig')) return []
    const { kid, alg } = jwk
    const named = { ...(typeof kid === 'string' ? { kid } : {}), ...(typeof alg === 'string' ? { alg } : {}) }
    return publicKey(() => createPublicKey({ key: jwk, format: 'jwk' })).map((one) => ({ ...one, ...named }))
  })
}

/** One of a kind that Node does not know is none for us; others may be. */
function publicKey(read: () => KeyObject): readonly PublishedKey[] {
  try {
    return [{ key: read() }]
  } catch {
    return []
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
