// Makes rows of features from spans and their baselines, and lets the baselines learn. The scorer calls it on the main thread for every trace,
// so what is as usual costs little: a residual within what is usual is 0, and nothing more is noted of it.

import type { Baselines } from './baselines.ts'
import { type Feature, featuresOf, type FeatureName, type Kind } from './features.ts'
import { CHILDREN, CRITICAL_PATH, DURATION, FAN_OUT, GAP, OWN, REPEATS, scaleOf, SELF_TIME, SPANS } from './measures.ts'
import type { Operation } from './operation.ts'
import type { Note } from './reasons.ts'
import { FLAGS, HAS_ERROR, ORDINAL, RECORD, SpanRecords } from './span-records.ts'
import { TraceShape } from './trace-shape.ts'

/** Up to here, in spreads, a residual is none: beyond it lies less than one in a hundred. */
const USUAL_SPREADS = 1.5
/** No feature is larger: what is a hundred spreads off is not more anomalous than what is sixty off. */
const MOST = 6
/** An edge or a missing call is one where a hundredth of the spans at most have it. */
const RARE = 2
/** So many children are compared one by one for repeats; more are counted in a map. */
const FEW_CHILDREN = 8

/** Rows that were made together, and what stands behind their numbers. */
export interface Rows {
  readonly values: Float32Array
  readonly count: number
  /** Of a span the caller's number, of a trace its place in what was asked. */
  readonly ordinals: Int32Array
  /** 1: its operation has not been seen often enough. */
  readonly isCold: Uint8Array
  /** By row * width + feature. */
  readonly notes: ReadonlyMap<number, Note>
}

export class Featurizer {
  readonly kind: Kind
  readonly features: readonly Feature[]
  /** Numbers in a row: the features, then the user's own attributes. */
  readonly width: number
  readonly records: SpanRecords
  readonly attributes: readonly string[]
  readonly #baselines: Baselines
  readonly #shape = new TraceShape()
  /** The column of each feature, -1 where it is switched off. */
  readonly #at: Readonly<Record<FeatureName, number>>
  #values: Float32Array = new Float32Array(1024)
  #ordinals: Int32Array = new Int32Array(128)
  #cold: Uint8Array = new Uint8Array(128)
  #notes = new Map<number, Note>()
  #count = 0
  /** Of the row that is being made: where it begins. */
  #row = 0
  #repeated: Operation | undefined
  /** Of the row that is being made: how much time of its own the span had that is named for the duration. */
  #blamedNs = 0
  /** And whether the span that is named for an error is where it began. */
  #isOriginNamed = false

  constructor(kind: Kind, baselines: Baselines, without: readonly string[], attributes: readonly string[]) {
    this.kind = kind
    this.#baselines = baselines
    this.features = featuresOf(kind, without)
    this.attributes = attributes
    this.width = this.features.length + attributes.length
    this.records = new SpanRecords(baselines, attributes)
    const at = Object.fromEntries(featuresOf('traces', []).map(({ name }) => [name, -1])) as Record<FeatureName, number>
    for (const [i, { name }] of this.features.entries()) at[name] = i
    this.#at = at
  }

  /** One row for each trace, or for each of its spans. The baselines learn from all of them; a trace is compared with what came before it. */
  rowsOf(traces: readonly number[]): Rows {
    this.#count = 0
    this.#notes = new Map()
    for (const [ordinal, first] of traces.entries()) {
      if (first < 0) continue
      this.#shape.read(this.records, first)
      if (this.kind === 'traces') this.#trace(ordinal)
      else
        for (let span = 0; span < this.#shape.count; span++) {
          this.#begin(span, this.records.cells[this.#shape.records[span]! * RECORD + ORDINAL]!)
          this.#span(span)
        }
      this.#learn()
    }
    const { width } = this
    return {
      values: this.#values.slice(0, this.#count * width),
      count: this.#count,
      ordinals: this.#ordinals.slice(0, this.#count),
      isCold: this.#cold.slice(0, this.#count),
      notes: this.#notes,
    }
  }

