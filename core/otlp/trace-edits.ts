// Changes to one traces request, spliced in: what nobody touched is copied as it stands, every ancestor of a change gets its length anew.
// Cursors, the attributes processor, split and the admission of requests with bad spans record here; nothing is written before `build`.

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
import { type TraceIndex, grown } from './trace-index.ts'

export class TraceEdits implements Recorded {
  index: TraceIndex
  readonly arena: ByteWriter = new ByteWriter(16384)
  patches: Int32Array = new Int32Array(256 * PATCH_STRIDE)
  #patchesEnd = 0
  spanPatches: Int32Array = new Int32Array(1024)
  resourcePatches: Int32Array = new Int32Array(16)
  dropped: Uint8Array = new Uint8Array(1024)
  #droppedCount = 0
  cutsRefused = false

  readonly #splicer: Splicer = new Splicer(this)

  constructor(index: TraceIndex) {
    this.index = index
    this.begin(index)
  }

  /** Starts over, on what `index` describes now. */
  begin(index: TraceIndex): void {
    this.index = index
    this.arena.at = 0
    this.#patchesEnd = 0
    this.#droppedCount = 0
    this.cutsRefused = false
    const spans = index.spanCount
    if (spans > this.spanPatches.length) {
      this.spanPatches = new Int32Array(spans)
      this.dropped = new Uint8Array(spans)
    }
    this.spanPatches.fill(-1, 0, spans)
    this.dropped.fill(0, 0, spans)
    this.resourcePatches = grown(this.resourcePatches, index.resourceCount).fill(-1, 0, index.resourceCount)
  }

  /** Nothing was recorded: the request may go on as it is. */
  get empty(): boolean {
    return this.#patchesEnd === 0 && this.#droppedCount === 0 && !this.cutsRefused
  }

  /** Spans that `build` will keep. */
  get remaining(): number {
    return this.index.spanCount - this.#droppedCount
  }

  dropSpan(span: number): void {
    if (this.dropped[span] === 1) return
    this.dropped[span] = 1
    this.#droppedCount++
  }

  /** Leaves out what the walk refused. */
  dropRefused(): void {
    this.cutsRefused = this.index.refusedRanges > 0
  }

  isDropped(span: number): boolean {
    return this.dropped[span] === 1
  }

  /** Records that bytes [start, end) of a span's body become arena [from, to); an earlier patch of just that range is replaced. */
  patchSpan(span: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.spanPatches[span]!, start, end, from, to)
    this.spanPatches[span] = this.#head
    return patch
  }

  /** The same for a resource's message. */
  patchResource(resource: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.resourcePatches[resource]!, start, end, from, to)
    this.resourcePatches[resource] = this.#head
    return patch
  }

  firstSpanPatch(span: number): number {
    return this.spanPatches[span]!
  }

  firstResourcePatch(resource: number): number {
    return this.resourcePatches[resource]!
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

  #patch(head: number, start: number, end: number, from: number, to: number): number {
    this.#head = head
    let before = -1
    let after = head
    while (after >= 0 && this.patches[after + PATCH_START]! <= start) {
      if (end > start && this.patches[after + PATCH_START] === start && this.patches[after + PATCH_END] === end) {
        this.patches[after + PATCH_FROM] = from
        this.patches[after + PATCH_TO] = to
        return after
      }
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
    return patch
  }

  /** The request with every change in it. What was left without spans by a drop is left out, too. */
  build(): Buffer {
    return this.#splicer.splice()
  }
}
