// Spans that wait, as bytes in slabs: their resources and scopes stand there once for each request, and a span is five numbers. The trace
// buffer puts them in and takes requests out.
//
// A `subarray` would pin the body it came in, and half a million small Buffers cost more in collection than in bytes. Spans come and go in
// nearly the same order, so a slab is empty, and used again, soon after the last of its spans was decided.

import * as column from '../otlp/request-index.ts'
import { type RequestIndex, grown } from '../otlp/request-index.ts'
import {
  MAX_ROWS,
  MAX_SLABS,
  RESOURCE_FROM,
  RESOURCE_TO,
  ROW,
  ROW_BITS,
  ROWS_BYTES,
  SCOPE_FROM,
  SCOPE_STRIDE,
  SCOPE_TO,
  SLAB_BYTES,
  SPAN_BATCH,
  SPAN_FROM,
  SPAN_NEXT,
  SPAN_SCOPE,
  SPAN_STRIDE,
  SPAN_TO,
  SPARE,
  SPARE_SHARE,
  USUAL_ROWS,
  copyRest,
  emptySlab,
  restBytes,
  sizeOf,
  type Slab,
} from './slab.ts'
import { requestOf } from './slab-request.ts'

export class SpanSlabs {
  readonly #slabs: (Slab | undefined)[] = []
  readonly #vacant: number[] = []
  readonly #spare: Slab[] = []
  /** The slab that is being filled, or -1. */
  #current = -1
  /** Slabs that hold spans, or are being filled. */
  #inUse = 0
  #bytes = 0
  /** After `add`: the reference of each span of the request, by its number there. */
  refs: Int32Array = new Int32Array(1024)
  #batch = 0

  /** The memory that spans pin, and that is kept for those that come next. */
  get bytes(): number {
    return this.#bytes
  }

  /** How much more memory so many bytes of requests will pin, about. */
  growthFor(bytes: number): number {
    return Math.max(0, this.#slabsFor(bytes) - this.#spare.length) * (SLAB_BYTES + ROWS_BYTES)
  }

  /** Gives up so much of the memory that is kept for what comes next, but for what `needed` bytes of requests will take of it. Says how much it was. */
  giveUp(bytes: number, needed: number): number {
    const keep = this.#slabsFor(needed)
    let given = 0
    while (given < bytes && this.#spare.length > keep) given += this.#dropSpare()
    return given
  }

  #slabsFor(bytes: number): number {
    const slab = this.#current < 0 ? undefined : this.#slabs[this.#current]
    const room = slab === undefined ? 0 : slab.bytes.length - slab.at
    return bytes <= room ? 0 : Math.ceil((bytes - room) / SLAB_BYTES)
  }

  #dropSpare(): number {
    const bytes = sizeOf(this.#spare.pop()!)
    this.#bytes -= bytes
    return bytes
  }

  /** Copies every span of a request, with its resource and scope. Whoever does not `release` a reference pins its slab. */
  add(index: RequestIndex, batch = 0): void {
    this.#batch = batch
    this.refs = grown(this.refs, index.itemCount)
    const { resources, scopes } = index
    for (let r = 0; r < index.resourceCount; r++) {
      const row = r * column.ENVELOPE_STRIDE
      const resource: Envelope = { number: r, rest: restBytes(resources, r, scopes), slab: -1, from: 0, to: 0 }
      const end = resources[row + column.CHILD_END]!
      for (let c = resources[row + column.CHILD_FIRST]!; c < end; c++)
        if (scopes[c * column.ENVELOPE_STRIDE + column.CHILD_END]! > scopes[c * column.ENVELOPE_STRIDE + column.CHILD_FIRST]!)
          this.#addScope(index, c, resource)
    }
  }

  #addScope(index: RequestIndex, c: number, resource: Envelope): void {
    const { items, bytes } = index
    const row = c * column.ENVELOPE_STRIDE
    const end = index.scopes[row + column.CHILD_END]!
    const rest = restBytes(index.scopes, c, items, column.ITEM_STRIDE)
    let span = index.scopes[row + column.CHILD_FIRST]!
    while (span < end) {
      const from = items[span * column.ITEM_STRIDE + column.TAG]!
      const slab = this.#slabFor(index, c, rest, span, resource)
      const room = slab.bytes.length - slab.at
      const rows = Math.min(end, span + MAX_ROWS - slab.spanCount)
      // Neighbours are copied in one go, as far as they fit.
      let behind = span
      let to = from
      while (behind < rows && items[behind * column.ITEM_STRIDE + column.TAG] === to) {
        const after = items[behind * column.ITEM_STRIDE + column.END]!
        if (after - from > room) break
        to = after
        behind++
      }
      bytes.copy(slab.bytes, slab.at, from, to)
      this.#note(index, slab, span, behind, slab.at - from)
      slab.at += to - from
      span = behind
    }
  }

