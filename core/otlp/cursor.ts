// The cursor that plugins see: a span over the bytes. Reading decodes what is read and nothing else; writing records
// an edit. One cursor serves all spans of a request, one after the other.

import { type Attributes, ResourceAttributes, SpanAttributes } from './attribute-cursor.ts'
import { PATCH_FROM, PATCH_KEY, PATCH_TO, PATCH_VALUE } from './patch.ts'
import type { TraceEdits } from './trace-edits.ts'
import * as column from './trace-index.ts'
import { next, readUint32, skipValue } from './wire.ts'

export interface Span {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** 16 lower-case hex digits. */
  readonly spanId: string
  /** 16 lower-case hex digits; empty for a root span. */
  readonly parentSpanId: string
  name: string
  readonly kind: number
  readonly startTimeUnixNano: bigint
  readonly endTimeUnixNano: bigint
  readonly statusCode: 0 | 1 | 2
  readonly attributes: Attributes
  /** Shared by all spans of the resource: what is set here, they all have. */
  readonly resource: Attributes
  readonly scopeName: string
  /** Leaves this span out; the ledger counts it under `reason`. */
  drop(reason: string): void
}

export class SpanCursor implements Span {
  readonly edits: TraceEdits
  readonly #attributes: SpanAttributes
  readonly #resource: ResourceAttributes
  readonly #dropped: (reason: string) => void
  #span = 0
  #row = 0

  constructor(edits: TraceEdits, dropped: (reason: string) => void) {
    this.edits = edits
    this.#attributes = new SpanAttributes(edits)
    this.#resource = new ResourceAttributes(edits)
    this.#dropped = dropped
  }

  moveTo(span: number): void {
    this.#span = span
    this.#row = span * column.SPAN_STRIDE
  }

  #column(which: number): number {
    return this.edits.index.spans[this.#row + which]!
  }

  get traceId(): string {
    const at = this.#column(column.SPAN_TRACE_ID)
    return this.edits.index.bytes.toString('hex', at, at + 16)
  }

  get spanId(): string {
    const at = this.#column(column.SPAN_ID)
    return this.edits.index.bytes.toString('hex', at, at + 8)
  }

  get parentSpanId(): string {
    const at = this.#column(column.SPAN_PARENT_ID)
    return at < 0 ? '' : this.edits.index.bytes.toString('hex', at, at + 8)
  }

  get name(): string {
    const { edits } = this
    const tag = this.#column(column.SPAN_NAME_TAG)
    const head = edits.firstSpanPatch(this.#span)
    if (head >= 0) {
      const patch = tag >= 0 ? edits.patchOf(head, tag) : this.#addedName()
      if (patch >= 0) return edits.arena.bytes.toString('utf8', edits.patches[patch + PATCH_VALUE], edits.patches[patch + PATCH_TO])
    }
    return tag < 0 ? '' : edits.index.bytes.toString('utf8', this.#column(column.SPAN_NAME_START), this.#column(column.SPAN_NAME_END))
  }

  set name(value: string) {
    const { edits } = this
    const tag = this.#column(column.SPAN_NAME_TAG)
    const from = edits.arena.at
    edits.arena.text(0x2a, value)
    const to = edits.arena.at
    const end = this.#column(column.SPAN_END)
    let patch = tag < 0 ? this.#addedName() : -1
    if (patch >= 0) {
      edits.patches[patch + PATCH_FROM] = from
      edits.patches[patch + PATCH_TO] = to
    } else
      patch =
        tag < 0
          ? edits.patchSpan(this.#span, end, end, from, to)
          : edits.patchSpan(this.#span, tag, this.#column(column.SPAN_NAME_END), from, to)
    edits.describe(patch, -1, -1, to - Buffer.byteLength(value))
  }

  /** A name given to a span that came without: the one patch that puts something in and is no attribute. */
  #addedName(): number {
    const { edits } = this
    for (let patch = edits.firstSpanPatch(this.#span); patch >= 0; patch = edits.nextPatch(patch))
      if (edits.patches[patch + PATCH_KEY]! < 0 && edits.patches[patch + PATCH_VALUE]! >= 0) return patch
    return -1
  }

  get kind(): number {
    return this.#column(column.SPAN_KIND)
  }

  get startTimeUnixNano(): bigint {
    const at = this.#column(column.SPAN_START_TIME)
    return at < 0 ? 0n : this.edits.index.view.getBigUint64(at, true)
  }

  get endTimeUnixNano(): bigint {
    const at = this.#column(column.SPAN_END_TIME)
    return at < 0 ? 0n : this.edits.index.view.getBigUint64(at, true)
  }

  /** `Status { string message = 2; StatusCode code = 3; }` */
  get statusCode(): 0 | 1 | 2 {
    const { bytes } = this.edits.index
    const end = this.#column(column.SPAN_STATUS_END)
    let p = this.#column(column.SPAN_STATUS_START)
    while (p >= 0 && p < end) {
      const tag = readUint32(bytes, p, end)
      p = next
      if (tag === 0x18) {
        const code = readUint32(bytes, p, end)
        return code === 1 || code === 2 ? code : 0
      }
      p = skipValue(bytes, p, end, tag, 0)
    }
    return 0
  }

  get attributes(): Attributes {
    this.#attributes.moveTo(this.#span)
    return this.#attributes
  }

  get resource(): Attributes {
    const scope = this.#column(column.SPAN_SCOPE) * column.SCOPE_STRIDE
    this.#resource.moveTo(this.edits.index.scopes[scope + column.SCOPE_RESOURCE]!)
    return this.#resource
  }

  /** `InstrumentationScope { string name = 1; … }` */
  get scopeName(): string {
    const { index } = this.edits
    const scope = this.#column(column.SPAN_SCOPE) * column.SCOPE_STRIDE
    const end = index.scopes[scope + column.SCOPE_MESSAGE_END]!
    let p = index.scopes[scope + column.SCOPE_MESSAGE_START]!
    while (p >= 0 && p < end) {
      const tag = readUint32(index.bytes, p, end)
      p = next
      const after = skipValue(index.bytes, p, end, tag, 0)
      if (tag === 0x0a) {
        readUint32(index.bytes, p, end)
        return index.bytes.toString('utf8', next, after)
      }
      p = after
    }
    return ''
  }

  drop(reason: string): void {
    if (this.edits.isDropped(this.#span)) return
    this.edits.dropSpan(this.#span)
    this.#dropped(reason)
  }
}