  #trace(ordinal: number): void {
    const { root, count } = this.#shape
    this.#begin(root, ordinal)
    for (let span = 0; span < count; span++) this.#span(span)
    const operation = this.#operationOf(root)
    if (this.#baselines.isKnown(operation)) this.#residual(this.#at.spans, SPANS, operation, count, true)
  }

  /** A new row, about that span. */
  #begin(span: number, ordinal: number): void {
    const { width } = this
    if ((this.#count + 1) * width > this.#values.length)
      this.#values = grown(this.#values, new Float32Array(this.#values.length * 2 + width))
    if (this.#count === this.#ordinals.length) {
      this.#ordinals = grown(this.#ordinals, new Int32Array(this.#count * 2))
      this.#cold = grown(this.#cold, new Uint8Array(this.#count * 2))
    }
    const record = this.#shape.records[span]!
    this.#row = this.#count * width
    this.#isOriginNamed = false
    this.#values.fill(0, this.#row, this.#row + width)
    this.#ordinals[this.#count] = ordinal
    this.#cold[this.#count] = this.#baselines.isKnown(this.records.operations[record]!) ? 0 : 1
    this.#count++
  }

  #operationOf(span: number): Operation {
    return this.records.operations[this.#shape.records[span]!]!
  }

  /** What is unusual in one span, into the row: of a trace the most unusual of its spans counts. */
  #span(span: number): void {
    const operation = this.#operationOf(span)
    const at = this.#at
    if (!this.#baselines.isKnown(operation)) {
      this.#put(at.operation, 2 + 2 * Math.log10(this.#baselines.options.minSamples / (operation.seen + 1)), operation, operation.seen)
      return
    }
    const shape = this.#shape
    const record = shape.records[span]!
    const ns = this.records.durations[record]!
    this.#residual(at.duration, DURATION, operation, ns, false, '', shape.selfNs[span])
    if (shape.children[span]! > 0) this.#residual(at.self_time, SELF_TIME, operation, ns > 0 ? shape.selfNs[span]! / ns : 0, false)
    this.#residual(at.critical_path, CRITICAL_PATH, operation, this.#criticalShare(span), false)
    this.#residual(at.children, CHILDREN, operation, shape.children[span]!, true)
    this.#residual(at.fan_out, FAN_OUT, operation, shape.fanOut[span]!, false)
    this.#residual(at.gap, GAP, operation, shape.gapNs[span]!, false)
    if (at.repeats >= 0) {
      const repeats = this.#repeats(span)
      this.#residual(at.repeats, REPEATS, operation, repeats, false, this.#repeated?.name)
    }
    if (this.#hasFailed(span)) this.#error(span, operation)
    this.#calls(span, operation)
    for (let i = 0; i < this.attributes.length; i++) {
      const value = this.records.own[record * this.attributes.length + i]!
      if (!Number.isNaN(value)) this.#residual(this.features.length + i, OWN + i, operation, value, true)
    }
  }

  #criticalShare(span: number): number {
    const shape = this.#shape
    const root = shape.roots[span]!
    if (root < 0) return 0
    const whole = this.records.durations[shape.records[root]!]!
    return whole > 0 ? Math.min(1, shape.criticalNs[span]! / whole) : 0
  }

