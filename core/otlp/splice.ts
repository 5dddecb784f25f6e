// Writes a request anew with its edits in it: what nobody touched is copied as it stands, and every ancestor of a change gets its length
// anew. Called by RequestEdits.build. Two passes, for protobuf puts a length before what it measures.
//
// It is longer than other files: what one pass measures the other writes, and the two must be read beside each other.

import * as column from './request-index.ts'
import { grown } from './request-index.ts'
import { PATCH_END, PATCH_FROM, PATCH_NEXT, PATCH_START, PATCH_TO, type Recorded } from './patch.ts'
import { varintSize } from './wire.ts'

/** The least that is worth a call of Buffer.copy, in bytes; measured. */
const WORTH_A_CALL = 32

export class Splicer {
  readonly #edits: Recorded
  /** How many bytes longer each becomes by what changes inside of it. GONE: it is left out. */
  #itemGrowth: Int32Array = new Int32Array(1024)
  #metricGrowth: Int32Array = new Int32Array(0)
  #scopeGrowth: Int32Array = new Int32Array(16)
  #resourceGrowth: Int32Array = new Int32Array(16)
  /** The same of the message within: a metric's data, a scope's and a resource's own message. */
  #dataGrowth: Int32Array = new Int32Array(0)
  #scopeMessageGrowth: Int32Array = new Int32Array(16)
  #resourceMessageGrowth: Int32Array = new Int32Array(16)
  /** What is left of the level that was measured last. */
  #left = 0

  #out: Buffer = EMPTY
  #at = 0
  #copied = 0

  constructor(edits: Recorded) {
    this.#edits = edits
  }

