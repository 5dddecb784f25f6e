// What `redaction` makes of what the walk shows it: the Collector's order of questions. Ignored keys, keys that are not allowed, allowed values,
// blocked keys, blocked values.

import type { AttributeValue } from '../../core/factory.ts'
import {
  type Finding,
  type Instead,
  NO_PASS,
  type Note,
  type Owner,
  type Pass,
  type Place,
  type Rules,
  type Said,
  Search,
  Tally,
  type Verdict,
} from '../../core/mask/index.ts'
import { asText } from './as-text.ts'
import type { RedactionConfig } from './factory.ts'
import { compiled, insteadOf, replaced } from './replace.ts'
import { OWN_KEYS, Summary, WHAT, type What } from './summary.ts'

/** Go's `.` stops at a line's end. */
const ALL = new Search(/.*/)
/** Names that the Collector does not look at, and that mean something as they are. */
const NOT_LOOKED_AT: ReadonlySet<Place> = new Set(['key', 'trace_state', 'schema_url', 'severity', 'metric'])

interface RedactionFinding extends Finding {
  readonly what: 'allowed' | 'masked' | undefined
}
const MASKED: RedactionFinding = { what: 'masked', deletes: false }
const ALLOWED: Said<RedactionFinding> = { finding: { what: 'allowed', deletes: false }, instead: undefined }
const NOTHING: Said<RedactionFinding> = { finding: { what: undefined, deletes: false }, instead: undefined }

export class RedactionRules implements Rules<RedactionFinding> {
  readonly anchors: Pass = NO_PASS
  readonly everyString = true
  readonly everyStringBits = 1
  readonly everyMessage = true
  readonly notLookedAt: ReadonlySet<Place> = NOT_LOOKED_AT
  judge?: (key: string, depth: number, place: Place) => Verdict
  enter?: (owner: Owner) => void
  leave?: (owner: Owner) => readonly Note[]
  readonly #allowAll: boolean
  readonly #allowed: ReadonlySet<string>
  readonly #ignored: ReadonlySet<string>
  readonly #ignoredPatterns: readonly Search[]
  readonly #blockedKeys: readonly Search[]
  readonly #blockedValues: readonly Search[]
  readonly #allowedValues: readonly Search[]
  readonly #allTypes: boolean
  readonly #instead: (match: string) => string
  readonly #summary: Summary
  readonly tally: Tally = new Tally(WHAT)

  constructor(config: RedactionConfig) {
    this.#allowAll = config.allow_all_keys
    this.#allowed = new Set([...config.allowed_keys, ...OWN_KEYS])
    this.#ignored = new Set(config.ignored_keys)
    this.#ignoredPatterns = compiled(config.ignored_key_patterns)
    this.#blockedKeys = compiled(config.blocked_key_patterns)
    this.#blockedValues = compiled(config.blocked_values)
    this.#allowedValues = compiled(config.allowed_values)
    this.#allTypes = config.redact_all_types
    this.#instead = insteadOf(config)
    this.#summary = new Summary(config.summary)
    const isSilent = this.#summary.isSilent
    if (!isSilent) {
      this.enter = (owner) => this.#summary.enter(owner)
      this.leave = (owner) => this.#summary.leave(owner)
    }
    const areKeysAsked = !this.#allowAll || this.#ignored.size + this.#ignoredPatterns.length + this.#blockedKeys.length > 0
    if (!isSilent || areKeysAsked) this.judge = (key, depth, place) => this.#judge(key, depth, place)
  }

  /** Keys within a map of an attribute are not asked, but those within a body are. */
  #judge(key: string, depth: number, place: Place): Verdict {
    this.#summary.at(key, depth, place)
    if (place === 'metric' || (depth > 0 && place !== 'body')) return 'check'
    if (this.#ignored.has(key) || this.#ignoredPatterns.some((pattern) => pattern.finds(key))) {
      this.#add('ignored', place)
      return 'keep'
    }
    if (!this.#allowAll && !this.#allowed.has(key)) {
      this.#add('redacted', place)
      return 'delete'
    }
    return this.#blockedKeys.some((pattern) => pattern.finds(key)) ? 'block' : 'check'
  }

  blocked(_key: string, value: AttributeValue, place: Place): Instead {
    // In a body nothing is asked of the value.
    const text = typeof value === 'string' ? value : this.#allTypes && place !== 'body' ? asText(value) : ''
    if (place !== 'body' && this.#isAllowed(text)) return undefined
    this.#add('masked', place)
    return replaced(text, ALL, this.#instead)
  }

  look(text: string): Said<RedactionFinding> {
    if (this.#isAllowed(text)) return ALLOWED
    let masked = text
    for (const pattern of this.#blockedValues) masked = replaced(masked, pattern, this.#instead)
    return masked === text ? NOTHING : { finding: MASKED, instead: masked }
  }

  meet({ what }: RedactionFinding, place: Place, deletable: boolean): boolean {
    if (what === undefined || NOT_LOOKED_AT.has(place)) return false
    this.#add(what, place, deletable || place === 'body')
    return what === 'masked'
  }

  /** What is no text: in attributes if `redact_all_types` says so, in bodies in any case. */
  isWhole(depth: number, place: Place): boolean {
    return place === 'body' || (this.#allTypes && depth === 1 && !NOT_LOOKED_AT.has(place))
  }

  whole(value: AttributeValue, _depth: number, place: Place): Instead {
    const isNested = typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
    if (typeof value === 'string' || (isNested && place === 'body')) return undefined
    const { finding, instead } = this.look(asText(value))
    return this.meet(finding, place, true) ? instead : undefined
  }

  number(): undefined {
    return undefined
  }

  #add(what: What, place: Place, isNoted = true): void {
    this.tally.add(WHAT.indexOf(what), place)
    if (isNoted) this.#summary.add(what, place)
  }

  #isAllowed(text: string): boolean {
    return this.#allowedValues.some((pattern) => pattern.finds(text))
  }
}
