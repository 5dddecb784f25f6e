// Origins by number, as long as somebody has something of theirs: equal ones are one, though each request may bring its own object.

import { ANONYMOUS, type Origin } from '../batch.ts'

export class OriginNumbers<T> {
  readonly #make: (number: number, key: string, origin: Origin) => T
  readonly #byKey = new Map<string, number>()
  readonly #entries: ({ readonly key: string; readonly entry: T } | undefined)[] = []
  readonly #vacant: number[] = []
  readonly #keys = new WeakMap<Origin, string>()

  constructor(make: (number: number, key: string, origin: Origin) => T) {
    this.#make = make
  }

  of(origin: Origin): T {
    const key = this.#keyOf(origin)
    const known = this.#byKey.get(key)
    if (known !== undefined) return this.#entries[known]!.entry
    const number = this.#vacant.pop() ?? this.#entries.length
    const entry = this.#make(number, key, origin)
    this.#entries[number] = { key, entry }
    this.#byKey.set(key, number)
    return entry
  }

  at(number: number): T {
    return this.#entries[number]!.entry
  }

  *all(): Iterable<T> {
    for (const one of this.#entries) if (one !== undefined) yield one.entry
  }

  /** Nobody has anything of its any more; safe twice. */
  release(number: number): void {
    const one = this.#entries[number]
    if (one === undefined) return
    this.#byKey.delete(one.key)
    this.#entries[number] = undefined
    this.#vacant.push(number)
  }

  /** Of equal origins the same; empty for the one without a name. */
  #keyOf(origin: Origin): string {
    if (origin === ANONYMOUS) return ''
    let key = this.#keys.get(origin)
    if (key === undefined) {
      const headers = [...origin.headers].sort(([a], [b]) => (a < b ? -1 : 1))
      this.#keys.set(origin, (key = JSON.stringify([origin.tenant, origin.subject ?? null, headers])))
    }
    return key
  }
}
