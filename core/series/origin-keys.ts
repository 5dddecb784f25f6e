// By which text an origin is known: equal ones are one, though each request may bring its own object. Connectors that keep something of each
// sender have one.

import { ANONYMOUS, type Origin } from '../batch.ts'

export class OriginKeys {
  readonly #keys = new WeakMap<Origin, string>()

  /** Empty for the one without a name. */
  of(origin: Origin): string {
    if (origin === ANONYMOUS) return ''
    let key = this.#keys.get(origin)
    if (key === undefined) {
      const headers = [...origin.headers].sort(([a], [b]) => (a < b ? -1 : 1))
      this.#keys.set(origin, (key = JSON.stringify([origin.tenant, origin.subject ?? null, headers])))
    }
    return key
  }
}
