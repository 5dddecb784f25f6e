// The streams that are known, found by the bytes of what names them: resource and scope, metric, attributes. In the long run every point is of
// a stream that has been seen, and costs three look-ups instead of its labels. The translation asks it for each point.

import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { KeyTable } from '../series/key-table.ts'
import { type Attribute, labelsOf, type Reserved, type SharedLabels, textOf } from './labels.ts'
import { metricName, unitName } from './names.ts'
import type { TranslationOptions } from './options.ts'
import { attributesIn, attributesOf, messageText, schemaUrlOf, scopeLabels, text, typeOf } from './owners.ts'
import { type Family, familyOf, Stream, symbolsOf } from './stream.ts'
import { type Sym, Symbols } from './symbols.ts'

/** One scope of one resource: what its series share, and its metrics. */
export interface ScopeEntry {
  readonly shared: SharedLabels
  /** What `target_info` says of the resource: see `target`. Undefined where nothing of it was taken yet, or there is nothing to say. */
  target: Stream | undefined
  /** What that is made of, until it is. */
  about: readonly Attribute[] | undefined
  readonly metrics: Map<string, MetricEntry>
  /** Whether the table has it, and shall have its metrics. */
  isKept: boolean
  /** When it came last, in monotonic milliseconds. */
  seenMs: number
}

export interface MetricEntry {
  /** Undefined where Prometheus has no name for it. */
  readonly family: Family | undefined
  /** What the keys of its streams begin with. */
  readonly number: number
  seenMs: number
}

const SERVICE_NAME = 'service.name'
const SERVICE_NAMESPACE = 'service.namespace'
const SERVICE_INSTANCE = 'service.instance.id'
const IDENTIFYING: ReadonlySet<string> = new Set([SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE])

/** What keys may take in memory: nearly all are shorter. */
const KEY_BYTES = 512
const MOST_KEY_BYTES = 256 * 1024 * 1024
/** How often a full table is looked through for what has grown old, in milliseconds. */
const FULL_SWEEP_MS = 1000

export class StreamTable {
  readonly symbols: Symbols = new Symbols()
  readonly #options: TranslationOptions
  #scopes = new Map<string, ScopeEntry>()
  #byHash = new Map<number, Stream>()
  #count = 0
  /** How many scopes and metrics are remembered. */
  #owners = 0
  /** From the bytes of a key to a place in `#known`: a cache, so that no text is made of them. */
  readonly #keys: KeyTable
  #known: Stream[] = []
  #nextMetric = 0
  #sweptMs: number = -Infinity

  constructor(options: TranslationOptions) {
    this.#options = options
    this.#keys = new KeyTable(Math.min(MOST_KEY_BYTES, options.maxStreams * KEY_BYTES))
  }

  /** How many streams are known. */
  get size(): number {
    return this.#count
  }

  /** Whether another would be one too many. */
  get isFull(): boolean {
    return this.#count >= this.#options.maxStreams
  }

  /** How many scopes and metrics are remembered: those may have no stream at all, where everything is refused. */
  get owners(): number {
    return this.#owners
  }

  /** As many as there are if each stream has a metric and a scope of its own. What is more is made anew each time. */
  get hasAllOwners(): boolean {
    return this.#owners >= this.#options.maxStreams * 2
  }

  /** Where nothing may be added, a scope that is new is not remembered. */
  scope(index: RequestIndex, scope: number, nowMs: number, mayAdd = true): ScopeEntry {
    const { bytes, scopes, resources } = index
    const s = scope * column.ENVELOPE_STRIDE
    const r = scopes[s + column.PARENT]! * column.ENVELOPE_STRIDE
    const url = this.#options.scopeLabels ? schemaUrlOf(index, s) : ''
    const key = `${messageText(bytes, resources, r)}\0${messageText(bytes, scopes, s)}\0${url}`
    let entry = this.#scopes.get(key)
    if (entry === undefined) {
      entry = this.#newScope(index, r, s, url)
      if (mayAdd && !this.hasAllOwners) {
        entry.isKept = true
        this.#scopes.set(key, entry)
        this.#owners++
      }
    }
    entry.seenMs = nowMs
    return entry
  }

  /** Of a scope of which points were taken: what is refused has no `target_info`, and takes none of the room. */
  target(scope: ScopeEntry, mayAdd: boolean): Stream | undefined {
    if (scope.about === undefined || !mayAdd) return scope.target
    scope.target = this.#target(scope.about, scope.shared)
    scope.about = undefined
    return scope.target
  }

