// Scores the spans, or the traces, that components bring: makes their rows, keeps a sample to train on, trains, asks the threads, says why.
// The extension `anomaly_model` has one for each kind.

import type { Settings } from '../component.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { Baselines } from './baselines.ts'
import { Featurizer } from './featurizer.ts'
import type { Kind } from './features.ts'
import { Random } from './forest/index.ts'
import type { Judgement, Reason, Unscored } from './judgement.ts'
import { OWN } from './measures.ts'
import { Model } from './model.ts'
import type { ScoringPool } from './pool.ts'
import { reasonOf } from './reasons.ts'
import { Reservoir } from './reservoir.ts'
import type { Rows } from './rows.ts'
import type { AnomalyScorer } from './anomaly-model.ts'
import type { Scored } from './worker.ts'

/** The forest: as in the paper, but that splits reach beyond the greatest value by so much, in units of the features. Nothing is below 0. */
const TREES = 100
const SUBSAMPLE = 256
const MARGIN = 4
/** What a reason names must have made the way shorter by so much of a split. */
const LEAST_SHARE = 0.25
const MOST_REASONS = 5
/** After the first training the next ones come when that many times more was seen, until the reservoir is full. */
const GROWTH = 2
/** Another traffic: the model is trained again at once, though not more often than that. */
const DRIFTED = 0.25
const LEAST_BETWEEN_MS = 60_000
const BOUNDS = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]

export interface ScorerOptions {
  readonly without: readonly string[]
  readonly attributes: readonly string[]
  readonly minSamples: number
  readonly maxOperations: number
  readonly warmUp: number
  readonly reservoirSize: number
  readonly windowMs: number
  readonly retrainMs: number
  readonly flaggedShare: number
  readonly seed: number
}

export class Scorer implements AnomalyScorer {
  readonly kind: Kind
  readonly featurizer: Featurizer
  readonly baselines: Baselines
  readonly options: ScorerOptions
  readonly #pool: ScoringPool
  readonly #settings: Settings
  readonly #reservoir: Reservoir
  readonly #attributes: Readonly<Record<string, string>>
  readonly #count: { readonly scored: Count; readonly anomalous: Count; readonly unscored: Count; readonly trained: Count }
  readonly #histogram: Count
  readonly #unscoredAs = new Map<Unscored, Readonly<Record<string, string>>>()
  #model: Model | undefined
  #training: Promise<void> | undefined
  /** How many rows were offered, and when it was, at the last training. */
  #trainedAt = 0
  #trainedMs = -Infinity
  #trainings = 0
  onTrained: (() => void) | undefined

