// Makes rows of features from spans and their baselines, and lets the baselines learn. The scorer calls it on the main thread for every trace,
// so what is as usual costs little: a value within what is usual is 0, and nothing more is noted of it.

import type { Baselines } from './baselines.ts'
import { type Feature, featuresOf, type FeatureName, type Kind } from './features.ts'
import { CHILDREN, CRITICAL_PATH, DURATION, FAN_OUT, GAP, OWN, REPEATS, SELF_TIME, SPANS } from './measures.ts'
import type { Operation } from './operation.ts'
import { MOST, type Rows, RowWriter } from './rows.ts'
import { FLAGS, HAS_ERROR, ORDINAL, RECORD, SpanRecords } from './span-records.ts'
import { TraceShape } from './trace-shape.ts'

/** So many children are compared one by one; more are counted in a map. */
const FEW_CHILDREN = 8
/** A call that fewer of an operation's spans make is one that it hardly ever makes; one that more of them make, one that it nearly always does. */
const RARE_CALL = 0.01
const USUAL_CALL = 0.9

export class Featurizer {
  readonly kind: Kind
  readonly features: readonly Feature[]
  /** Numbers in a row: the features, then the user's own attributes. */
  readonly width: number
  readonly records: SpanRecords
  readonly attributes: readonly string[]
  readonly #baselines: Baselines
  readonly #minSamples: number
  readonly #shape = new TraceShape()
  /** The column of each feature, -1 where it is switched off. */
  readonly #at: Readonly<Record<FeatureName, number>>
  readonly #rows: RowWriter
  #repeated: Operation | undefined
  /** Of the row that is being made: how much time of its own the span had that is named for the duration. */
  #blamedNs = 0
  /** And whether the span that is named for an error is where it began. */
  #isOriginNamed = false

  constructor(kind: Kind, baselines: Baselines, without: readonly string[], attributes: readonly string[]) {
    this.kind = kind
    this.#baselines = baselines
    this.#minSamples = baselines.options.minSamples
    this.features = featuresOf(kind, without)
    this.attributes = attributes
    this.width = this.features.length + attributes.length
    this.#rows = new RowWriter(this.width)
    this.records = new SpanRecords(baselines, attributes)
    const at = Object.fromEntries(featuresOf('traces', []).map(({ name }) => [name, -1])) as Record<FeatureName, number>
    for (const [i, { name }] of this.features.entries()) at[name] = i
    this.#at = at
  }

  /** One row for each trace, or for each of its spans. The baselines learn from all of them; a span is compared with what came before it. */
  rowsOf(traces: readonly number[]): Rows {
    const shape = this.#shape
    for (let ordinal = 0; ordinal < traces.length; ordinal++) {
      if (traces[ordinal]! < 0) continue
      shape.read(this.records, traces[ordinal]!)
      if (this.kind === 'traces') this.#begin(shape.root, ordinal)
      for (let span = 0; span < shape.count; span++) {
        if (this.kind === 'spans') this.#begin(span, this.records.cells[shape.records[span]! * RECORD + ORDINAL]!)
        this.#span(span)
      }
      if (this.kind === 'traces') this.#weigh(this.#at.spans, SPANS, this.#operationOf(shape.root), shape.count, true)
    }
    return this.#rows.take()
  }

