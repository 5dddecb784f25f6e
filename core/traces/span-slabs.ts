// Spans that wait, as bytes in slabs: their resources and scopes stand there once for each request, and a span is four numbers. The trace
// buffer puts them in and takes requests out.
//
// A `subarray` would pin the body it came in, and half a million small Buffers cost more in collection than in bytes. Spans come and go in
// nearly the same order, so a slab is empty, and used again, soon after the last of its spans was decided.

import { varintSize, writeVarint } from '../otlp/wire.ts'
import * as column from '../otlp/request-index.ts'
import { type RequestIndex, grown } from '../otlp/request-index.ts'

/** Room for about two thousand spans. */
export const SLAB_BYTES: number = 1024 * 1024
/** A reference is the number of a slab above this many bits, and the span's row in it below. */
const ROW_BITS = 16
const MAX_ROWS = 1 << ROW_BITS
const ROW = MAX_ROWS - 1
/** So many slabs can be told apart. */
const MAX_SLABS = 1 << (31 - ROW_BITS)
/** So many empty slabs are kept for what comes next, unless their rows are more than usual. */
const SPARE = 4
const USUAL_ROWS = 2560
/** What the rows of a slab usually take. */
const ROWS_BYTES = 65_536

/**
 * Columns of a span in its slab: its whole field, the row of its scope, the reference of the next span of its trace or -1, and the number of
 * the batch it came in, for whoever keeps a journal.
 */
const SPAN_FROM = 0
const SPAN_TO = 1
const SPAN_SCOPE = 2
const SPAN_NEXT = 3
const SPAN_BATCH = 4
const SPAN_STRIDE = 5
/** Columns of a scope: what ScopeSpans holds but for its spans, and the same of its ResourceSpans; equal ranges are one resource. */
const SCOPE_FROM = 0
const SCOPE_TO = 1
const RESOURCE_FROM = 2
const RESOURCE_TO = 3
const SCOPE_STRIDE = 4

interface Slab {
  readonly bytes: Buffer
  at: number
  spans: Int32Array
  spanCount: number
  scopes: Int32Array
  scopeCount: number
  /** Spans that somebody still refers to. */
  live: number
}

export class SpanSlabs {
  readonly #slabs: (Slab | undefined)[] = []
  readonly #vacant: number[] = []
  readonly #spare: Slab[] = []
  /** The slab that is being filled, or -1. */
  #current = -1
  #bytes = 0
  /** After `add`: the reference of each span of the request, by its number there. */
  refs: Int32Array = new Int32Array(1024)
  #batch = 0

  /** The memory that spans pin. */
  get bytes(): number {
    return this.#bytes
  }

  /** How much more memory so many bytes of requests will pin, about. */
  growthFor(bytes: number): number {
    const slab = this.#current < 0 ? undefined : this.#slabs[this.#current]
    const room = slab === undefined ? 0 : slab.bytes.length - slab.at
    return bytes <= room ? 0 : Math.ceil((bytes - room) / SLAB_BYTES) * (SLAB_BYTES + ROWS_BYTES)
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
    const slab = (needed <= SLAB_BYTES ? this.#spare.pop() : undefined) ?? emptySlab(Math.max(needed, SLAB_BYTES))
    this.#current = this.#vacant.pop() ?? this.#slabs.length
    if (this.#current >= MAX_SLABS) throw new RangeError(`more than ${MAX_SLABS} slabs of spans are open`)
    this.#slabs[this.#current] = slab
    this.#bytes += sizeOf(slab)
    // What was being filled may be empty again already.
    if (before >= 0 && this.#slabs[before]!.live === 0) this.#close(before)
    return slab
  }

  #close(number: number): void {
    const slab = this.#slabs[number]!
    this.#slabs[number] = undefined
    this.#vacant.push(number)
    this.#bytes -= sizeOf(slab)
    if (slab.bytes.length > SLAB_BYTES || slab.spans.length > 4 * USUAL_ROWS * SPAN_STRIDE || this.#spare.length >= SPARE) return
    slab.at = slab.spanCount = slab.scopeCount = 0
    this.#spare.push(slab)
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
    const sorted = refs.sort()
    const sizes = this.#measure(sorted)
    const out = Buffer.allocUnsafeSlow(sizes.total)
    const written = this.#write(sorted, sizes, out)
    if (written !== out.length) throw new Error(`a request of ${out.length} bytes was measured, and ${written} were written`)
    return out
  }

  /** The lengths of each ResourceSpans' and each ScopeSpans' body, in order: protobuf puts a length before what it measures. */
  #measure(sorted: Int32Array): Sizes {
    const sizes: Sizes = { total: 0, resources: [], scopes: [] }
    this.#eachScope(sorted, (slab, scope, first, end, isSameResource) => {
      let body = slab.scopes[scope + SCOPE_TO]! - slab.scopes[scope + SCOPE_FROM]!
      for (let i = first; i < end; i++) {
        const at = (sorted[i]! & ROW) * SPAN_STRIDE
        body += slab.spans[at + SPAN_TO]! - slab.spans[at + SPAN_FROM]!
      }
      sizes.scopes.push(body)
      const field = 1 + varintSize(body) + body
      if (isSameResource) sizes.resources[sizes.resources.length - 1]! += field
      else sizes.resources.push(slab.scopes[scope + RESOURCE_TO]! - slab.scopes[scope + RESOURCE_FROM]! + field)
    })
    for (const body of sizes.resources) sizes.total += 1 + varintSize(body) + body
    return sizes
  }

