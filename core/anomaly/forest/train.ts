// Grows an isolation forest from rows of numbers. The workers call it.

import { Forest, usualPath } from './forest.ts'
import { Random } from './random.ts'

export interface Training {
  /** Row by row, `features` numbers each, all finite. */
  readonly rows: Float32Array
  readonly features: number
  readonly trees: number
  /** Rows that each tree is grown from, drawn without putting back. */
  readonly subsample: number
  readonly seed: number
  /**
   * How far below and above its rows' values a split may fall, in units of the features. 0 is the paper's forest: it sees nothing in a feature that was
   * always the same in training, and nothing beyond the largest value seen. A path may then be twice as long, for splits that part nothing from nothing.
   */
  readonly below?: number
  readonly above?: number
  /** Whether the buffer is shared between threads. */
  readonly isShared?: boolean
}

export function train(training: Training): Forest {
  return new Grower(training).grow()
}

/** Columns of a tree that is being grown. */
const FEATURE = 0
const LEFT = 1

class Grower {
  readonly #training: Training
  readonly #random: Random
  readonly #below: number
  readonly #above: number
  readonly #subsample: number
  readonly #height: number
  readonly #rowCount: number
  /** Numbers of rows; the current tree's are the first `subsample`. A node's stand together. */
  readonly #order: Int32Array
  readonly #candidates: Int32Array
  #whole: Int32Array = new Int32Array(2 * 65_536)
  #splits: Float32Array = new Float32Array(65_536)
  #paths: Float32Array = new Float32Array(65_536)
  #nodes = 0

  constructor(training: Training) {
    const { rows, features, subsample, seed, below = 0, above = 0 } = training
    this.#training = training
    this.#random = new Random(seed)
    this.#below = below
    this.#above = above
    this.#rowCount = Math.floor(rows.length / features)
    if (this.#rowCount < 1) throw new RangeError('a forest needs a row to grow from')
    this.#subsample = Math.min(subsample, this.#rowCount)
    this.#height = Math.max(1, Math.ceil(Math.log2(this.#subsample))) * (below + above > 0 ? 2 : 1)
    this.#order = Int32Array.from({ length: this.#rowCount }, (_, i) => i)
    this.#candidates = new Int32Array(features)
  }

  grow(): Forest {
    const { trees, features, isShared = false } = this.#training
    const roots = new Int32Array(trees + 1)
    for (let tree = 0; tree < trees; tree++) {
      this.#draw()
      this.#grow(this.#add(), 0, this.#subsample, 0)
      roots[tree + 1] = this.#nodes
    }
    const nodes = this.#nodes
    const forest = Forest.ofShape({ features, trees, nodes, subsample: this.#subsample }, isShared)
    forest.roots.set(roots)
    for (let node = 0; node < nodes; node++) {
      forest.feature[node] = this.#whole[node * 2 + FEATURE]!
      forest.left[node] = this.#whole[node * 2 + LEFT]!
    }
    forest.split.set(this.#splits.subarray(0, nodes))
    forest.path.set(this.#paths.subarray(0, nodes))
    return forest
  }

  /** The rows of the next tree, to the front. */
  #draw(): void {
    const order = this.#order
    for (let i = 0; i < this.#subsample; i++) swap(order, i, i + this.#random.below(this.#rowCount - i))
  }

  #add(): number {
    if (this.#nodes === this.#splits.length) {
      this.#whole = copied(this.#whole, new Int32Array(this.#whole.length * 2))
      this.#splits = copied(this.#splits, new Float32Array(this.#splits.length * 2))
      this.#paths = copied(this.#paths, new Float32Array(this.#paths.length * 2))
    }
    return this.#nodes++
  }

  /** Grows the node from the rows `order[from … to)`. Children stand side by side, behind their parent. */
  #grow(node: number, from: number, to: number, depth: number): void {
    const feature = depth < this.#height && to - from > 1 ? this.#choose(from, to) : -1
    this.#whole[node * 2 + FEATURE] = feature
    if (feature < 0) {
      this.#paths[node] = depth + usualPath(to - from)
      return
    }
    const split = this.#between(this.#low, this.#high)
    this.#splits[node] = split
    const middle = this.#part(feature, split, from, to)
    const left = this.#add()
    this.#add()
    this.#whole[node * 2 + LEFT] = left
    this.#grow(left, from, middle, depth + 1)
    this.#grow(left + 1, middle, to, depth + 1)
    const share = (middle - from) / (to - from)
    this.#paths[node] = share * this.#paths[left]! + (1 - share) * this.#paths[left + 1]!
  }

  /** Of the feature that was chosen: the least and the greatest value among the node's rows, with the margin. */
  #low = 0
  #high = 0

  /** One of the features that can part these rows, all alike; -1 where none can. */
  #choose(from: number, to: number): number {
    const candidates = this.#candidates
    const { features } = this.#training
    for (let i = 0; i < features; i++) candidates[i] = i
    for (let left = features; left > 0; left--) {
      const at = this.#random.below(left)
      const feature = candidates[at]!
      this.#measure(feature, from, to)
      if (this.#low < this.#high) return feature
      candidates[at] = candidates[left - 1]!
    }
    return -1
  }

  #measure(feature: number, from: number, to: number): void {
    const { rows, features } = this.#training
    let low = Infinity
    let high = -Infinity
    for (let i = from; i < to; i++) {
      const value = rows[this.#order[i]! * features + feature]!
      if (value < low) low = value
      if (value > high) high = value
    }
    this.#low = low - this.#below
    this.#high = high + this.#above
  }

  /** At least `low` and below `high`, also once it is rounded to 32 bits: without a margin some rows go each way. */
  #between(low: number, high: number): number {
    const split = Math.fround(low + this.#random.unit() * (high - low))
    return split < high ? split : Math.fround(low)
  }

  /** Puts those that go left before those that go right; returns where the latter begin. */
  #part(feature: number, split: number, from: number, to: number): number {
    const { rows, features } = this.#training
    let middle = from
    for (let i = from; i < to; i++) {
      if (rows[this.#order[i]! * features + feature]! <= split) swap(this.#order, i, middle++)
    }
    return middle
  }
}

function swap(order: Int32Array, i: number, j: number): void {
  const one = order[i]!
  order[i] = order[j]!
  order[j] = one
}

function copied<A extends Int32Array | Float32Array>(from: A, to: A): A {
  to.set(from)
  return to
}
