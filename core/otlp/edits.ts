// Changes to one request, spliced in: what nobody touched is copied as it stands, every ancestor of a change gets its length anew.
// Cursors, the attributes processor, split and the admission of requests with bad items record here; nothing is written before `build`.

import { ByteWriter } from './byte-writer.ts'
import {
  PATCH_END,
  PATCH_FROM,
  PATCH_KEY,
  PATCH_KEY_END,
  PATCH_NEXT,
  PATCH_START,
  PATCH_STRIDE,
  PATCH_TO,
  PATCH_VALUE,
  type Recorded,
} from './patch.ts'
import { Splicer } from './splice.ts'
import * as column from './request-index.ts'
import { RequestIndex, grown } from './request-index.ts'

export class RequestEdits implements Recorded {
  index: RequestIndex
  readonly arena: ByteWriter = new ByteWriter(16384)
  patches: Int32Array = new Int32Array(256 * PATCH_STRIDE)
  #patchesEnd = 0
  itemPatches: Int32Array = new Int32Array(1024)
  resourcePatches: Int32Array = new Int32Array(16)
  scopePatches: Int32Array = new Int32Array(16)
  metricPatches: Int32Array = new Int32Array(0)
  dropped: Uint8Array = new Uint8Array(1024)
  droppedMetrics: Uint8Array = new Uint8Array(0)
  #droppedCount = 0
  #droppedMetricCount = 0
  cutsRefused = false
  cutsEmpty = false

  readonly #splicer: Splicer = new Splicer(this)

  /** Without an index it describes nothing before `begin`. */
  constructor(index: RequestIndex = new RequestIndex()) {
    this.index = index
    this.begin(index)
  }

  /** Starts over, on what `index` describes now. */
  begin(index: RequestIndex): void {
    this.index = index
    this.arena.at = 0
    this.#patchesEnd = 0
    this.#last = this.#lastHead = -1
    this.#droppedCount = this.#droppedMetricCount = 0
    this.cutsRefused = this.cutsEmpty = false
    const { itemCount, metricCount } = index
    if (itemCount > this.itemPatches.length) {
      this.itemPatches = new Int32Array(itemCount)
      this.dropped = new Uint8Array(itemCount)
    }
    if (metricCount > this.metricPatches.length) {
      this.metricPatches = new Int32Array(metricCount)
      this.droppedMetrics = new Uint8Array(metricCount)
    }
    this.itemPatches.fill(-1, 0, itemCount)
    this.dropped.fill(0, 0, itemCount)
    this.metricPatches.fill(-1, 0, metricCount)
    this.droppedMetrics.fill(0, 0, metricCount)
    this.resourcePatches = grown(this.resourcePatches, index.resourceCount).fill(-1, 0, index.resourceCount)
    this.scopePatches = grown(this.scopePatches, index.scopeCount).fill(-1, 0, index.scopeCount)
  }

  /** Nothing was recorded: the request may go on as it is. */
  get empty(): boolean {
    return this.#patchesEnd === 0 && this.#droppedCount === 0 && this.#droppedMetricCount === 0 && !this.cutsRefused && !this.cutsEmpty
  }

  /** Items that `build` will keep. */
  get remaining(): number {
    return this.index.itemCount - this.#droppedCount
  }

  dropItem(item: number): void {
    if (this.dropped[item] === 1) return
    this.dropped[item] = 1
    this.#droppedCount++
  }

  isDropped(item: number): boolean {
    return this.dropped[item] === 1
  }

  /** Leaves out a metric with all its points; returns how many of them had not been dropped yet. */
  dropMetric(metric: number): number {
    if (this.droppedMetrics[metric] === 1) return 0
    this.droppedMetrics[metric] = 1
    this.#droppedMetricCount++
    const before = this.#droppedCount
    const row = metric * column.METRIC_STRIDE
    const end = this.index.metrics[row + column.CHILD_END]!
    for (let point = this.index.metrics[row + column.CHILD_FIRST]!; point < end; point++) this.dropItem(point)
    return this.#droppedCount - before
  }

