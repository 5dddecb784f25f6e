// The cursor over log records, as plugins see it.

import { type AttributeValue, readAnyValue, writeAnyValue } from './any-value.ts'
import { type Item, ItemCursor, textOf } from './item-cursor.ts'
import { PATCH_FROM, PATCH_TO, PATCH_VALUE } from './patch.ts'
import * as column from './request-index.ts'
import { next, readUint32 } from './wire.ts'

export interface LogRecord extends Item {
  /** When it happened; 0 where that is not known. */
  readonly timeUnixNano: bigint
  /** When it was seen by whoever collected it. */
  readonly observedTimeUnixNano: bigint
  /** 1 … 24 as in the log data model; 0 where it is not given. */
  readonly severityNumber: number
  severityText: string
  /** Undefined where there is none; setting that removes it. */
  body: AttributeValue | undefined
  readonly eventName: string
  /** 32 lower-case hex digits; empty where the record belongs to no trace. */
  readonly traceId: string
  /** 16 lower-case hex digits, or empty. */
  readonly spanId: string
  /** W3C trace flags in the lowest eight bits. */
  readonly flags: number
}

const SEVERITY_TEXT = 0x1a
const BODY = 0x2a

export class LogRecordCursor extends ItemCursor implements LogRecord {
  get timeUnixNano(): bigint {
    return this.time(column.LOG_TIME)
  }

  get observedTimeUnixNano(): bigint {
    return this.time(column.LOG_OBSERVED_TIME)
  }

  get severityNumber(): number {
    return this.column(column.LOG_SEVERITY_NUMBER)
  }

  get severityText(): string {
    return this.text(SEVERITY_TEXT, this.column(column.LOG_SEVERITY_TEXT_TAG))
  }

  set severityText(value: string) {
    this.setText(SEVERITY_TEXT, this.column(column.LOG_SEVERITY_TEXT_TAG), value)
  }

  get body(): AttributeValue | undefined {
    const { index, arena, patches } = this.edits
    const at = this.column(column.LOG_BODY_TAG)
    const patch = this.patchOfField(BODY, at)
    if (patch >= 0) {
      const to = patches[patch + PATCH_TO]!
      return patches[patch + PATCH_FROM] === to ? undefined : readAnyValue(arena.bytes, patches[patch + PATCH_VALUE]!, to)
    }
    if (at < 0) return undefined
    const length = readUint32(index.bytes, at + 1, index.bytes.length)
    return readAnyValue(index.bytes, next, next + length)
  }

  set body(value: AttributeValue | undefined) {
    const { arena } = this.edits
    const at = this.column(column.LOG_BODY_TAG)
    const from = arena.at
    if (value === undefined) {
      if (at >= 0 || this.patchOfField(BODY, at) >= 0) this.putField(BODY, at, from, from)
      return
    }
    try {
      const body = arena.begin(BODY)
      writeAnyValue(arena, value)
      arena.end(body)
    } catch (cause) {
      arena.at = from // half a body must not stay
      throw cause
    }
    readUint32(arena.bytes, from + 1, arena.at)
    this.putField(BODY, at, from, next)
  }

  get eventName(): string {
    return textOf(this.edits.index.bytes, this.column(column.LOG_EVENT_NAME_TAG))
  }

  get traceId(): string {
    return this.id(column.LOG_TRACE_ID, 16)
  }

  get spanId(): string {
    return this.id(column.LOG_SPAN_ID, 8)
  }

  get flags(): number {
    const at = this.column(column.LOG_FLAGS)
    return at < 0 ? 0 : this.edits.index.view.getUint32(at, true)
  }
}
