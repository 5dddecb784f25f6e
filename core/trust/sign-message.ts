// What a client does to a message before it leaves: seals its payload, then proves the whole. The other side is `MessageTrust`.

import type { KeyObject } from 'node:crypto'
import { digest, integrityProof, provedText, signature } from './proofs.ts'
import { sealMessage } from './sealed-payload.ts'
import type { JsonObject } from './verdict.ts'

export interface MessageKeys {
  /** Shared with the receiver: a text is its bytes in UTF-8. */
  readonly integrity?: string | Uint8Array
  /** Private, Ed25519 or RSA; or `digest`, which proves nothing but that nothing was cut on the way. */
  readonly signature?: KeyObject | 'digest'
  readonly encryption?: { readonly keyId: string; readonly key: Uint8Array }
}

/** A new message; the one given is left as it is. Set `timestamp` and whatever else it says before: nothing may change afterwards. */
export function signMessage(message: JsonObject, keys: MessageKeys): JsonObject {
  const sealed = keys.encryption === undefined ? message : sealMessage(message, keys.encryption.keyId, keys.encryption.key)
  if (keys.integrity === undefined && keys.signature === undefined) return sealed
  const text = provedText(sealed)
  const security: Record<string, unknown> = { ...(sealed['security'] as object | undefined) }
  if (keys.integrity !== undefined) security['integrity_check'] = integrityProof(text, Buffer.from(keys.integrity))
  if (keys.signature !== undefined)
    security['message_signature'] = keys.signature === 'digest' ? digest(text) : signature(text, keys.signature)
  return { ...sealed, security }
}
