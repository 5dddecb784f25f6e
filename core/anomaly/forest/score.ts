// Scores rows with a forest, and says which features made a path short. The workers call it for whole batches.

import { type Forest, usualPath } from './forest.ts'

/** Rows that go through a tree before the next tree's turn: a tree and they stay in the processor's nearest memory. */
const BLOCK = 256

/** The score of each row, 0 … 1, into `scores`. `rows` are as many numbers each as the forest has features, all finite. */
export function score(forest: Forest, rows: Float32Array, scores: Float32Array): void {
  const { features, trees, subsample } = forest.shape
  const count = Math.min(scores.length, Math.floor(rows.length / features))
  const sums = new Float64Array(Math.min(BLOCK, count))
  const exponent = -Math.LN2 / (trees * Math.max(usualPath(subsample), 1))
  for (let from = 0; from < count; from += BLOCK) {
    const to = Math.min(from + BLOCK, count)
    addPaths(forest, rows, from, to, sums)
    for (let row = from; row < to; row++) scores[row] = Math.exp(exponent * sums[row - from]!)
  }
}

/** Into `sums`: for each row the sum of its paths through all trees. */
function addPaths(
  { roots, feature, split, left, path, shape }: Forest,
  rows: Float32Array,
  from: number,
  to: number,
  sums: Float64Array,
): void {
  const { features, trees } = shape
  sums.fill(0)
  for (let tree = 0; tree < trees; tree++) {
    const root = roots[tree]!
    for (let row = from, at = from * features; row < to; row++, at += features) {
      let node = root
      for (let asked = feature[node]!; asked >= 0; asked = feature[node]!) node = left[node]! + (rows[at + asked]! <= split[node]! ? 0 : 1)
      sums[row - from]! += path[node]!
    }
  }
}

/**
 * By how much each feature made that row's path shorter than the mean row's, in splits, into `shares[at …]`. Negative: it made it longer. All of them together
 * are the whole difference: each split moves the expected path from a node's to its child's, and counts for the feature that it asks.
 */
export function attribute(
  { roots, feature, split, left, path, shape }: Forest,
  rows: Float32Array,
  row: number,
  shares: Float32Array,
  at = 0,
): void {
  const { features, trees } = shape
  const first = row * features
  shares.fill(0, at, at + features)
  for (let tree = 0; tree < trees; tree++) {
    let node = roots[tree]!
    for (let asked = feature[node]!; asked >= 0; asked = feature[node]!) {
      const child = left[node]! + (rows[first + asked]! <= split[node]! ? 0 : 1)
      shares[at + asked]! += path[node]! - path[child]!
      node = child
    }
  }
  for (let i = at; i < at + features; i++) shares[i]! /= trees
}