  /**
   * `blameNs`: of several spans that took longer than usual, callers wait for whom they call: the one that has most of the time to itself is the one
   * that is named.
   */
  #residual(at: number, measure: number, operation: Operation, value: number, isTwoSided: boolean, other = '', blameNs = -1): void {
    if (at < 0 || operation.totals[measure]! < this.#baselines.options.minSamples) return
    const spreads = operation.residual(measure, value)
    const beyond = Math.abs(spreads) - USUAL_SPREADS
    if (beyond <= 0 || (spreads < 0 && !isTwoSided)) return
    const size = Math.min(MOST, Math.log2(1 + beyond))
    const before = this.#values[this.#row + at]!
    const isMore = size > Math.abs(before)
    if (isMore) this.#values[this.#row + at] = spreads < 0 ? -size : size
    if (blameNs < 0 ? !isMore : before !== 0 && blameNs <= this.#blamedNs) return
    if (blameNs >= 0) this.#blamedNs = blameNs
    const scale = scaleOf(measure)
    const usual = scale.value(operation.usualPlace(measure))
    const unit = measure === DURATION || measure === GAP ? 1e6 : 1
    this.#notes.set(this.#row + at, {
      operation,
      value: value / unit,
      usual: Math.max(0, usual / unit),
      ...(other === '' ? {} : { other }),
    })
  }

  /** Keeps the larger of two. */
  #put(at: number, size: number, operation: Operation, value: number, rest: Partial<Note> = {}): void {
    if (at < 0 || size <= 0) return
    const limited = Math.min(MOST, size)
    if (limited <= this.#values[this.#row + at]!) return
    this.#values[this.#row + at] = limited
    this.#notes.set(this.#row + at, { operation, value, ...rest })
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
    const size = Math.min(MOST, Math.max(0, -Math.log10(share) - 1) + burst)
    if (size > this.#values[this.#row + at]!) this.#values[this.#row + at] = size
    if (this.#values[this.#row + at] === 0) return
    const before = this.#notes.get(this.#row + at)
    const times = (before?.times ?? 0) + 1
    const isNamed = before === undefined || (!this.#isOriginNamed && this.#isOrigin(span))
    if (isNamed) this.#isOriginNamed = this.#isOrigin(span)
    this.#notes.set(this.#row + at, isNamed ? { operation, value: 1, usual: share, times } : { ...before, times })
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
    const at = this.#at
    const { firstChild, nextSibling, children } = this.#shape
    if (at.edge >= 0)
      for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) {
        const called = this.#operationOf(child)
        const share = ((operation.called.get(called.key) ?? 0) + 0.5) / (operation.seen + 1)
        if (share < 0.01) this.#put(at.edge, 2 * (-Math.log10(share) - RARE), operation, 1, { usual: share, other: called.name })
      }
    if (at.missing < 0) return
    for (const [key, times] of operation.called) {
      const share = times / operation.seen
      if (share < 0.9) continue
      let isThere = false
      if (children[span]! > 0)
        for (let child = firstChild[span]!; child >= 0 && !isThere; child = nextSibling[child]!)
          isThere = this.#operationOf(child).key === key
      if (isThere) continue
      const rarity = -Math.log10(1 - share + 0.5 / operation.seen)
      this.#put(at.missing, 2 * (rarity - 1), operation, 0, { usual: share, other: this.#baselines.find(key)?.name || 'an operation' })
    }
  }

  /** How often it called the one that it called most; which that was is in `#repeated`. */
  #repeats(span: number): number {
    const { firstChild, nextSibling, children } = this.#shape
    this.#repeated = undefined
    if (children[span] === 0) return 0
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

  /** The trace that was read becomes part of what is usual. */
  #learn(): void {
    const shape = this.#shape
    const { records } = this
    for (let span = 0; span < shape.count; span++) {
      const record = shape.records[span]!
      const operation = records.operations[record]!
      operation.count(this.#hasFailed(span))
      const ns = records.durations[record]!
      operation.learn(DURATION, ns)
      if (shape.children[span]! > 0) operation.learn(SELF_TIME, ns > 0 ? shape.selfNs[span]! / ns : 0)
      operation.learn(CRITICAL_PATH, this.#criticalShare(span))
      operation.learn(CHILDREN, shape.children[span]!)
      operation.learn(FAN_OUT, shape.fanOut[span]!)
      operation.learn(GAP, shape.gapNs[span]!)
      operation.learn(REPEATS, this.#repeats(span))
      this.#learnCalls(span, operation)
      for (let i = 0; i < this.attributes.length; i++) {
        const value = records.own[record * this.attributes.length + i]!
        if (!Number.isNaN(value)) operation.learn(OWN + i, value)
      }
    }
    if (shape.count > 0 && this.kind === 'traces') this.#operationOf(shape.root).learn(SPANS, shape.count)
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

function grown<A extends Float32Array | Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
