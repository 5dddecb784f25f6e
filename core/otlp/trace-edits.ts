// Changes to one traces request, spliced in: what nobody touched is copied as it stands, every ancestor of a change gets its length anew.
// Cursors, the attributes processor, split and the admission of requests with bad spans record here; nothing is written before `build`.

import { ByteWriter } from './byte-writer.ts'
import * as column from './trace-index.ts'
import { type TraceIndex, grown } from './trace-index.ts'
import { varintSize } from './wire.ts'

/** Columns of one patch: bytes [START, END) of the request become bytes [FROM, TO) of the arena. */
const START = 0
const END = 1
export const PATCH_FROM = 2
export const PATCH_TO = 3
/** Where the patch is an attribute: its key, and where its AnyValue begins (it ends at TO), in the arena. -1 where it is not. */
export const PATCH_KEY = 4
export const PATCH_KEY_END = 5
export const PATCH_VALUE = 6
const NEXT = 7
const STRIDE = 8

/** The least that is worth a call of Buffer.copy, in bytes; measured. */
const WORTH_A_CALL = 64

export class TraceEdits {
  index: TraceIndex
  /** The bytes that patches put in. */
  readonly arena: ByteWriter = new ByteWriter(16384)
  patches: Int32Array = new Int32Array(256 * STRIDE)
  #patchesEnd = 0
  /** For each span and each resource the first of its patches, a list in ascending order of START; -1: none. */
  #spanPatches: Int32Array = new Int32Array(1024)
  #resourcePatches: Int32Array = new Int32Array(16)
  #dropped: Uint8Array = new Uint8Array(1024)
  #droppedCount = 0
  #cutRefused = false

  /** How many bytes longer each becomes by what changes inside of it. GONE: it is left out. */
  #spanGrowth: Int32Array = new Int32Array(1024)
  #scopeGrowth: Int32Array = new Int32Array(16)
  #messageGrowth: Int32Array = new Int32Array(16)
  #resourceGrowth: Int32Array = new Int32Array(16)