  /** `shift` is from offsets in the request to those in the slab. */
  #note({ items }: RequestIndex, slab: Slab, first: number, end: number, shift: number): void {
    const before = slab.spans.byteLength
    const spans = (slab.spans = grown(slab.spans, (slab.spanCount + end - first) * SPAN_STRIDE))
    this.#bytes += spans.byteLength - before
    const base = this.#current << ROW_BITS
    let row = slab.spanCount
    for (let span = first; span < end; span++, row++) {
      const at = row * SPAN_STRIDE
      spans[at + SPAN_FROM] = items[span * column.ITEM_STRIDE + column.TAG]! + shift
      spans[at + SPAN_TO] = items[span * column.ITEM_STRIDE + column.END]! + shift
      spans[at + SPAN_SCOPE] = slab.scopeCount - 1
      spans[at + SPAN_NEXT] = -1
      spans[at + SPAN_BATCH] = this.#batch
      this.refs[span] = base + row
    }
    slab.live += end - first
    slab.spanCount = row
  }

  /** A slab with room for at least that span, in which its scope is the last. `rest` is what its ScopeSpans has beside spans. */
  #slabFor(index: RequestIndex, c: number, rest: number, span: number, resource: Envelope): Slab {
    const { items, resources, scopes } = index
    const row = span * column.ITEM_STRIDE
    const spanBytes = items[row + column.END]! - items[row + column.TAG]!
    const isFirst = span === scopes[c * column.ENVELOPE_STRIDE + column.CHILD_FIRST]
    const envelope = rest + resource.rest
    let slab = this.#current < 0 ? undefined : this.#slabs[this.#current]
    const hasScope = slab !== undefined && !isFirst && resource.slab === this.#current
    const needed = spanBytes + (hasScope ? 0 : envelope)
    if (slab === undefined || slab.spanCount === MAX_ROWS || slab.bytes.length - slab.at < needed) {
      // What is repeated in every slab and large must not be repeated for every few spans.
      const left = resources[resource.number * column.ENVELOPE_STRIDE + column.END]! - items[row + column.TAG]!
      slab = this.#open(envelope + (envelope > SLAB_BYTES / 8 ? left : spanBytes))
    } else if (hasScope) return slab
    if (resource.slab !== this.#current) {
      resource.slab = this.#current
      resource.from = slab.at
      copyRest(index.bytes, slab, resources, resource.number, scopes)
      resource.to = slab.at
    }
    const from = slab.at
    copyRest(index.bytes, slab, scopes, c, items, column.ITEM_STRIDE)
    const at = slab.scopeCount++ * SCOPE_STRIDE
    const before = slab.scopes.byteLength
    slab.scopes = grown(slab.scopes, at + SCOPE_STRIDE)
    this.#bytes += slab.scopes.byteLength - before
    slab.scopes[at + SCOPE_FROM] = from
    slab.scopes[at + SCOPE_TO] = slab.at
    slab.scopes[at + RESOURCE_FROM] = resource.from
    slab.scopes[at + RESOURCE_TO] = resource.to
    return slab
  }

  #open(needed: number): Slab {
    const before = this.#current
    const spare = needed <= SLAB_BYTES ? this.#spare.pop() : undefined
    const slab = spare ?? emptySlab(Math.max(needed, SLAB_BYTES))
    this.#current = this.#vacant.pop() ?? this.#slabs.length
    if (this.#current >= MAX_SLABS) throw new RangeError(`more than ${MAX_SLABS} slabs of spans are open`)
    this.#slabs[this.#current] = slab
    this.#inUse++
    if (spare === undefined) this.#bytes += sizeOf(slab)
    // What was being filled may be empty again already.
    if (before >= 0 && this.#slabs[before]!.live === 0) this.#close(before)
    return slab
  }

  #close(number: number): void {
    const slab = this.#slabs[number]!
    this.#slabs[number] = undefined
    this.#vacant.push(number)
    this.#inUse--
    slab.at = slab.spanCount = slab.scopeCount = 0
    this.#spare.push(slab)
    const isUsual = slab.bytes.length <= SLAB_BYTES && slab.spans.length <= 4 * USUAL_ROWS * SPAN_STRIDE
    if (!isUsual) this.#dropSpare()
    while (this.#spare.length > SPARE + this.#inUse * SPARE_SHARE) this.#dropSpare()
  }

  /** Links `ref` behind `last`, the last span of its trace. */
  link(last: number, ref: number): void {
    this.#slabs[last >>> ROW_BITS]!.spans[(last & ROW) * SPAN_STRIDE + SPAN_NEXT] = ref
  }

  /** The next span of the same trace, or -1. */
  next(ref: number): number {
    return this.#slabs[ref >>> ROW_BITS]!.spans[(ref & ROW) * SPAN_STRIDE + SPAN_NEXT]!
  }

  /** The number of the batch that the span came in. */
  batchOf(ref: number): number {
    return this.#slabs[ref >>> ROW_BITS]!.spans[(ref & ROW) * SPAN_STRIDE + SPAN_BATCH]!
  }

  /** Nobody refers to that span any more. */
  release(ref: number): void {
    const number = ref >>> ROW_BITS
    const slab = this.#slabs[number]!
    slab.live--
    if (slab.live === 0 && number !== this.#current) this.#close(number)
  }

  /**
   * One request of the spans `refs`, which it sorts: those of one scope lie together again, each resource and scope stands there
   * once, and neighbours are copied in one go.
   */
  request(refs: Int32Array): Buffer {
    return requestOf(this.#slabs, refs.sort())
  }
}

/** A resource of a request, and where it stands: it is copied once for each slab that holds spans of it. */
interface Envelope {
  readonly number: number
  /** How many bytes its ResourceSpans has beside scopes. */
  readonly rest: number
  slab: number
  from: number
  to: number
}
