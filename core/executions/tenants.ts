// The origin of a message that names its tenant itself: one object for each, for batches of different origins are never merged. Intake asks it.

import { LRUCache } from 'lru-cache'
import type { Origin } from '../batch.ts'

/** Origins at work at once; one more only costs a merge. */
const MOST = 10_000

export class Tenants {
  readonly #known = new LRUCache<string, Origin>({ max: MOST })
  /** Origins are compared as objects: a name for each. */
  readonly #names = new WeakMap<Origin, number>()
  #named = 0

  /** A tenant that the connection or a token names goes before the message's. */
  of(origin: Origin, tenant: string | undefined): Origin {
    if (tenant === undefined || origin.tenant !== '') return origin
    let name = this.#names.get(origin)
    if (name === undefined) this.#names.set(origin, (name = ++this.#named))
    const key = `${name} ${tenant}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const made: Origin = { ...origin, tenant }
    this.#known.set(key, made)
    return made
  }
}
