// One Origin for each principal: batches of different origins are never merged, so the same sender must be the same object. Authenticators
// that tell senders apart hold one.

import { LRUCache } from 'lru-cache'
import type { Origin } from '../batch.ts'

export interface Principal {
  readonly tenant: string
  readonly subject: string
  readonly roles?: readonly string[]
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map()
/** Senders at work at once; one more only costs a merge. */
const MAX_ORIGINS = 10_000

export class Origins {
  readonly #known = new LRUCache<string, Origin>({ max: MAX_ORIGINS })

  of({ tenant, subject, roles }: Principal): Origin {
    const key = JSON.stringify([tenant, subject, roles])
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const origin: Origin = { tenant, subject, ...(roles === undefined ? {} : { roles }), headers: NO_HEADERS }
    this.#known.set(key, origin)
    return origin
  }
}