  #write(sorted: Int32Array, sizes: Sizes, out: Buffer): number {
    let p = 0
    let resource = 0
    let scopeNumber = 0
    this.#eachScope(sorted, (slab, scope, first, end, isSameResource) => {
      if (!isSameResource) {
        out[p++] = 0x0a
        p = writeVarint(out, p, sizes.resources[resource++]!)
        p += slab.bytes.copy(out, p, slab.scopes[scope + RESOURCE_FROM], slab.scopes[scope + RESOURCE_TO])
      }
      out[p++] = 0x12
      p = writeVarint(out, p, sizes.scopes[scopeNumber++]!)
      p += slab.bytes.copy(out, p, slab.scopes[scope + SCOPE_FROM], slab.scopes[scope + SCOPE_TO])
      let from = -1
      let to = -1
      for (let i = first; i < end; i++) {
        const at = (sorted[i]! & ROW) * SPAN_STRIDE
        if (slab.spans[at + SPAN_FROM] !== to) {
          if (from >= 0) p += slab.bytes.copy(out, p, from, to)
          from = slab.spans[at + SPAN_FROM]!
        }
        to = slab.spans[at + SPAN_TO]!
      }
      p += slab.bytes.copy(out, p, from, to)
    })
    return p
  }

  #eachScope(sorted: Int32Array, visit: (slab: Slab, scope: number, first: number, end: number, isSameResource: boolean) => void): void {
    let lastSlab: Slab | undefined
    let lastScope = -1
    for (let first = 0, end = 0; first < sorted.length; first = end) {
      const number = sorted[first]! >>> ROW_BITS
      const slab = this.#slabs[number]!
      const scope = slab.spans[(sorted[first]! & ROW) * SPAN_STRIDE + SPAN_SCOPE]!
      end = first + 1
      while (
        end < sorted.length &&
        sorted[end]! >>> ROW_BITS === number &&
        slab.spans[(sorted[end]! & ROW) * SPAN_STRIDE + SPAN_SCOPE] === scope
      )
        end++
      const at = scope * SCOPE_STRIDE
      const isSame = slab === lastSlab && slab.scopes[at + RESOURCE_FROM] === slab.scopes[lastScope + RESOURCE_FROM]
      visit(slab, at, first, end, isSame)
      lastSlab = slab
      lastScope = at
    }
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

interface Sizes {
  total: number
  readonly resources: number[]
  readonly scopes: number[]
}

function emptySlab(capacity: number): Slab {
  return {
    bytes: Buffer.allocUnsafeSlow(capacity),
    at: 0,
    spans: new Int32Array(USUAL_ROWS * SPAN_STRIDE),
    spanCount: 0,
    scopes: new Int32Array(64 * SCOPE_STRIDE),
    scopeCount: 0,
    live: 0,
  }
}

function sizeOf({ bytes, spans, scopes }: Slab): number {
  return bytes.length + spans.byteLength + scopes.byteLength
}

/** How many bytes an envelope (ResourceSpans, ScopeSpans) has beside its children, whose rows are `stride` long. */
function restBytes(table: Int32Array, number: number, children: Int32Array, stride: number = column.ENVELOPE_STRIDE): number {
  const row = number * column.ENVELOPE_STRIDE
  let rest = table[row + column.END]! - table[row + column.START]!
  const end = table[row + column.CHILD_END]!
  for (let child = table[row + column.CHILD_FIRST]!; child < end; child++)
    rest -= children[child * stride + column.END]! - children[child * stride + column.TAG]!
  return rest
}

function copyRest(
  bytes: Buffer,
  slab: Slab,
  table: Int32Array,
  number: number,
  children: Int32Array,
  stride: number = column.ENVELOPE_STRIDE,
): void {
  const row = number * column.ENVELOPE_STRIDE
  let from = table[row + column.START]!
  const end = table[row + column.CHILD_END]!
  for (let child = table[row + column.CHILD_FIRST]!; child < end; child++) {
    const to = children[child * stride + column.TAG]!
    if (to > from) slab.at += bytes.copy(slab.bytes, slab.at, from, to)
    from = children[child * stride + column.END]!
  }
  slab.at += bytes.copy(slab.bytes, slab.at, from, table[row + column.END])
}