  constructor(kind: Kind, options: ScorerOptions, pool: ScoringPool, settings: Settings) {
    this.kind = kind
    this.options = options
    this.#pool = pool
    this.#settings = settings
    const { maxOperations, minSamples, without, attributes } = options
    this.baselines = new Baselines({ maxOperations, minSamples, measures: OWN + attributes.length })
    this.featurizer = new Featurizer(kind, this.baselines, without, attributes)
    this.#reservoir = new Reservoir(options.reservoirSize, this.featurizer.width, options.windowMs, new Random(options.seed))
    this.#attributes = Object.freeze({ kind })
    const { meter } = settings
    const unit = kind === 'spans' ? '{span}' : '{trace}'
    this.#count = {
      scored: meter.counter('millrace_anomaly_scored', unit, 'What was scored.'),
      anomalous: meter.counter('millrace_anomaly_found', unit, 'What scored over the bound.'),
      unscored: meter.counter('millrace_anomaly_unscored', unit, 'What went on without a score, by reason.'),
      trained: meter.counter('millrace_anomaly_trainings', '{training}', 'How often a model was trained.'),
    }
    this.#histogram = meter.histogram('millrace_anomaly_score', '1', 'Scores: 0 is ordinary, 1 is cut off at once.', BOUNDS)
    const gauge = (name: string, unit: string, help: string, read: () => number): void =>
      meter.gauge(name, unit, help, () => [[read(), this.#attributes]])
    gauge('millrace_anomaly_bound', '1', 'The score above which something is anomalous.', () => this.#model?.bound ?? 0)
    gauge(
      'millrace_anomaly_drift',
      '1',
      'How far the traffic is from what the model was trained on; 0.25 is another traffic.',
      () => this.drift,
    )
    gauge('millrace_anomaly_operations', '{operation}', 'Operations that have a baseline.', () => this.baselines.size)
  }

  get model(): Model | undefined {
    return this.#model
  }
  get drift(): number {
    return this.#model?.drift() ?? 0
  }
  get noteBytes(): number {
    return this.featurizer.records.recordBytes
  }

  note(index: RequestIndex, span: number, first: number, ordinal?: number): number {
    return this.featurizer.records.add(index, span, first, ordinal)
  }

  forget(first: number): void {
    this.featurizer.records.release(first)
  }

  /** A model that was saved: it has seen more than the first thousands that come now, so the next one waits for its time. */
  restore(model: Model): void {
    this.#model = model
    this.#trainedAt = this.#reservoir.capacity
    this.#trainedMs = this.#settings.clock.monotonicMs()
  }

  async judge(traces: readonly number[], count: number): Promise<Judgement> {
    const rows = this.featurizer.rowsOf(traces)
    for (const first of traces) this.forget(first)
    this.#sample(rows)
    const model = this.#model
    this.#trainWhereDue()
    const scores = new Float32Array(count).fill(NaN)
    if (model === undefined) return this.#without('warming up', rows.count, scores)
    const asked = this.#unusual(rows, model, scores)
    const found = asked.length === 0 ? NOTHING : await this.#ask(model, rows, asked)
    if (typeof found === 'string') {
      for (const row of asked) scores[rows.ordinals[row]!] = NaN
      return this.#without(found, rows.count, scores, rows.count - asked.length)
    }
    for (const [i, row] of asked.entries()) scores[rows.ordinals[row]!] = found.scores[i]!
    this.#measure(model, rows, found, asked)
    return new Found(this, model, rows, asked, found, scores)
  }

  /** Those in which something is unusual. All others score what a row of zeros does, which is known; a cold one has no score. */
  #unusual({ values, count, ordinals, isCold }: Rows, model: Model, scores: Float32Array): number[] {
    const { width } = this.featurizer
    const asked: number[] = []
    for (let row = 0; row < count; row++) {
      if (isCold[row] === 1 && this.kind === 'spans') continue
      let isZero = true
      for (let i = row * width; i < (row + 1) * width && isZero; i++) isZero = values[i] === 0
      if (isZero) scores[ordinals[row]!] = model.zeroScore
      else asked.push(row)
    }
    return asked
  }

  #ask(model: Model, rows: Rows, asked: readonly number[]): Promise<Scored | Unscored> {
    const { width } = this.featurizer
    const values = new Float32Array(asked.length * width)
    for (const [i, row] of asked.entries()) values.set(rows.values.subarray(row * width, (row + 1) * width), i * width)
    return this.#pool.score(model.forest, model.bound, width, values)
  }

  #without(unscored: Unscored, rows: number, scores: Float32Array, others = 0): Judgement {
    this.#count.unscored(rows - others, this.#asAttributes(unscored))
    if (others > 0) this.#count.scored(others, this.#attributes)
    return { unscored, scores, bound: this.#model?.bound ?? 1, reasonsOf: () => [], confidenceOf: () => 0 }
  }

  #asAttributes(reason: Unscored): Readonly<Record<string, string>> {
    let attributes = this.#unscoredAs.get(reason)
    if (attributes === undefined) this.#unscoredAs.set(reason, (attributes = Object.freeze({ kind: this.kind, reason })))
    return attributes
  }