  splice(): Buffer {
    const { index } = this.#edits
    this.#itemGrowth = grown(this.#itemGrowth, index.itemCount)
    this.#metricGrowth = grown(this.#metricGrowth, index.metricCount)
    this.#dataGrowth = grown(this.#dataGrowth, index.metricCount)
    this.#scopeGrowth = grown(this.#scopeGrowth, index.scopeCount)
    this.#scopeMessageGrowth = grown(this.#scopeMessageGrowth, index.scopeCount)
    this.#resourceGrowth = grown(this.#resourceGrowth, index.resourceCount)
    this.#resourceMessageGrowth = grown(this.#resourceMessageGrowth, index.resourceCount)
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
    const { resourceCount, resources } = this.#edits.index
    if (this.#edits.cutsRefused) this.#measureRefused()
    let growth = 0
    for (let r = 0; r < resourceCount; r++) {
      const row = r * column.ENVELOPE_STRIDE
      const message = (this.#resourceMessageGrowth[r] = this.#growthOf(this.#edits.resourcePatches[r]!))
      let within = messageGrowth(message, resources, row)
      const first = resources[row + column.CHILD_FIRST]!
      const end = resources[row + column.CHILD_END]!
      within += this.#measureScopes(first, end)
      this.#resourceGrowth[r] = within
      if (this.#left === 0 && (end > first || this.#edits.cutsEmpty)) {
        this.#resourceGrowth[r] = GONE
        growth -= sizeOf(resources, row)
      } else if (within !== 0) growth += outer(within, resources, row)
    }
    return growth
  }

  #measureScopes(first: number, end: number): number {
    const { scopes, signal } = this.#edits.index
    let growth = 0
    let left = 0
    for (let c = first; c < end; c++) {
      const row = c * column.ENVELOPE_STRIDE
      const message = (this.#scopeMessageGrowth[c] = this.#growthOf(this.#edits.scopePatches[c]!))
      let within = messageGrowth(message, scopes, row)
      const firstChild = scopes[row + column.CHILD_FIRST]!
      const endChild = scopes[row + column.CHILD_END]!
      const lostRefused = this.#edits.cutsRefused && scopes[row + column.REFUSED]! > 0
      if (lostRefused) within += this.#refusedGrowth[c]!
      within += signal === 'metrics' ? this.#measureMetrics(firstChild, endChild) : this.#measureItems(firstChild, endChild)
      this.#scopeGrowth[c] = within
      if (this.#left === 0 && (endChild > firstChild || lostRefused || this.#edits.cutsEmpty)) {
        this.#scopeGrowth[c] = GONE
        growth -= sizeOf(scopes, row)
        continue
      }
      left++
      if (within !== 0) growth += outer(within, scopes, row)
    }
    this.#left = left
    return growth
  }

  #measureMetrics(first: number, end: number): number {
    const { metrics } = this.#edits.index
    let growth = 0
    let left = 0
    for (let m = first; m < end; m++) {
      const row = m * column.METRIC_STRIDE
      const firstPoint = metrics[row + column.CHILD_FIRST]!
      const endPoint = metrics[row + column.CHILD_END]!
      const lostRefused = this.#edits.cutsRefused && metrics[row + column.REFUSED]! !== 0
      let data = lostRefused && metrics[row + column.REFUSED]! > 0 ? this.#refusedGrowth[m]! : 0
      data += this.#measureItems(firstPoint, endPoint)
      if (this.#edits.droppedMetrics[m] === 1 || (this.#left === 0 && (endPoint > firstPoint || lostRefused || this.#edits.cutsEmpty))) {
        this.#metricGrowth[m] = GONE
        growth -= sizeOf(metrics, row)
        continue
      }
      left++
      this.#dataGrowth[m] = data
      const within = this.#growthOf(this.#edits.metricPatches[m]!) + messageGrowth(data, metrics, row)
      this.#metricGrowth[m] = within
      if (within !== 0) growth += outer(within, metrics, row)
    }
    this.#left = left
    return growth
  }

  #measureItems(first: number, end: number): number {
    const { items } = this.#edits.index
    const { dropped, itemPatches } = this.#edits
    let growth = 0
    let left = 0
    for (let s = first; s < end; s++) {
      const row = s * column.ITEM_STRIDE
      if (dropped[s] === 1) {
        growth -= sizeOf(items, row)
        continue
      }
      left++
      const within = (this.#itemGrowth[s] = this.#growthOf(itemPatches[s]!))
      if (within !== 0) growth += outer(within, items, row)
    }
    this.#left = left
    return growth
  }

  /** By what held them, scopes or metrics: what refused items take away. */
  #refusedGrowth: Int32Array = new Int32Array(0)

  #measureRefused(): void {
    const { refused, refusedRanges, metricCount, scopeCount, signal } = this.#edits.index
    const holders = signal === 'metrics' ? metricCount : scopeCount
    this.#refusedGrowth = grown(this.#refusedGrowth, holders).fill(0, 0, holders)
    for (let i = 0; i < refusedRanges * column.RANGE_STRIDE; i += column.RANGE_STRIDE)
      this.#refusedGrowth[refused[i + column.RANGE_PARENT]!]! -= refused[i + column.RANGE_END]! - refused[i + column.RANGE_TAG]!
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
    const { resources } = this.#edits.index
    const row = r * column.ENVELOPE_STRIDE
    const growth = this.#resourceGrowth[r]!
    if (growth === GONE) return this.#skip(resources[row + column.TAG]!, resources[row + column.END]!)
    this.#writeLength(growth, resources, row)
    const patch = this.#edits.resourcePatches[r]!
    if (patch >= 0) this.#writeMessage(this.#resourceMessageGrowth[r]!, patch, resources, row)
    const end = resources[row + column.CHILD_END]!
    for (let c = resources[row + column.CHILD_FIRST]!; c < end; c++) this.#writeScope(c)
  }

