// What `redaction` notes about its work beside the attributes it has changed, as the Collector does. rules.ts keeps one.

import type { AttributeValue } from '../../core/factory.ts'
import type { Note, Owner, Place } from '../../core/mask/index.ts'
import type { RedactionConfig } from './factory.ts'

export const WHAT = ['redacted', 'masked', 'allowed', 'ignored'] as const
export type What = (typeof WHAT)[number]

/** They pass whatever is allowed. */
export const OWN_KEYS: readonly string[] = [
  'redaction.redacted.keys',
  'redaction.redacted.count',
  'redaction.masked.keys',
  'redaction.masked.count',
  'redaction.ignored.count',
]

type Lists = Readonly<Record<What, Set<string>>>
const emptyLists = (): Lists => ({ redacted: new Set(), masked: new Set(), allowed: new Set(), ignored: new Set() })
interface Level {
  readonly attributes: Lists
  readonly body: Lists
}

export class Summary {
  readonly #withKeys: boolean
  readonly isSilent: boolean
  /** A span, and an event in it. */
  readonly #levels: Level[] = []
  /** The keys that lead to where the walk is, in attributes and in a body. */
  readonly #paths: Readonly<Record<'attribute' | 'body', string[]>> = { attribute: [], body: [] }

  constructor(summary: RedactionConfig['summary']) {
    this.isSilent = summary === '' || summary === 'silent'
    this.#withKeys = summary === 'debug'
  }

  enter(owner: Owner): void {
    this.#paths.attribute.length = this.#paths.body.length = 0
    if (!this.isSilent && owner !== 'of_resource') this.#levels.push({ attributes: emptyLists(), body: emptyLists() })
  }

  leave(owner: Owner): readonly Note[] {
    if (this.isSilent || owner === 'of_resource') return []
    const level = this.#levels.pop()!
    return [...this.#notes('redaction', level.attributes), ...this.#notes('redaction.body', level.body)]
  }

  at(key: string, depth: number, place: Place): void {
    const path = this.#paths[place === 'body' ? 'body' : 'attribute']
    path.length = depth
    path.push(key)
  }

  /** The attribute, or the entry of a body, where the walk is. */
  add(what: What, place: Place): void {
    const level = this.#levels.at(-1)
    if (level === undefined) return
    if (place === 'body') level.body[what].add(this.#paths.body.length === 0 ? 'body' : this.#paths.body.join('.'))
    else level.attributes[what].add(this.#paths.attribute[0] ?? '')
  }

  #notes(prefix: string, lists: Lists): Note[] {
    return WHAT.flatMap((what) => {
      const keys = [...lists[what]]
      if (keys.length === 0) return []
      const count: Note = { key: `${prefix}.${what}.count`, value: (before) => keys.length + numberOf(before) }
      if (!this.#withKeys || what === 'ignored') return [count]
      const list = (before: AttributeValue | undefined): string =>
        [...keys, ...(typeof before === 'string' && before !== '' ? before.split(',') : [])].sort().join(',')
      return [{ key: `${prefix}.${what}.keys`, value: list }, count]
    })
  }
}

function numberOf(before: AttributeValue | undefined): number {
  return typeof before === 'number' ? before : 0
}
