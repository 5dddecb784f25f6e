// What somebody who looks sees of an execution that is open: a line of a list, or all of it.

import * as otlp from '../otlp/index.ts'
import { type Kind, readPart, spanOf } from '../mplp/index.ts'
import { type OpenExecution, spanIdOf, traceIdOf } from './execution.ts'

export interface ExecutionView {
  /** Grows with every execution that was opened. */
  readonly number: number
  readonly trace_id: string
  readonly span_id: string
  readonly service_name: string
  readonly operation_name: string
  /** The word that its messages said last; empty where none did. */
  readonly status: string
  readonly tenant: string
  /** By this machine's clock, when its first message came. */
  readonly opened_at: string
  readonly age_ms: number
  /** Messages that added something. */
  readonly messages: number
  /** Its start has not come. */
  readonly incomplete: boolean
}

export interface ExecutionDetails extends ExecutionView {
  readonly updates: readonly { readonly kind: Kind; readonly time: string; readonly status: string }[]
  /** An OTLP/JSON traces request with its span as it would be if it were interrupted now. */
  readonly span: unknown
}

/** `nowMs` is on the monotonic clock. */
export function viewOf(execution: OpenExecution, nowMs: number): ExecutionView {
  const { number, service, operation, status, origin, openedMs, openedAtMs, parts, hasStart } = execution
  return {
    number,
    trace_id: traceIdOf(execution),
    span_id: spanIdOf(execution),
    service_name: service,
    operation_name: operation,
    status,
    tenant: origin.tenant,
    opened_at: new Date(openedAtMs).toISOString(),
    age_ms: Math.round(nowMs - openedMs),
    messages: parts.length,
    incomplete: !hasStart,
  }
}

/** `now` is by the wall clock, in milliseconds since 1970. */
export function detailsOf(execution: OpenExecution, parts: readonly Uint8Array[], nowMs: number, now: number): ExecutionDetails {
  const updates = parts.map((part) => {
    const { kind, time, status } = readPart(part)
    return { kind, time: rfc3339(time), status }
  })
  const span = spanOf(execution.id, parts, { how: 'interrupted', time: BigInt(now) * 1_000_000n })
  return { ...viewOf(execution, nowMs), updates, span: JSON.parse(otlp.toJson('traces', span)) as unknown }
}

/** `unixNs` is nanoseconds since 1970. */
function rfc3339(unixNs: bigint): string {
  const seconds = new Date(Number(unixNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(unixNs % 1_000_000_000n).padStart(9, '0')}Z`
}