  metric({ metrics, isKept }: ScopeEntry, index: RequestIndex, metric: number, nowMs: number): MetricEntry {
    const m = metric * column.METRIC_STRIDE
    const row = index.metrics
    const kind = row[m + column.METRIC_KIND]! * 2 + (row[m + column.METRIC_MONOTONIC] === 0 ? 0 : 1)
    const key = `${kind}\0${text(index.bytes, row[m + column.METRIC_UNIT_TAG]!, 'latin1')}\0${text(index.bytes, row[m + column.METRIC_NAME_TAG]!, 'latin1')}`
    let entry = metrics.get(key)
    if (entry === undefined) {
      entry = { family: this.#family(index, m), number: this.#nextMetric++ | 0, seenMs: 0 }
      if (isKept && !this.hasAllOwners) {
        metrics.set(key, entry)
        this.#owners++
      }
    }
    entry.seenMs = nowMs
    return entry
  }

  /** The stream of a point, if it is known by these very bytes. */
  known({ number }: MetricEntry, { bytes, items, attributes }: RequestIndex, item: number): Stream | undefined {
    const keys = this.#keys
    keys.begin()
    keys.int(number)
    const end = items[item * column.ITEM_STRIDE + column.ATTRS_END]!
    for (let row = items[item * column.ITEM_STRIDE + column.ATTRS_FIRST]!; row < end;) {
      const run = attributes[row + column.ATTR_TAG]!
      let stop = attributes[row + column.ATTR_END]!
      for (row += column.ATTR_STRIDE; row < end && attributes[row + column.ATTR_TAG] === stop; row += column.ATTR_STRIDE)
        stop = attributes[row + column.ATTR_END]!
      keys.part(bytes, run, stop)
    }
    const place = keys.find()
    return place < 0 ? undefined : this.#known[place]
  }

  /** The stream of the point that `known` has just not found: it may be known by its labels, for attributes come in any order. */
  add(scope: ScopeEntry, family: Family, index: RequestIndex, item: number): Stream {
    return this.#remembered(this.#stream(family, this.#labels(scope, family, index, item)))
  }

  /** The same, but nothing new is added. */
  knownByLabels(scope: ScopeEntry, family: Family, index: RequestIndex, item: number): Stream | undefined {
    const labels = this.#labels(scope, family, index, item)
    const stream = this.#find(hashOf(family, labels), family, labels)
    return stream && this.#remembered(stream)
  }

  #labels({ shared }: ScopeEntry, family: Family, index: RequestIndex, item: number): Sym[] {
    const reserved: Reserved | undefined = family.type === 'histogram' ? 'le' : family.type === 'summary' ? 'quantile' : undefined
    return labelsOf(attributesOf(index, item), shared, this.#options.strategy, this.symbols, reserved)
  }

  /** The key is the one that `known` has written. */
  #remembered(stream: Stream): Stream {
    if (this.#known.length >= this.#options.maxStreams * 2) this.#forgetKeys()
    const place = this.#known.push(stream) - 1
    // A key that is too long is not remembered.
    if (!this.#keys.set(place)) this.#known.pop()
    return stream
  }

  #forgetKeys(): void {
    this.#keys.clear()
    this.#known = []
  }

  /** The same for what is older than `maxAgeMs`, now and then, and whenever there is no room for another. */
  sweepEvery(nowMs: number, maxAgeMs: number, forgotten: (stream: Stream) => void): void {
    if (nowMs < this.#sweptMs + (this.isFull ? Math.min(maxAgeMs, FULL_SWEEP_MS) : maxAgeMs)) return
    this.#sweptMs = nowMs
    this.sweep(nowMs - maxAgeMs, forgotten)
  }

  /** Forgets the streams whose last point came before that moment. `forgotten` hears of each. */
  sweep(beforeMs: number, forgotten: (stream: Stream) => void = () => {}): void {
    for (const [scopeKey, scope] of this.#scopes) {
      for (const [metricKey, { seenMs }] of scope.metrics) if (seenMs < beforeMs) scope.metrics.delete(metricKey)
      if (scope.seenMs < beforeMs) this.#scopes.delete(scopeKey)
    }
    this.#owners = 0
    // A scope that goes on says its target again.
    const targets = new Set<Stream | undefined>()
    for (const { metrics, target } of this.#scopes.values()) {
      this.#owners += 1 + metrics.size
      targets.add(target)
    }
    const kept = new Set<Sym>()
    const byHash = new Map<number, Stream>()
    const before = this.#count
    this.#count = 0
    for (let stream of this.#byHash.values()) {
      for (let after: Stream | undefined; ; stream = after) {
        after = stream.next
        if (stream.seenS * 1000 < beforeMs && !targets.has(stream)) forgotten(stream)
        else {
          stream.next = byHash.get(stream.hash)
          byHash.set(stream.hash, stream)
          this.#count++
          for (const sym of stream.symbols()) kept.add(sym)
        }
        if (after === undefined) break
      }
    }
    this.#byHash = byHash
    // The metrics that are left keep their texts.
    for (const { target, metrics } of this.#scopes.values()) {
      for (const sym of target?.symbols() ?? []) kept.add(sym)
      for (const { family } of metrics.values()) if (family !== undefined) for (const sym of symbolsOf(family)) kept.add(sym)
    }
    if (this.#count < before) this.#forgetKeys()
    this.symbols.keep(kept)
  }

  /** Forgets everything: what comes next is found anew. */
  clear(): void {
    this.#scopes = new Map()
    this.#byHash = new Map()
    this.#count = this.#owners = 0
    this.#forgetKeys()
    this.symbols.keep([])
  }

  #stream(family: Family, labels: readonly Sym[]): Stream {
    const hash = hashOf(family, labels)
    const known = this.#find(hash, family, labels)
    if (known !== undefined) return known
    const stream = new Stream(family, labels, hash)
    stream.next = this.#byHash.get(hash)
    this.#byHash.set(hash, stream)
    this.#count++
    return stream
  }

  #find(hash: number, family: Family, labels: readonly Sym[]): Stream | undefined {
    for (let known = this.#byHash.get(hash); known !== undefined; known = known.next) if (isStream(known, family, labels)) return known
    return undefined
  }

  #family(index: RequestIndex, m: number): Family | undefined {
    const { bytes, metrics } = index
    const { strategy, namespace } = this.#options
    const type = typeOf(index, m)
    const name = text(bytes, metrics[m + column.METRIC_NAME_TAG]!)
    const unit = text(bytes, metrics[m + column.METRIC_UNIT_TAG]!)
    const named = metricName({ name, unit, type }, strategy, namespace)
    if (named === undefined) return undefined
    const help = text(bytes, metrics[m + column.METRIC_DESCRIPTION_TAG]!)
    const isNative = metrics[m + column.METRIC_KIND] === column.EXPONENTIAL_HISTOGRAM
    return familyOf(this.symbols, { name: named, type, help, unit: unitName(unit, strategy) }, isNative)
  }

  #newScope(index: RequestIndex, r: number, s: number, schemaUrl: string): ScopeEntry {
    const { resources } = index
    const { constantLabels, resourceLabels } = this.#options
    const attributes = attributesIn(index, resources[r + column.ATTRS_FIRST]!, resources[r + column.ATTRS_END]!)
    const one = (key: string): string => textOf(attributes.find(([name]) => name === key)?.[1] ?? null)
    const namespace = one(SERVICE_NAMESPACE)
    const name = one(SERVICE_NAME)
    const shared: SharedLabels = {
      scope: this.#options.scopeLabels ? scopeLabels(index, s, schemaUrl) : [],
      resource: attributes.filter(([key]) => isWanted(key, resourceLabels)),
      job: namespace === '' || name === '' ? name : `${namespace}/${name}`,
      instance: one(SERVICE_INSTANCE),
      constant: constantLabels,
    }
    return { shared, target: undefined, about: attributes, metrics: new Map(), isKept: false, seenMs: 0 }
  }

