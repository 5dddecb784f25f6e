// The cursor over spans, as plugins see it.

import { type Item, ItemCursor, findField, textOf } from './item-cursor.ts'
import * as column from './request-index.ts'
import { next, readUint32, skipValue } from './wire.ts'

export interface Span extends Item {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** 16 lower-case hex digits. */
  readonly spanId: string
  /** 16 lower-case hex digits; empty for a root span. */
  readonly parentSpanId: string
  /** W3C tracestate; empty where there is none. */
  readonly traceState: string
  name: string
  readonly kind: number
  readonly startTimeUnixNano: bigint
  readonly endTimeUnixNano: bigint
  readonly statusCode: 0 | 1 | 2
  readonly statusMessage: string
  /** W3C trace flags in the lowest eight bits. */
  readonly flags: number
  readonly eventCount: number
  readonly linkCount: number
}

export class SpanCursor extends ItemCursor implements Span {
  get traceId(): string {
    return this.id(column.SPAN_TRACE_ID, 16)
  }

  get spanId(): string {
    return this.id(column.SPAN_ID, 8)
  }

  get parentSpanId(): string {
    return this.id(column.SPAN_PARENT_ID, 8)
  }

  get traceState(): string {
    return textOf(this.edits.index.bytes, this.column(column.SPAN_TRACE_STATE_TAG))
  }

  get name(): string {
    return this.text(0x2a, this.column(column.SPAN_NAME_TAG))
  }

  set name(value: string) {
    this.setText(0x2a, this.column(column.SPAN_NAME_TAG), value)
  }

  get kind(): number {
    return this.column(column.SPAN_KIND)
  }

  get startTimeUnixNano(): bigint {
    return this.time(column.SPAN_START_TIME)
  }

  get endTimeUnixNano(): bigint {
    return this.time(column.SPAN_END_TIME)
  }

  /** `Status { string message = 2; StatusCode code = 3; }` */
  get statusCode(): 0 | 1 | 2 {
    const at = this.#inStatus(0x18)
    const code = at < 0 ? 0 : readUint32(this.edits.index.bytes, at + 1, this.column(column.SPAN_STATUS_END))
    return code === 1 || code === 2 ? code : 0
  }

  get statusMessage(): string {
    return textOf(this.edits.index.bytes, this.#inStatus(0x12))
  }

  #inStatus(tag: number): number {
    const start = this.column(column.SPAN_STATUS_START)
    return start < 0 ? -1 : findField(this.edits.index.bytes, start, this.column(column.SPAN_STATUS_END), tag)
  }

  /** `fixed32 flags = 16` */
  get flags(): number {
    const at = this.find(0x85)
    if (at < 0) return 0
    readUint32(this.edits.index.bytes, at, this.column(column.END))
    return this.edits.index.view.getUint32(next, true)
  }

  get eventCount(): number {
    return this.#count(0x5a)
  }

  get linkCount(): number {
    return this.#count(0x6a)
  }

  #count(wanted: number): number {
    const { bytes } = this.edits.index
    const end = this.column(column.END)
    let count = 0
    for (let p = this.column(column.START); p < end;) {
      const tag = readUint32(bytes, p, end)
      if (tag === wanted) count++
      p = skipValue(bytes, next, end, tag, 0)
    }
    return count
  }
}
