// Writes a traces request anew with its edits in it: what nobody touched is copied as it stands, and every ancestor of a change gets its
// length anew. Called by TraceEdits.build. Two passes, for protobuf puts a length before what it measures.

import * as column from './trace-index.ts'
import { grown } from './trace-index.ts'
import { PATCH_END, PATCH_FROM, PATCH_NEXT, PATCH_START, PATCH_TO, type Recorded } from './patch.ts'
import { varintSize } from './wire.ts'

/** The least that is worth a call of Buffer.copy, in bytes; measured. */
const WORTH_A_CALL = 32

export class Splicer {
  readonly #edits: Recorded
  /** How many bytes longer each becomes by what changes inside of it. GONE: it is left out. */
  #spanGrowth: Int32Array = new Int32Array(1024)
  #scopeGrowth: Int32Array = new Int32Array(16)
  #messageGrowth: Int32Array = new Int32Array(16)
  #resourceGrowth: Int32Array = new Int32Array(16)

  #out: Buffer = EMPTY
  #at = 0
  #copied = 0

  constructor(edits: Recorded) {
    this.#edits = edits
  }

  splice(): Buffer {
    const { index } = this.#edits
    this.#spanGrowth = grown(this.#spanGrowth, index.spanCount)
    this.#scopeGrowth = grown(this.#scopeGrowth, index.scopeCount)
    this.#messageGrowth = grown(this.#messageGrowth, index.resourceCount)
    this.#resourceGrowth = grown(this.#resourceGrowth, index.resourceCount)
    const growth = this.#measure()
    this.#out = Buffer.allocUnsafeSlow(index.bytes.length + growth)
    this.#at = this.#copied = 0
    for (let r = 0; r < index.resourceCount; r++) this.#writeResource(r)
    this.#copyTo(index.bytes.length)
    const out = this.#out
    this.#out = EMPTY
    if (this.#at !== out.length) throw new Error(`splicing wrote ${this.#at} bytes where ${out.length} were measured`)
    return out
  }

  // ---- first pass: how much longer everything becomes, from the inside out

  #measure(): number {
    const { index } = this.#edits
    const { resources, scopes, spans } = index
    this.#scopeGrowth.fill(0, 0, index.scopeCount)
    if (this.#edits.cutsRefused) this.#measureRefused()
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
          if (this.#edits.dropped[s] === 1) {
            scopeGrowth -= spans[spanRow + column.SPAN_END]! - spans[spanRow + column.SPAN_TAG]!
            continue
          }
          spansLeft++
          const inSpan = (this.#spanGrowth[s] = this.#growthOf(this.#edits.spanPatches[s]!))
          if (inSpan !== 0)
            scopeGrowth += outer(
              inSpan,
              spans[spanRow + column.SPAN_LENGTH]!,
              spans[spanRow + column.SPAN_START]!,
              spans[spanRow + column.SPAN_END]!,
            )
        }
        const lostSpans =
          spanEnd > scopes[scopeRow + column.SCOPE_SPAN_FIRST]! || (this.#edits.cutsRefused && scopes[scopeRow + column.SCOPE_REFUSED]! > 0)
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
    const { refused, refusedRanges } = this.#edits.index
    for (let i = 0; i < refusedRanges * column.REFUSED_STRIDE; i += column.REFUSED_STRIDE)
      this.#scopeGrowth[refused[i + column.REFUSED_SCOPE]!]! -= refused[i + column.REFUSED_END]! - refused[i + column.REFUSED_TAG]!
  }

  /** The growth of ResourceSpans by its resource's message, which is made where there was none. */
  #measureMessage(r: number, row: number): number {
    const { resources } = this.#edits.index
    const growth = (this.#messageGrowth[r] = this.#growthOf(this.#edits.resourcePatches[r]!))
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
    const { patches } = this.#edits
    let growth = 0
    for (; patch >= 0; patch = patches[patch + PATCH_NEXT]!)
      growth += patches[patch + PATCH_TO]! - patches[patch + PATCH_FROM]! - (patches[patch + PATCH_END]! - patches[patch + PATCH_START]!)
    return growth
  }

  // ---- second pass: copy and splice, front to back

  #writeResource(r: number): void {
    const { resources, scopes } = this.#edits.index
    const row = r * column.RES_STRIDE
    const growth = this.#resourceGrowth[r]!
    if (growth === GONE) return this.#skip(resources[row + column.RES_TAG]!, resources[row + column.RES_END]!)
    this.#writeLength(growth, resources[row + column.RES_LENGTH]!, resources[row + column.RES_START]!, resources[row + column.RES_END]!)
    if (this.#edits.resourcePatches[r]! >= 0) this.#writeMessage(r, row)
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
    const { resources } = this.#edits.index
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
    this.#writePatches(this.#edits.resourcePatches[r]!)
  }

  #writeSpans(first: number, end: number, scope: number): void {
    const { spans, refused } = this.#edits.index
    // Refused ranges lie in order, like spans; both are merged by offset.
    let range = this.#edits.cutsRefused ? this.#firstRefusedOf(scope) : -1
    for (let s = first; s < end; s++) {
      const row = s * column.SPAN_STRIDE
      const tag = spans[row + column.SPAN_TAG]!
      while (range >= 0 && refused[range + column.REFUSED_TAG]! < tag) range = this.#skipRefused(range, scope)
      if (this.#edits.dropped[s] === 1) {
        this.#skip(tag, spans[row + column.SPAN_END]!)
        continue
      }
      const patch = this.#edits.spanPatches[s]!
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
    const { refused, refusedRanges, scopes } = this.#edits.index
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
    const { refused, refusedRanges } = this.#edits.index
    this.#skip(refused[range + column.REFUSED_TAG]!, refused[range + column.REFUSED_END]!)
    const following = range + column.REFUSED_STRIDE
    return following < refusedRanges * column.REFUSED_STRIDE && refused[following + column.REFUSED_SCOPE] === scope ? following : -1
  }

  #writePatches(patch: number): void {
    const { patches } = this.#edits
    for (; patch >= 0; patch = patches[patch + PATCH_NEXT]!) {
      this.#skip(patches[patch + PATCH_START]!, patches[patch + PATCH_END]!)
      this.#copy(this.#edits.arena.bytes, patches[patch + PATCH_FROM]!, patches[patch + PATCH_TO]!)
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
    this.#copy(this.#edits.index.bytes, this.#copied, offset)
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
