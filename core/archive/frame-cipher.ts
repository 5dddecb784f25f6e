// AES-256-GCM over the frames of one archived object, under a key that only this object has: object-writer.ts seals, object-reader.ts opens.
//
//   a sealed frame:  ciphertext, as long as the frame | tag, 16 bytes
//   nonce:           the frame's number, 11 bytes, big-endian | 1 in the last frame, else 0
//   associated data: "millrace archive 1" 00 | tenant in UTF-8 00 | the object's name in UTF-8
//
// A frame opens only as what it is: of this tenant, in this object, at this place, and as the last one or not. The scheme is that of STREAM (Hoang, Reyhanitabar, Rogaway,
// Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015), with frames of any length.

import { createCipheriv, createDecipheriv } from 'node:crypto'

export const DATA_KEY_BYTES = 32
export const TAG_BYTES = 16
const NONCE_BYTES = 12

/** Which object a frame is of. */
export interface ObjectIdentity {
  readonly tenant: string
  /** Where it lies, without the bucket or folder. */
  readonly object: string
}

export class FrameCipher {
  readonly #key: Uint8Array
  readonly #associated: Uint8Array

  /** `key` seals one object and nothing else, for nonces begin anew in each. */
  constructor(key: Uint8Array, { tenant, object }: ObjectIdentity) {
    this.#key = key
    // Not in a buffer with others, which would live as long: an archive may hold many thousands of these.
    this.#associated = new TextEncoder().encode(`millrace archive 1\0${tenant}\0${object}`)
  }

  seal(frame: Uint8Array, number: number, isLast: boolean): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(number, isLast), { authTagLength: TAG_BYTES })
    cipher.setAAD(this.#associated)
    const sealed = cipher.update(frame)
    cipher.final()
    return Buffer.concat([sealed, cipher.getAuthTag()])
  }

  /** Undefined where it is not the frame that was sealed there. */
  open(sealed: Uint8Array, number: number, isLast: boolean): Buffer | undefined {
    const end = sealed.length - TAG_BYTES
    if (end < 0) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonceOf(number, isLast), { authTagLength: TAG_BYTES })
    decipher.setAAD(this.#associated)
    decipher.setAuthTag(sealed.subarray(end))
    const frame = decipher.update(sealed.subarray(0, end))
    try {
      decipher.final()
      return frame
    } catch {
      return undefined
    }
  }
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUIntBE(number, 5, 6)
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0
  return nonce
}
