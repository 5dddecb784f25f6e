// The door to the isolation forest: rows of numbers in, scores and their reasons out. Nothing here knows of spans.

export { attribute, score } from './score.ts'
export { Forest, FOREST_VERSION, ForestError, type ForestShape, usualPath } from './forest.ts'
export { Random } from './random.ts'
export { train, type Training } from './train.ts'