  #measure(model: Model, rows: Rows, found: Scored, asked: readonly number[]): void {
    let cold = 0
    if (this.kind === 'spans') for (let row = 0; row < rows.count; row++) cold += rows.isCold[row]!
    const zeros = rows.count - cold - asked.length
    model.count(model.zeroScore, zeros)
    for (let i = 0; i < zeros; i++) this.#histogram(model.zeroScore, this.#attributes)
    for (const score of found.scores) {
      model.count(score)
      this.#histogram(score, this.#attributes)
    }
    if (cold > 0) this.#count.unscored(cold, this.#asAttributes('not enough yet'))
    this.#count.scored(rows.count - cold, this.#attributes)
    if (found.above.length > 0) this.#count.anomalous(found.above.length, this.#attributes)
  }

  // ---- training

  /** What is cold says nothing of what is usual. */
  #sample({ values, count, isCold }: Rows): void {
    const nowMs = this.#settings.clock.monotonicMs()
    for (let row = 0; row < count; row++) if (isCold[row] === 0) this.#reservoir.offer(values, row, nowMs)
  }

  #trainWhereDue(): void {
    const { count, offered, capacity } = this.#reservoir
    const { warmUp, retrainMs } = this.options
    if (this.#training !== undefined || count < warmUp) return
    const sinceMs = this.#settings.clock.monotonicMs() - this.#trainedMs
    const grew = this.#trainedAt < capacity && offered >= Math.max(this.#trainedAt * GROWTH, warmUp)
    if (this.#model === undefined || grew || sinceMs >= retrainMs || (sinceMs >= LEAST_BETWEEN_MS && this.drift > DRIFTED))
      void this.train()
  }

  /** Settles once no training is under way. */
  async idle(): Promise<void> {
    await this.#training
  }

  /** What comes meanwhile is scored with the model that there is. Never rejects. */
  train(): Promise<void> {
    return (this.#training = this.#train().finally(() => (this.#training = undefined)))
  }

  async #train(): Promise<void> {
    const { clock, log } = this.#settings
    this.#trainedAt = this.#reservoir.offered
    this.#trainedMs = clock.monotonicMs()
    const { seed, flaggedShare } = this.options
    const { drift } = this
    try {
      const trained = await this.#pool.train({
        kind: 'train',
        rows: this.#reservoir.rows(),
        features: this.featurizer.width,
        seed: seed + this.#trainings++,
        trees: TREES,
        subsample: SUBSAMPLE,
        above: MARGIN,
      })
      this.#model = new Model(trained, flaggedShare, clock.now().getTime())
      this.#count.trained(1, this.#attributes)
      const { bound, scores } = this.#model
      log.info({ kind: this.kind, rows: scores.length, bound, drift }, 'a model was trained')
      this.onTrained?.()
    } catch (error) {
      log.warn({ kind: this.kind, reason: (error as Error).message }, 'training failed: the model stays as it is')
    }
  }

  reasonsOf(rows: Rows, row: number, shares: Float32Array, at: number): readonly Reason[] {
    const { width, features, attributes } = this.featurizer
    const found: Reason[] = []
    for (let i = 0; i < width; i++) {
      const note = rows.notes.get(row * width + i)
      const share = shares[at + i]!
      if (note !== undefined && share >= LEAST_SHARE) found.push(reasonOf(features[i] ?? attributes[i - features.length]!, note, share))
    }
    return found.sort((a, b) => b.share - a.share).slice(0, MOST_REASONS)
  }
}

type Count = (n: number, attributes?: Readonly<Record<string, string>>) => void

const NOTHING: Scored = { scores: new Float32Array(0), above: new Int32Array(0), shares: new Float32Array(0) }

class Found implements Judgement {
  readonly scores: Float32Array
  readonly bound: number
  readonly #scorer: Scorer
  readonly #model: Model
  readonly #rows: Rows
  readonly #shares: Float32Array
  /** By ordinal, of what is over the bound: its row, and its place among the shares. */
  readonly #above = new Map<number, readonly [row: number, place: number]>()

  constructor(scorer: Scorer, model: Model, rows: Rows, asked: readonly number[], found: Scored, scores: Float32Array) {
    this.#scorer = scorer
    this.#model = model
    this.#rows = rows
    this.#shares = found.shares
    this.scores = scores
    this.bound = model.bound
    for (const [place, i] of found.above.entries()) this.#above.set(rows.ordinals[asked[i]!]!, [asked[i]!, place])
  }

  reasonsOf(ordinal: number): readonly Reason[] {
    const above = this.#above.get(ordinal)
    if (above === undefined) return []
    return this.#scorer.reasonsOf(this.#rows, above[0], this.#shares, above[1] * this.#scorer.featurizer.width)
  }

  confidenceOf(ordinal: number): number {
    return this.#model.rankOf(this.scores[ordinal]!)
  }
}
