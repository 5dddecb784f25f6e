// AES-256-GCM over the records of one segment, under a key of its own. `writer.ts` seals, `page.ts` opens.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** What a sealed record is longer by. */
export const SEAL_BYTES: number = NONCE_BYTES + TAG_BYTES

/** What the header of a segment says of its key. */
export interface KeyMark {
  /** Random. With it, the configured key makes the segment's. */
  readonly salt: Uint8Array
  /** Tells whether a key is the right one, and nothing else of it. */
  readonly check: Uint8Array
}
export const KEY_SALT_BYTES = 16
export const KEY_CHECK_BYTES = 16

/**
 * Nonces are random. For a single key that is safe for 2^32 records, which would be seven weeks at a thousand a second; so each segment has
 * its own, and there the chance that two of its records share a nonce stays below 2^-44, for it has room for 2^26 at most.
 */
export class Cipher {
  readonly mark: KeyMark
  readonly #key: Uint8Array

  private constructor(key: Uint8Array, salt: Uint8Array) {
    const made = new Uint8Array(hkdfSync('sha256', key, salt, 'millrace segment', KEY_BYTES + KEY_CHECK_BYTES))
    this.#key = made.subarray(0, KEY_BYTES)
    this.mark = { salt, check: made.slice(KEY_BYTES) }
  }

  /** For a new segment. */
  static make(key: Uint8Array): Cipher {
    return new Cipher(key, new Uint8Array(randomBytes(KEY_SALT_BYTES)))
  }

  /** For a segment that is there. Undefined where it was written with another key. */
  static of(key: Uint8Array, { salt, check }: KeyMark): Cipher | undefined {
    const cipher = new Cipher(key, salt)
    return timingSafeEqual(cipher.mark.check, check) ? cipher : undefined
  }

  /** Nonce, ciphertext and tag. `associated` is not hidden, and must be the same when it is opened. */
  seal(parts: readonly Uint8Array[], associated: Uint8Array): readonly Uint8Array[] {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(associated)
    const sealed: Uint8Array[] = [nonce]
    for (const part of parts) sealed.push(cipher.update(part))
    sealed.push(cipher.final(), cipher.getAuthTag())
    return sealed
  }

  /** Undefined where it was not sealed with this key and `associated`, or is not what was sealed. */
  open(sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined {
    if (sealed.length < SEAL_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(associated)
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    // GCM is a stream: `update` gives all of it, `final` nothing but its verdict.
    const bytes = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES))
    try {
      decipher.final()
      return bytes
    } catch {
      return undefined
    }
  }
}
