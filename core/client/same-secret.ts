// Compares secrets: authenticators of senders call it, so that the time it takes tells nobody how much was right.

import { createHash, timingSafeEqual } from 'node:crypto'

/** What is compared is as long for every secret, so not even its length shows. */
export function isSameSecret(presented: string | Uint8Array, expected: string | Uint8Array): boolean {
  return timingSafeEqual(digest(presented), digest(expected))
}

function digest(secret: string | Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest()
}
