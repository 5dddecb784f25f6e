// An isolation forest as one buffer of numbers: threads share it, a file keeps it, and scoring makes no object. `train` makes one.
//
// After Liu, Ting and Zhou, "Isolation Forest", 2008: what is unlike the rest is cut off from it by few random splits, so its path from the
// root is short. The score is 2^(-mean path / usual path): 0.5 is ordinary, 1 is cut off at once.

const MAGIC = 0x4652_464d // MFRF
/** Of the layout below. What has another version is refused, and trained anew. */
export const FOREST_VERSION = 1
/** The header, in 32-bit words: magic, version, features, trees, nodes, subsample; then the roots and the columns of nodes. */
const HEADER_WORDS = 6

export class ForestError extends Error {
  override readonly name = 'ForestError'
}

export interface ForestShape {
  readonly features: number
  readonly trees: number
  readonly nodes: number
  /** How many rows each tree was grown from. */
  readonly subsample: number
}

export class Forest {
  readonly shape: ForestShape
  readonly bytes: ArrayBuffer | SharedArrayBuffer
  /** The number of each tree's first node; one more says where the last tree ends. */
  readonly roots: Int32Array
  /** By node: which feature it asks, or -1 for a leaf; */
  readonly feature: Int32Array
  /** what is at most this goes left, to `left`, anything else to the node behind that; */
  readonly split: Float32Array
  readonly left: Int32Array
  /** and the path that a row which comes here has in the end: of a leaf exactly, else the mean of those it was grown from. */
  readonly path: Float32Array

  /**
   * Looks at a buffer of that layout; everything in it is checked, so that scoring ends whatever it holds.
   * @throws ForestError
   */
  constructor(bytes: ArrayBuffer | SharedArrayBuffer, isChecked = false) {
    this.bytes = bytes
    this.shape = shapeIn(bytes)
    const { trees, nodes } = this.shape
    let at = HEADER_WORDS * 4
    const column = <A>(make: new (bytes: ArrayBuffer | SharedArrayBuffer, at: number, length: number) => A, length: number): A => {
      const made = new make(bytes, at, length)
      at += length * 4
      return made
    }
    this.roots = column(Int32Array, trees + 1)
    this.feature = column(Int32Array, nodes)
    this.split = column(Float32Array, nodes)
    this.left = column(Int32Array, nodes)
    this.path = column(Float32Array, nodes)
    if (!isChecked) this.#check()
  }

  /** An empty one, for `train` to fill. `isShared`: threads read it where it stands. */
  static ofShape(shape: ForestShape, isShared: boolean): Forest {
    const length = byteLengthOf(shape)
    const bytes = isShared ? new SharedArrayBuffer(length) : new ArrayBuffer(length)
    new Int32Array(bytes, 0, HEADER_WORDS).set([MAGIC, FOREST_VERSION, shape.features, shape.trees, shape.nodes, shape.subsample])
    return new Forest(bytes, true)
  }

  /** A child has a higher number than its parent and belongs to the same tree: every path ends. */
  #check(): void {
    const { features, trees, nodes } = this.shape
    const { roots, feature, left, path, split } = this
    if (roots[0] !== 0 || roots[trees] !== nodes) throw new ForestError('its trees are not where its header says')
    for (let tree = 0; tree < trees; tree++) {
      if (roots[tree + 1]! <= roots[tree]!) throw new ForestError(`tree ${tree} is empty`)
      for (let node = roots[tree]!; node < roots[tree + 1]!; node++) {
        const isLeaf = feature[node] === -1
        const isSound =
          isLeaf || (feature[node]! >= 0 && feature[node]! < features && left[node]! > node && left[node]! + 1 < roots[tree + 1]!)
        if (!isSound || Number.isNaN(split[node]) || !(path[node]! >= 0)) throw new ForestError(`node ${node} is not one`)
      }
    }
  }
}

export function byteLengthOf({ trees, nodes }: Pick<ForestShape, 'trees' | 'nodes'>): number {
  return (HEADER_WORDS + trees + 1 + 4 * nodes) * 4
}

function shapeIn(bytes: ArrayBuffer | SharedArrayBuffer): ForestShape {
  if (bytes.byteLength < HEADER_WORDS * 4)
    throw new ForestError(`found ${bytes.byteLength} bytes; a forest has at least ${HEADER_WORDS * 4}`)
  const [magic, version, features, trees, nodes, subsample] = new Int32Array(bytes, 0, HEADER_WORDS)
  if (magic !== MAGIC) throw new ForestError('these bytes are no forest')
  if (version !== FOREST_VERSION)
    throw new ForestError(`found a forest of version ${version}; this program reads version ${FOREST_VERSION}`)
  const shape = { features: features!, trees: trees!, nodes: nodes!, subsample: subsample! }
  if (Object.values(shape).some((n) => n < 1)) throw new ForestError('its header has sizes below 1')
  if (byteLengthOf(shape) !== bytes.byteLength)
    throw new ForestError(`found ${bytes.byteLength} bytes; ${nodes} nodes in ${trees} trees take ${byteLengthOf(shape)}`)
  return shape
}

/** c(n) of the paper: the mean path of a search that finds nothing in a binary tree of `n` rows, which is what a path is measured against. */
export function usualPath(n: number): number {
  if (n <= 1) return 0
  if (n === 2) return 1
  return 2 * (Math.log(n - 1) + EULER) - (2 * (n - 1)) / n
}
const EULER = 0.577_215_664_901_532_9