  /** Leaves out what the walk refused. */
  dropRefused(): void {
    this.cutsRefused = this.index.refusedRanges > 0 || this.index.refusedMetrics > 0
  }

  /** Leaves out the metrics, scopes and resources that came without items. */
  dropEmpty(): void {
    this.cutsEmpty = true
  }

  /** Records that bytes [start, end) of an item's body become arena [from, to); an earlier patch of just that range is replaced. */
  patchItem(item: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.itemPatches[item]!, start, end, from, to)
    this.itemPatches[item] = this.#head
    return patch
  }

  /** Forgets what was recorded on an item itself, but not that it is dropped. */
  undoItem(item: number): void {
    this.itemPatches[item] = -1
  }

  /** The same for a resource's message. */
  patchResource(resource: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.resourcePatches[resource]!, start, end, from, to)
    this.resourcePatches[resource] = this.#head
    return patch
  }

  /** The same for a scope's message. */
  patchScope(scope: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.scopePatches[scope]!, start, end, from, to)
    this.scopePatches[scope] = this.#head
    return patch
  }

  /** The same for a metric's body, outside of its data. */
  patchMetric(metric: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.metricPatches[metric]!, start, end, from, to)
    this.metricPatches[metric] = this.#head
    return patch
  }

  nextPatch(patch: number): number {
    return this.patches[patch + PATCH_NEXT]!
  }

  /** The patch of just the bytes [start, end), which are not empty, in the list from `head`; -1 where there is none. */
  patchOf(head: number, start: number): number {
    for (let patch = head; patch >= 0; patch = this.patches[patch + PATCH_NEXT]!)
      if (this.patches[patch + PATCH_START] === start && this.patches[patch + PATCH_END]! > start) return patch
    return -1
  }

  /** Says of a patch that it is an attribute; offsets are in the arena. */
  describe(patch: number, key: number, keyEnd: number, value: number): void {
    this.patches[patch + PATCH_KEY] = key
    this.patches[patch + PATCH_KEY_END] = keyEnd
    this.patches[patch + PATCH_VALUE] = value
  }

  #head = -1
  /** The patch that was recorded last, and the first of its list: patches mostly come in order. */
  #last = -1
  #lastHead = -1

  #patch(head: number, start: number, end: number, from: number, to: number): number {
    this.#head = head
    const hint = head >= 0 && head === this.#lastHead && this.patches[this.#last + PATCH_START]! < start ? this.#last : -1
    let before = hint
    let after = hint < 0 ? head : this.patches[hint + PATCH_NEXT]!
    while (after >= 0 && this.patches[after + PATCH_START]! <= start) {
      if (end > start && this.patches[after + PATCH_START] === start && this.patches[after + PATCH_END] === end) {
        this.patches[after + PATCH_FROM] = from
        this.patches[after + PATCH_TO] = to
        return after
      }
      // What is put in stands before what is replaced at the same place.
      if (end === start && this.patches[after + PATCH_START] === start && this.patches[after + PATCH_END]! > start) break
      before = after
      after = this.patches[after + PATCH_NEXT]!
    }
    const patch = this.#patchesEnd
    this.#patchesEnd += PATCH_STRIDE
    const patches = (this.patches = grown(this.patches, this.#patchesEnd))
    patches[patch + PATCH_START] = start
    patches[patch + PATCH_END] = end
    patches[patch + PATCH_FROM] = from
    patches[patch + PATCH_TO] = to
    patches[patch + PATCH_KEY] = patches[patch + PATCH_KEY_END] = patches[patch + PATCH_VALUE] = -1
    patches[patch + PATCH_NEXT] = after
    if (before < 0) this.#head = patch
    else patches[before + PATCH_NEXT] = patch
    this.#last = patch
    this.#lastHead = this.#head
    return patch
  }

  /** The request with every change in it. What was left without items by a drop is left out, too. */
  build(): Buffer {
    return this.#splicer.splice()
  }
}