  #out: Buffer = EMPTY
  #at = 0
  #copied = 0

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
    this.#cutRefused = false
    const spans = index.spanCount
    if (spans > this.#spanPatches.length) {
      this.#spanPatches = new Int32Array(spans)
      this.#spanGrowth = new Int32Array(spans)
      this.#dropped = new Uint8Array(spans)
    }
    this.#spanPatches.fill(-1, 0, spans)
    this.#dropped.fill(0, 0, spans)
    this.#resourcePatches = grown(this.#resourcePatches, index.resourceCount).fill(-1, 0, index.resourceCount)
    this.#resourceGrowth = grown(this.#resourceGrowth, index.resourceCount)
    this.#messageGrowth = grown(this.#messageGrowth, index.resourceCount)
    this.#scopeGrowth = grown(this.#scopeGrowth, index.scopeCount)
  }

  /** Nothing was recorded: the request may go on as it is. */
  get empty(): boolean {
    return this.#patchesEnd === 0 && this.#droppedCount === 0 && !this.#cutRefused
  }

  /** Spans that `build` will keep. */
  get remaining(): number {
    return this.index.spanCount - this.#droppedCount
  }

  dropSpan(span: number): void {
    if (this.#dropped[span] === 1) return
    this.#dropped[span] = 1
    this.#droppedCount++
  }

  /** Leaves out what the walk refused. */
  dropRefused(): void {
    this.#cutRefused = this.index.refusedRanges > 0
  }

  isDropped(span: number): boolean {
    return this.#dropped[span] === 1
  }

  /** Records that bytes [start, end) of a span's body become arena [from, to); an earlier patch of just that range is replaced. */
  patchSpan(span: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.#spanPatches[span]!, start, end, from, to)
    this.#spanPatches[span] = this.#head
    return patch
  }

  /** The same for a resource's message. */
  patchResource(resource: number, start: number, end: number, from: number, to: number): number {
    const patch = this.#patch(this.#resourcePatches[resource]!, start, end, from, to)
    this.#resourcePatches[resource] = this.#head
    return patch
  }

  firstSpanPatch(span: number): number {
    return this.#spanPatches[span]!
  }

  firstResourcePatch(resource: number): number {
    return this.#resourcePatches[resource]!
  }

  nextPatch(patch: number): number {
    return this.patches[patch + NEXT]!
  }

  /** The patch of just the bytes [start, end), which are not empty, in the list from `head`; -1 where there is none. */
  patchOf(head: number, start: number): number {
    for (let patch = head; patch >= 0; patch = this.patches[patch + NEXT]!)
      if (this.patches[patch + START] === start && this.patches[patch + END]! > start) return patch
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
    while (after >= 0 && this.patches[after + START]! <= start) {
      if (end > start && this.patches[after + START] === start && this.patches[after + END] === end) {
        this.patches[after + PATCH_FROM] = from
        this.patches[after + PATCH_TO] = to
        return after
      }
      before = after
      after = this.patches[after + NEXT]!
    }
    const patch = this.#patchesEnd
    this.#patchesEnd += STRIDE
    const patches = (this.patches = grown(this.patches, this.#patchesEnd))
    patches[patch + START] = start
    patches[patch + END] = end
    patches[patch + PATCH_FROM] = from
    patches[patch + PATCH_TO] = to
    patches[patch + PATCH_KEY] = patches[patch + PATCH_KEY_END] = patches[patch + PATCH_VALUE] = -1
    patches[patch + NEXT] = after
    if (before < 0) this.#head = patch
    else patches[before + NEXT] = patch
    return patch
  }

  /** The request with every change in it. What was left without spans by a drop is left out, too. */
  build(): Buffer {
    const growth = this.#measure()
    this.#out = Buffer.allocUnsafeSlow(this.index.bytes.length + growth)
    this.#at = this.#copied = 0
    for (let r = 0; r < this.index.resourceCount; r++) this.#writeResource(r)
    this.#copyTo(this.index.bytes.length)
    const out = this.#out
    this.#out = EMPTY
    if (this.#at !== out.length) throw new Error(`splicing wrote ${this.#at} bytes where ${out.length} were measured`)
    return out
  }

  // ---- first pass: how much longer everything becomes, from the inside out

  #measure(): number {
    const { index } = this
    const { resources, scopes, spans } = index
    this.#scopeGrowth.fill(0, 0, index.scopeCount)
    if (this.#cutRefused) this.#measureRefused()
    let growth = 0
    for (let r = 0; r < index.resourceCount; r++) {
      const row = r * column.RES_STRIDE
      let within = this.#measureMessage(r, row)
      let scopesLeft = 0
      const scopeEnd = resources[row + column.RES_SCOPE_END]!
      for (let c = resources[row + column.RES_SCOPE_FIRST]!; c < scopeEnd; c++) {
        const scopeRow = c * column.SCOPE_STRIDE
        let scopeGrowth = this.#scopeGrowth[c]!
        const spanEnd = scopes[scopeRow + column.SCOPE_SPAN_END]!
        let spansLeft = 0
        for (let s = scopes[scopeRow + column.SCOPE_SPAN_FIRST]!; s < spanEnd; s++) {
          const spanRow = s * column.SPAN_STRIDE
          if (this.#dropped[s] === 1) {
            scopeGrowth -= spans[spanRow + column.SPAN_END]! - spans[spanRow + column.SPAN_TAG]!
            continue
          }
          spansLeft++
          const inSpan = (this.#spanGrowth[s] = this.#growthOf(this.#spanPatches[s]!))
          if (inSpan !== 0)
            scopeGrowth += outer(
              inSpan,
              spans[spanRow + column.SPAN_LENGTH]!,
              spans[spanRow + column.SPAN_START]!,
              spans[spanRow + column.SPAN_END]!,
            )
        }
        const lostSpans =
          spanEnd > scopes[scopeRow + column.SCOPE_SPAN_FIRST]! || (this.#cutRefused && scopes[scopeRow + column.SCOPE_REFUSED]! > 0)
        if (spansLeft === 0 && lostSpans) {
          this.#scopeGrowth[c] = GONE
          within -= scopes[scopeRow + column.SCOPE_END]! - scopes[scopeRow + column.SCOPE_TAG]!
        } else {
          scopesLeft++
          this.#scopeGrowth[c] = scopeGrowth
          if (scopeGrowth !== 0)
            within += outer(
              scopeGrowth,
              scopes[scopeRow + column.SCOPE_LENGTH]!,
              scopes[scopeRow + column.SCOPE_START]!,
              scopes[scopeRow + column.SCOPE_END]!,
            )
        }
      }
      if (scopesLeft === 0 && scopeEnd > resources[row + column.RES_SCOPE_FIRST]!) {
        this.#resourceGrowth[r] = GONE
        growth -= resources[row + column.RES_END]! - resources[row + column.RES_TAG]!
      } else {
        this.#resourceGrowth[r] = within
        if (within !== 0)
          growth += outer(within, resources[row + column.RES_LENGTH]!, resources[row + column.RES_START]!, resources[row + column.RES_END]!)
      }
    }
    return growth
  }

  #measureRefused(): void {
    const { refused, refusedRanges } = this.index
    for (let i = 0; i < refusedRanges * column.REFUSED_STRIDE; i += column.REFUSED_STRIDE)
      this.#scopeGrowth[refused[i + column.REFUSED_SCOPE]!]! -= refused[i + column.REFUSED_END]! - refused[i + column.REFUSED_TAG]!
  }

  /** The growth of ResourceSpans by its resource's message, which is made where there was none. */
  #measureMessage(r: number, row: number): number {
    const { resources } = this.index
    const growth = (this.#messageGrowth[r] = this.#growthOf(this.#resourcePatches[r]!))
    if (growth === 0) return 0
    if (resources[row + column.RES_MESSAGE_TAG]! < 0) return 1 + varintSize(growth) + growth
    return outer(
      growth,
      resources[row + column.RES_MESSAGE_LENGTH]!,
      resources[row + column.RES_MESSAGE_START]!,
      resources[row + column.RES_MESSAGE_END]!,
    )
  }

  #growthOf(patch: number): number {
    const { patches } = this
    let growth = 0
    for (; patch >= 0; patch = patches[patch + NEXT]!)
      growth += patches[patch + PATCH_TO]! - patches[patch + PATCH_FROM]! - (patches[patch + END]! - patches[patch + START]!)
    return growth
  }

  // ---- second pass: copy and splice, front to back

  #writeResource(r: number): void {
    const { resources, scopes } = this.index
    const row = r * column.RES_STRIDE
    const growth = this.#resourceGrowth[r]!
    if (growth === GONE) return this.#skip(resources[row + column.RES_TAG]!, resources[row + column.RES_END]!)
    this.#writeLength(growth, resources[row + column.RES_LENGTH]!, resources[row + column.RES_START]!, resources[row + column.RES_END]!)
    if (this.#resourcePatches[r]! >= 0) this.#writeMessage(r, row)
    const scopeEnd = resources[row + column.RES_SCOPE_END]!
    for (let c = resources[row + column.RES_SCOPE_FIRST]!; c < scopeEnd; c++) {
      const scopeRow = c * column.SCOPE_STRIDE
      const scopeGrowth = this.#scopeGrowth[c]!
      if (scopeGrowth === GONE) {
        this.#skip(scopes[scopeRow + column.SCOPE_TAG]!, scopes[scopeRow + column.SCOPE_END]!)
        continue
      }
      this.#writeLength(
        scopeGrowth,
        scopes[scopeRow + column.SCOPE_LENGTH]!,
        scopes[scopeRow + column.SCOPE_START]!,
        scopes[scopeRow + column.SCOPE_END]!,
      )
      this.#writeSpans(scopes[scopeRow + column.SCOPE_SPAN_FIRST]!, scopes[scopeRow + column.SCOPE_SPAN_END]!, c)
    }
  }

  #writeMessage(r: number, row: number): void {
    const { resources } = this.index
    if (resources[row + column.RES_MESSAGE_TAG]! >= 0) {
      this.#writeLength(
        this.#messageGrowth[r]!,
        resources[row + column.RES_MESSAGE_LENGTH]!,
        resources[row + column.RES_MESSAGE_START]!,
        resources[row + column.RES_MESSAGE_END]!,
      )
    } else if (this.#messageGrowth[r]! > 0) {
      this.#copyTo(resources[row + column.RES_START]!)
      this.#out[this.#at++] = 0x0a
      this.#writeVarint(this.#messageGrowth[r]!)
    }
    this.#writePatches(this.#resourcePatches[r]!)
  }

  #writeSpans(first: number, end: number, scope: number): void {
    const { spans, refused } = this.index
    // Refused ranges lie in order, like spans; both are merged by offset.
    let range = this.#cutRefused ? this.#firstRefusedOf(scope) : -1
    for (let s = first; s < end; s++) {
      const row = s * column.SPAN_STRIDE
      const tag = spans[row + column.SPAN_TAG]!
      while (range >= 0 && refused[range + column.REFUSED_TAG]! < tag) range = this.#skipRefused(range, scope)
      if (this.#dropped[s] === 1) {
        this.#skip(tag, spans[row + column.SPAN_END]!)
        continue
      }
      const patch = this.#spanPatches[s]!
      if (patch < 0) continue
      this.#writeLength(
        this.#spanGrowth[s]!,
        spans[row + column.SPAN_LENGTH]!,
        spans[row + column.SPAN_START]!,
        spans[row + column.SPAN_END]!,
      )
      this.#writePatches(patch)
    }
    while (range >= 0) range = this.#skipRefused(range, scope)
  }

  #firstRefusedOf(scope: number): number {
    const { refused, refusedRanges, scopes } = this.index
    if (scopes[scope * column.SCOPE_STRIDE + column.SCOPE_REFUSED] === 0) return -1
    // Ranges are in order of their scopes: binary search, for a hostile request may hold very many.
    let low = 0
    let high = refusedRanges
    while (low < high) {
      const middle = (low + high) >>> 1
      if (refused[middle * column.REFUSED_STRIDE + column.REFUSED_SCOPE]! < scope) low = middle + 1
      else high = middle
    }
    return low * column.REFUSED_STRIDE
  }

  #skipRefused(range: number, scope: number): number {
    const { refused, refusedRanges } = this.index
    this.#skip(refused[range + column.REFUSED_TAG]!, refused[range + column.REFUSED_END]!)
    const following = range + column.REFUSED_STRIDE
    return following < refusedRanges * column.REFUSED_STRIDE && refused[following + column.REFUSED_SCOPE] === scope ? following : -1
  }

  #writePatches(patch: number): void {
    const { patches } = this
    for (; patch >= 0; patch = patches[patch + NEXT]!) {
      this.#skip(patches[patch + START]!, patches[patch + END]!)
      this.#copy(this.arena.bytes, patches[patch + PATCH_FROM]!, patches[patch + PATCH_TO]!)
    }
  }

  /** Copies up to the length at `lengthAt` and writes the new one, if it changed. */
  #writeLength(growth: number, lengthAt: number, start: number, end: number): void {
    if (growth === 0) return
    this.#skip(lengthAt, start)
    this.#writeVarint(end - start + growth)
  }

  #writeVarint(n: number): void {
    const out = this.#out
    while (n > 0x7f) {
      out[this.#at++] = (n & 0x7f) | 0x80
      n >>>= 7
    }
    out[this.#at++] = n
  }

  /** Copies the request up to `start` and goes on behind `end`. */
  #skip(start: number, end: number): void {
    this.#copyTo(start)
    this.#copied = end
  }

  #copyTo(offset: number): void {
    this.#copy(this.index.bytes, this.#copied, offset)
    this.#copied = offset
  }

  #copy(source: Buffer, from: number, to: number): void {
    const out = this.#out
    let at = this.#at
    if (to - from >= WORTH_A_CALL) {
      source.copy(out, at, from, to)
      this.#at = at + to - from
      return
    }
    while (from < to) out[at++] = source[from++]!
    this.#at = at
  }
}

const EMPTY: Buffer = Buffer.alloc(0)
const GONE = -0x8000_0000

/** By how much a field grows when its body, [start, end) with its length at `lengthAt`, grows by `inner` bytes. */
function outer(inner: number, lengthAt: number, start: number, end: number): number {
  return inner + varintSize(end - start + inner) - (start - lengthAt)
}