  /** A new row, about that span. */
  #begin(span: number, ordinal: number): void {
    this.#isOriginNamed = false
    this.#blamedNs = 0
    this.#rows.begin(ordinal, !this.#baselines.isKnown(this.#operationOf(span)))
  }

  #operationOf(span: number): Operation {
    return this.records.operationOf(this.#shape.records[span]!)
  }

  /** What is unusual in one span, into the row: of a trace the most unusual of its spans counts. Then it is a part of what is usual. */
  #span(span: number): void {
    const operation = this.#operationOf(span)
    const shape = this.#shape
    const record = shape.records[span]!
    const hasFailed = this.#hasFailed(span)
    const isKnown = this.#baselines.isKnown(operation)
    if (isKnown) {
      if (hasFailed) this.#error(span, operation)
      this.#calls(span, operation)
    } else this.#unknown(operation)
    const at = this.#at
    const ns = this.records.durations[record]!
    const children = shape.children[span]!
    this.#duration(operation, ns, shape.selfNs[span]!)
    this.#weigh(at.critical_path, CRITICAL_PATH, operation, this.#criticalShare(span), false)
    this.#weigh(at.children, CHILDREN, operation, children, true)
    if (children > 0) {
      this.#weigh(at.self_time, SELF_TIME, operation, ns > 0 ? shape.selfNs[span]! / ns : 0, false)
      this.#weigh(at.fan_out, FAN_OUT, operation, shape.fanOut[span]!, false)
      const repeats = this.#repeats(span)
      this.#weigh(at.repeats, REPEATS, operation, repeats, false, this.#repeated?.name)
      this.#learnCalls(span, operation)
    }
    if (children > 1) this.#weigh(at.gap, GAP, operation, shape.gapNs[span]!, false)
    for (let i = 0; i < this.attributes.length; i++) {
      const value = this.records.own[record * this.attributes.length + i]!
      if (!Number.isNaN(value)) this.#weigh(this.features.length + i, OWN + i, operation, value, true)
    }
    operation.count(hasFailed)
  }

  #unknown(operation: Operation): void {
    const at = this.#at.operation
    if (at < 0) return
    const size = 4 + Math.log10(this.#minSamples / (operation.seen + 1))
    if (this.#rows.raise(at, size)) this.#rows.note(at, { operation, value: operation.seen })
  }

  #criticalShare(span: number): number {
    const shape = this.#shape
    const root = shape.roots[span]!
    if (root < 0) return 0
    const whole = this.records.durations[shape.records[root]!]!
    return whole > 0 ? Math.min(1, shape.criticalNs[span]! / whole) : 0
  }

  /** A column of -1 is switched off: it is learned all the same, for what is saved serves another configuration then. */
  #weigh(at: number, measure: number, operation: Operation, value: number, isTwoSided: boolean, other = ''): void {
    const beyond = operation.weigh(measure, value, this.#minSamples)
    if (beyond === 0 || at < 0 || (beyond < 0 && !isTwoSided)) return
    if (!this.#rows.raise(at, Math.abs(beyond))) return
    const unit = measure === GAP ? 1e6 : 1
    this.#rows.note(at, {
      operation,
      value: value / unit,
      usual: Math.max(0, operation.usual(measure) / unit),
      ...(other === '' ? {} : { other }),
    })
  }

  /** Callers wait for whom they call: of several spans that took longer than usual, the one is named that has most of the time to itself. */
  #duration(operation: Operation, ns: number, selfNs: number): void {
    const beyond = operation.weigh(DURATION, ns, this.#minSamples)
    const at = this.#at.duration
    if (beyond <= 0 || at < 0) return
    this.#rows.raise(at, beyond)
    if (this.#rows.noteOf(at) !== undefined && selfNs <= this.#blamedNs) return
    this.#blamedNs = selfNs
    this.#rows.note(at, { operation, value: ns / 1e6, usual: operation.usual(DURATION) / 1e6 })
  }

  /**
   * An error is the more unusual the fewer spans have one, and the more than usual of the last few had one. Errors travel from the one that is
   * called to its callers: where it began is what is named.
   */
  #error(span: number, operation: Operation): void {
    const at = this.#at.errors
    if (at < 0) return
    const share = (operation.errors + 0.5) / (operation.seen + 1)
    const burst = Math.max(0, Math.log2((operation.recentErrors + 1 / 32) / (share + 0.05)))
    this.#rows.raise(at, Math.min(MOST, Math.max(0, -Math.log10(share) - 1) + burst))
    if (this.#rows.value(at) === 0) return
    const before = this.#rows.noteOf(at)
    const times = (before?.times ?? 0) + 1
    const isNamed = before === undefined || (!this.#isOriginNamed && this.#isOrigin(span))
    if (isNamed) this.#isOriginNamed = this.#isOrigin(span)
    this.#rows.note(at, isNamed ? { operation, value: 1, usual: share, times } : { ...before, times })
  }

  #isOrigin(span: number): boolean {
    const { firstChild, nextSibling } = this.#shape
    for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) if (this.#hasFailed(child)) return false
    return true
  }

  #hasFailed(span: number): boolean {
    return (this.records.cells[this.#shape.records[span]! * RECORD + FLAGS]! & HAS_ERROR) !== 0
  }

  /** Whom it called and hardly ever does, and whom it did not call and nearly always does. */
  #calls(span: number, operation: Operation): void {
    const { edge, missing } = this.#at
    const { firstChild, nextSibling } = this.#shape
    if (edge >= 0)
      for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) {
        const called = this.#operationOf(child)
        const share = ((operation.called.get(called.key) ?? 0) + 0.5) / (operation.seen + 1)
        if (share < RARE_CALL && this.#rows.raise(edge, 2 * Math.log10(RARE_CALL / share)))
          this.#rows.note(edge, { operation, value: 1, usual: share, other: called.name })
      }
    if (missing < 0) return
    for (const [key, times] of operation.called) {
      const share = times / operation.seen
      if (share < USUAL_CALL || this.#isCalled(span, key)) continue
      const size = 2 * (-Math.log10(1 - share + 0.5 / operation.seen) - 1)
      if (this.#rows.raise(missing, Math.max(0, size)))
        this.#rows.note(missing, { operation, value: 0, usual: share, other: this.#baselines.find(key)?.name || 'an operation' })
    }
  }

  #isCalled(span: number, key: number): boolean {
    const { firstChild, nextSibling } = this.#shape
    for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) if (this.#operationOf(child).key === key) return true
    return false
  }

  /** How often it called the one that it called most; which that was is in `#repeated`. */
  #repeats(span: number): number {
    const { firstChild, nextSibling, children } = this.#shape
    this.#repeated = undefined
    if (children[span] === 1) return 1
    let most = 0
    const note = (called: Operation, times: number): void => {
      if (times <= most) return
      most = times
      this.#repeated = called
    }
    if (children[span]! > FEW_CHILDREN) {
      const times = new Map<Operation, number>()
      for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) {
        const called = this.#operationOf(child)
        times.set(called, (times.get(called) ?? 0) + 1)
      }
      for (const [called, n] of times) note(called, n)
      return most
    }
    for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) {
      const called = this.#operationOf(child)
      let times = 1
      for (let other = nextSibling[child]!; other >= 0; other = nextSibling[other]!) if (this.#operationOf(other) === called) times++
      note(called, times)
    }
    return most
  }

  /** Each operation that was called counts once. */
  #learnCalls(span: number, operation: Operation): void {
    const { firstChild, nextSibling, children } = this.#shape
    if (children[span]! > FEW_CHILDREN) {
      const all = new Set<Operation>()
      for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) all.add(this.#operationOf(child))
      for (const called of all) operation.call(called)
      return
    }
    for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) {
      const called = this.#operationOf(child)
      let isRepeated = false
      for (let other = firstChild[span]!; other !== child && !isRepeated; other = nextSibling[other]!)
        isRepeated = this.#operationOf(other) === called
      if (!isRepeated) operation.call(called)
    }
  }
}