  /** `target_info`: whoever has neither job nor instance could not be told apart, and whoever has nothing else has nothing to say. */
  #target(attributes: readonly Attribute[], { job, instance, constant }: SharedLabels): Stream | undefined {
    const own = attributes.filter(([key]) => !IDENTIFYING.has(key))
    if (!this.#options.targetInfo || own.length === 0 || (job === '' && instance === '')) return undefined
    const { strategy, namespace } = this.#options
    const name = metricName({ name: 'target_info', unit: '', type: 'info' }, strategy, namespace)!
    const family = familyOf(this.symbols, { name, type: 'info', help: 'Target metadata', unit: '' }, false, true)
    const labels = labelsOf(own, { scope: [], resource: [], job, instance, constant }, strategy, this.symbols)
    return this.#stream(family, labels)
  }
}

function hashOf({ name }: Family, labels: readonly Sym[]): number {
  let hash = name.hash
  for (const label of labels) hash = (Math.imul(hash, 31) + label.hash) | 0
  return (hash ^ (hash >>> 15)) & 0x7fffffff
}

function isStream(stream: Stream, family: Family, labels: readonly Sym[]): boolean {
  const { name, type, isNative } = stream.family
  if (name !== family.name || type !== family.type || isNative !== family.isNative || stream.labels.length !== labels.length) return false
  for (let i = 0; i < labels.length; i++) if (stream.labels[i] !== labels[i]) return false
  return true
}

function isWanted(key: string, wanted: TranslationOptions['resourceLabels']): boolean {
  if (typeof wanted !== 'string') return wanted.has(key)
  return wanted === 'all' || (wanted === 'all but service' && !IDENTIFYING.has(key))
}