  #writeScope(c: number): void {
    const { scopes, signal } = this.#edits.index
    const row = c * column.ENVELOPE_STRIDE
    const growth = this.#scopeGrowth[c]!
    if (growth === GONE) return this.#skip(scopes[row + column.TAG]!, scopes[row + column.END]!)
    this.#writeLength(growth, scopes, row)
    const patch = this.#edits.scopePatches[c]!
    if (patch >= 0) this.#writeMessage(this.#scopeMessageGrowth[c]!, patch, scopes, row)
    const first = scopes[row + column.CHILD_FIRST]!
    const end = scopes[row + column.CHILD_END]!
    if (signal === 'metrics') for (let m = first; m < end; m++) this.#writeMetric(m)
    else this.#writeItems(first, end, c, scopes[row + column.REFUSED]!)
  }

  /** The Resource or InstrumentationScope at `row`, which is made where there was none. */
  #writeMessage(growth: number, patch: number, table: Int32Array, row: number): void {
    if (table[row + column.MESSAGE_TAG]! >= 0) this.#writeMessageLength(growth, table, row)
    else if (growth > 0) {
      this.#copyTo(table[row + column.START]!)
      this.#out[this.#at++] = 0x0a
      this.#writeVarint(growth)
    }
    this.#writePatches(patch)
  }

  /** Patches stand before its data and behind it. */
  #writeMetric(m: number): void {
    const { metrics } = this.#edits.index
    const row = m * column.METRIC_STRIDE
    const growth = this.#metricGrowth[m]!
    if (growth === GONE) return this.#skip(metrics[row + column.TAG]!, metrics[row + column.END]!)
    this.#writeLength(growth, metrics, row)
    const dataAt = metrics[row + column.MESSAGE_TAG]!
    const behind = this.#writePatches(this.#edits.metricPatches[m]!, dataAt < 0 ? metrics[row + column.END]! : dataAt)
    if (dataAt >= 0) this.#writeMessageLength(this.#dataGrowth[m]!, metrics, row)
    this.#writeItems(metrics[row + column.CHILD_FIRST]!, metrics[row + column.CHILD_END]!, m, metrics[row + column.REFUSED]!)
    this.#writePatches(behind)
  }

  #writeItems(first: number, end: number, parent: number, refusedCount: number): void {
    const { items, refused } = this.#edits.index
    const { dropped, itemPatches } = this.#edits
    // Refused ranges lie in order, like items; both are merged by offset.
    let range = this.#edits.cutsRefused && refusedCount > 0 ? this.#firstRefusedOf(parent) : -1
    for (let s = first; s < end; s++) {
      const row = s * column.ITEM_STRIDE
      const tag = items[row + column.TAG]!
      while (range >= 0 && refused[range + column.RANGE_TAG]! < tag) range = this.#skipRefused(range, parent)
      if (dropped[s] === 1) {
        this.#skip(tag, items[row + column.END]!)
        continue
      }
      const patch = itemPatches[s]!
      if (patch < 0) continue
      this.#writeLength(this.#itemGrowth[s]!, items, row)
      this.#writePatches(patch)
    }
    while (range >= 0) range = this.#skipRefused(range, parent)
  }

  #firstRefusedOf(parent: number): number {
    const { refused, refusedRanges } = this.#edits.index
    // Ranges are in order of what held them: binary search, for a hostile request may hold very many.
    let low = 0
    let high = refusedRanges
    while (low < high) {
      const middle = (low + high) >>> 1
      if (refused[middle * column.RANGE_STRIDE + column.RANGE_PARENT]! < parent) low = middle + 1
      else high = middle
    }
    return low * column.RANGE_STRIDE
  }

  #skipRefused(range: number, parent: number): number {
    const { refused, refusedRanges } = this.#edits.index
    this.#skip(refused[range + column.RANGE_TAG]!, refused[range + column.RANGE_END]!)
    const following = range + column.RANGE_STRIDE
    return following < refusedRanges * column.RANGE_STRIDE && refused[following + column.RANGE_PARENT] === parent ? following : -1
  }

  /** Those that begin up to `last`; returns the first that does not, or -1. */
  #writePatches(patch: number, last = 0x7fff_ffff): number {
    const { patches } = this.#edits
    for (; patch >= 0 && patches[patch + PATCH_START]! <= last; patch = patches[patch + PATCH_NEXT]!) {
      this.#skip(patches[patch + PATCH_START]!, patches[patch + PATCH_END]!)
      this.#copy(this.#edits.arena.bytes, patches[patch + PATCH_FROM]!, patches[patch + PATCH_TO]!)
    }
    return patch
  }

  /** Copies up to the length of what stands at `row` and writes the new one, if it changed. */
  #writeLength(growth: number, table: Int32Array, row: number): void {
    if (growth === 0) return
    const start = table[row + column.START]!
    this.#skip(table[row + column.LENGTH]!, start)
    this.#writeVarint(table[row + column.END]! - start + growth)
  }

  /** The same for the message within. */
  #writeMessageLength(growth: number, table: Int32Array, row: number): void {
    if (growth === 0) return
    const start = table[row + column.MESSAGE_START]!
    this.#skip(table[row + column.MESSAGE_LENGTH]!, start)
    this.#writeVarint(table[row + column.MESSAGE_END]! - start + growth)
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

/** The size of the whole field at `row`. */
function sizeOf(table: Int32Array, row: number): number {
  return table[row + column.END]! - table[row + column.TAG]!
}

/** By how much the field at `row` grows when its body grows by `inner` bytes. */
function outer(inner: number, table: Int32Array, row: number): number {
  const start = table[row + column.START]!
  return inner + varintSize(table[row + column.END]! - start + inner) - (start - table[row + column.LENGTH]!)
}

/** The same for the message within, which is made where there was none. */
function messageGrowth(inner: number, table: Int32Array, row: number): number {
  if (inner === 0) return 0
  const start = table[row + column.MESSAGE_START]!
  if (start < 0) return 1 + varintSize(inner) + inner
  return inner + varintSize(table[row + column.MESSAGE_END]! - start + inner) - (start - table[row + column.MESSAGE_LENGTH]!)
}
