// A trained model: the forest, where anomalous begins, and how scores were spread among what it was trained on. Scorers replace one by the next.

import type { Trained } from './worker.ts'

/** Parts of the scores above the one of rows without anything unusual, for drift. */
const PARTS = 10

export class Model {
  readonly forest: SharedArrayBuffer
  /** Of the rows it was trained on, ascending. */
  readonly scores: Float32Array
  readonly zeroScore: number
  /** What is above is anomalous: so large a share of the training was. */
  readonly bound: number
  /** Wall clock, in milliseconds. */
  readonly trainedMs: number
  /** The upper end of each part of the scores, and how much of the training, and of what came since, lies in it. */
  readonly #ends: Float32Array
  readonly #expected: Float64Array
  readonly #recent: Float64Array = new Float64Array(PARTS + 1)
  #recentCount = 0

  constructor({ forest, scores, zeroScore }: Trained, flaggedShare: number, trainedMs: number) {
    this.forest = forest
    this.scores = scores
    this.zeroScore = zeroScore
    this.trainedMs = trainedMs
    // As many may lie above as the share says; never what is in no way unusual.
    const allowed = Math.floor(scores.length * flaggedShare)
    this.bound = Math.max(scores[scores.length - 1 - allowed] ?? zeroScore, zeroScore)
    const first = lowerBound(scores, Math.fround(zeroScore) + 1e-6)
    this.#ends = Float32Array.from({ length: PARTS }, (_, part) =>
      part === 0 ? zeroScore : (scores[Math.min(scores.length - 1, first + Math.floor(((scores.length - first) * part) / PARTS))] ?? 1),
    )
    this.#expected = new Float64Array(PARTS + 1)
    for (const score of scores) this.#expected[this.#partOf(score)]!++
  }

  /** The share of the training that scored lower. */
  rankOf(score: number): number {
    return this.scores.length === 0 ? 0 : lowerBound(this.scores, score) / this.scores.length
  }

  count(score: number, times = 1): void {
    this.#recent[this.#partOf(score)]! += times
    this.#recentCount += times
  }

  #partOf(score: number): number {
    let part = 0
    while (part < PARTS && score > this.#ends[part]! + 1e-6) part++
    return part
  }

  /**
   * How far what came since the training is from the training, as population stability index: 0 is the same, from 0.25 on it is another
   * traffic. 0 until there is enough to tell.
   */
  drift(): number {
    if (this.#recentCount < 1000) return 0
    let index = 0
    for (let part = 0; part <= PARTS; part++) {
      const before = (this.#expected[part]! + 1) / (this.scores.length + PARTS + 1)
      const now = (this.#recent[part]! + 1) / (this.#recentCount + PARTS + 1)
      index += (now - before) * Math.log(now / before)
    }
    return index
  }
}

/** How many are below. */
function lowerBound(sorted: Float32Array, value: number): number {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (sorted[middle]! < value) from = middle + 1
    else to = middle
  }
  return from
}
