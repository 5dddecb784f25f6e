// What a scoring thread does: rows in, scores and shares out; or rows in, a forest out. The pool loads it; it keeps nothing from one task to the next,
// so a thread that ends takes nothing along.

import { attribute, Forest, score, train } from './forest/index.ts'

export interface ScoreTask {
  readonly kind: 'score'
  readonly forest: SharedArrayBuffer
  readonly rows: Float32Array
  /** Of rows that score higher it is said why. */
  readonly bound: number
}
export interface Scored {
  readonly scores: Float32Array
  /** The rows over the bound, and for each of them the share of every feature. */
  readonly above: Int32Array
  readonly shares: Float32Array
}

export interface TrainTask {
  readonly kind: 'train'
  readonly rows: Float32Array
  readonly features: number
  readonly seed: number
  readonly trees: number
  readonly subsample: number
  readonly above: number
}
export interface Trained {
  readonly forest: SharedArrayBuffer
  /** Of the rows that it was trained on, ascending. */
  readonly scores: Float32Array
  /** Of a row in which nothing is unusual. */
  readonly zeroScore: number
}

/** Nothing to do: it is there for the thread that it makes the pool start. */
export interface WakeTask {
  readonly kind: 'wake'
}

export default function work(task: ScoreTask | TrainTask | WakeTask): Scored | Trained | undefined {
  if (task.kind === 'wake') return undefined
  return task.kind === 'score' ? scored(task) : trained(task)
}

function scored({ forest: bytes, rows, bound }: ScoreTask): Scored {
  const forest = new Forest(bytes, true)
  const { features } = forest.shape
  const scores = new Float32Array(rows.length / features)
  score(forest, rows, scores)
  const above: number[] = []
  for (let row = 0; row < scores.length; row++) if (scores[row]! > bound) above.push(row)
  const shares = new Float32Array(above.length * features)
  for (const [i, row] of above.entries()) attribute(forest, rows, row, shares, i * features)
  return { scores, above: Int32Array.from(above), shares }
}

function trained(task: TrainTask): Trained {
  const forest = train({ ...task, isShared: true })
  const scores = new Float32Array(task.rows.length / task.features)
  score(forest, task.rows, scores)
  const zero = new Float32Array(1)
  score(forest, new Float32Array(task.features), zero)
  return { forest: forest.bytes as SharedArrayBuffer, scores: scores.sort(), zeroScore: zero[0]! }
}
