// What `pii` makes of what the walk shows it: findings are replaced, masked, hashed or deleted, by detector; and attributes go for their keys.

import type { Detection, Detector, Found } from '../../core/detect/index.ts'
import type { otlp } from '../../core/index.ts'
import {
  DELETE,
  type Finding,
  type Instead,
  type Note,
  type Owner,
  type Pass,
  type Place,
  type Rules,
  type Said,
  Tally,
  type Verdict,
} from '../../core/mask/index.ts'
import { type Action, insteadOf } from './actions.ts'
import { notesOn } from './classification.ts'
import type { PiiConfig } from './factory.ts'
import { fitting } from './key-names.ts'

type Value = ReturnType<typeof otlp.readAnyValue>

/** The verdicts that are remembered: keys are few, unless somebody wants them to be many. */
const REMEMBERED_KEYS = 4096
const NOTHING: Said<PiiFinding> = { finding: { rows: [], deletes: false }, instead: undefined }
const KEY_RULE = 'key'
const NOT_ALLOWED = 'not_allowed'

/** What was found, as rows of the tally. */
interface PiiFinding extends Finding {
  readonly rows: readonly number[]
}

export class PiiRules implements Rules<PiiFinding> {
  readonly anchors: Pass
  readonly everyString: boolean
  readonly everyStringBits: number
  readonly everyMessage: boolean
  readonly tally: Tally
  judge?: (key: string, depth: number, place: Place) => Verdict
  enter?: (owner: Owner) => void
  leave?: (owner: Owner) => readonly Note[]

  readonly #detection: Detection
  readonly #single: PiiFinding[] = []
  readonly #hashKey: string | undefined
  /** By detector: its row in the tally, and what becomes of its findings. */
  readonly #byDetector: Map<Detector, readonly [row: number, action: Action]> = new Map()
  readonly #keyRules: readonly (readonly [fits: (key: string) => boolean, action: Action])[]
  readonly #keyRow: number
  readonly #isAllowed: ((key: string) => boolean) | undefined
  readonly #verdicts: readonly [attributes: Map<string, Verdict>, nested: Map<string, Verdict>] = [new Map(), new Map()]

  constructor(config: PiiConfig, detectors: readonly Detector[], detection: Detection) {
    this.anchors = detection.anchors
    this.everyString = detection.everyString
    this.everyStringBits = detection.everyStringBits
    this.#detection = detection
    this.#hashKey = config.hash_key
    for (const [row, detector] of detectors.entries()) this.#byDetector.set(detector, [row, config.actions?.[detector.name] ?? config])
    this.#keyRow = detectors.length
    this.tally = new Tally([...detectors.map(({ name }) => name), KEY_RULE, NOT_ALLOWED])
    this.#keyRules = config.key_rules.map((rule) => [fitting(rule.keys), rule] as const)
    this.#isAllowed = config.allowed_keys === undefined ? undefined : fitting(config.allowed_keys)
    this.everyMessage = this.#keyRules.length > 0 || this.#isAllowed !== undefined
    if (this.everyMessage) this.judge = (key, depth, place) => this.#judge(key, depth, place)
    if (config.classification !== undefined) this.#classify(config.classification)
  }

  look(text: string, bits: number): Said<PiiFinding> {
    const found = this.#detection.find(text, bits)
    if (found.length === 0) return NOTHING
    const rows: number[] = []
    let instead = ''
    let at = 0
    let deletes = false
    for (const one of found) {
      const [row, action] = this.#byDetector.get(one.detector)!
      rows.push(row)
      deletes ||= action.action === 'delete'
      instead += text.slice(at, one.start) + this.#insteadOf(text, one, action)
      at = one.end
    }
    instead += text.slice(at)
    return { finding: this.#findingOf(rows, deletes), instead }
  }

  /** One object for all texts in which the same single thing was found: it is met for every one of them. */
  #findingOf(rows: readonly number[], deletes: boolean): PiiFinding {
    return rows.length === 1 ? (this.#single[rows[0]!] ??= { rows, deletes }) : { rows, deletes }
  }

  meet({ rows }: PiiFinding, place: Place): boolean {
    for (const row of rows) this.tally.add(row, place)
    return rows.length > 0
  }

  number(value: bigint, place: Place, deletable: boolean): Instead {
    const detector = this.#detection.findNumber(value)
    if (detector === undefined) return undefined
    const [row, action] = this.#byDetector.get(detector)!
    this.tally.add(row, place)
    return deletable && action.action === 'delete' ? DELETE : insteadOf(String(value), detector.name, action, this.#hashKey)
  }

  blocked(key: string, value: Value): Instead {
    const action = this.#actionFor(key)!
    if (action.action === 'delete') return DELETE
    return insteadOf(typeof value === 'string' ? value : asText(value), 'redacted', action, this.#hashKey)
  }

  #insteadOf(text: string, { start, end, detector }: Found, action: Action): string {
    return insteadOf(text.slice(start, end), detector.name, action, this.#hashKey)
  }

  #judge(key: string, depth: number, place: Place): Verdict {
    const known = this.#verdicts[depth === 0 && place !== 'body' ? 0 : 1]
    let verdict = known.get(key)
    if (verdict === undefined) {
      if (known.size >= REMEMBERED_KEYS) known.clear()
      verdict = this.#decide(key, depth === 0 && place !== 'body')
      known.set(key, verdict)
    }
    if (verdict !== 'check') this.tally.add(this.#keyRow + (this.#actionFor(key) === undefined ? 1 : 0), place)
    return verdict
  }

  #decide(key: string, isAttribute: boolean): Verdict {
    const action = this.#actionFor(key)
    if (action !== undefined) return action.action === 'delete' ? 'delete' : 'block'
    return isAttribute && this.#isAllowed?.(key) === false ? 'delete' : 'check'
  }

  #actionFor(key: string): Action | undefined {
    return this.#keyRules.find(([fits]) => fits(key))?.[1]
  }

  #classify(options: NonNullable<PiiConfig['classification']>): void {
    const wanted = options.on === 'item' ? 'item' : 'of_resource'
    this.enter = (owner) => {
      if (owner === wanted) this.tally.enter()
    }
    this.leave = (owner) => (owner === wanted ? notesOn(this.tally.inside(), options) : [])
  }
}

function asText(value: Value): string {
  return value instanceof Uint8Array
    ? Buffer.from(value).toString('base64')
    : JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
}
