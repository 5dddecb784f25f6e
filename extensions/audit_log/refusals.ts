// Counts refusals of one kind together, so that whoever is sent away a million times makes no million lines. Extension `audit_log` asks it
// of every refusal.

import type { AuditEntry, Clock } from '../../core/index.ts'

/** At once: whoever is refused may choose some of what is said of the refusal. Twice as many lines are the most for each `refusals_every`. */
const MAX_KINDS = 50

interface Kind {
  readonly entry: AuditEntry
  more: number
}

export class Refusals {
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #write: (entry: AuditEntry, count: number) => void
  readonly #kinds = new Map<string, Kind>()
  #timer: { cancel(): void } | undefined

  constructor(everyMs: number, clock: Clock, write: (entry: AuditEntry, count: number) => void) {
    this.#everyMs = everyMs
    this.#clock = clock
    this.#write = write
  }

  /** The first of its kind is written at once, and how many more there were when the time is over. */
  add(entry: AuditEntry): void {
    const { act, component, tenant, subject, reason } = entry
    const key = JSON.stringify([act, component, tenant, subject, reason])
    let kind = this.#kinds.get(key)
    if (kind === undefined && this.#kinds.size >= MAX_KINDS) {
      const rest = JSON.stringify([act, component])
      kind = this.#kinds.get(rest)
      if (kind === undefined)
        this.#kinds.set(rest, (kind = { entry: { kind: 'refusal', act, component, reason: 'and more, of many kinds' }, more: 0 }))
    }
    if (kind === undefined) {
      this.#kinds.set(key, { entry, more: 0 })
      this.#write(entry, 1)
    } else kind.more++
    this.#timer ??= this.#clock.after(this.#everyMs, () => this.flush())
  }

  /** Writes what was only counted. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const [key, kind] of this.#kinds) {
      if (kind.more === 0) this.#kinds.delete(key)
      else {
        // What it was done to, and in which words, is only that of the first.
        const { object: _, ...entry } = kind.entry
        this.#write(entry, kind.more)
        kind.more = 0
      }
    }
    if (this.#kinds.size > 0) this.#timer = this.#clock.after(this.#everyMs, () => this.flush())
  }

  stop(): void {
    this.flush()
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
