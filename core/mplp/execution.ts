// What is known of an execution from its parts so far: its log records and measurements need it, and a list of open executions shows it.

import type { Fault } from './json.ts'
import type { Message } from './message.ts'
import { type Part, readPart } from './part.ts'
import { resourceOf } from './resource.ts'
import { NO_THRESHOLDS, readThresholds, type Thresholds } from './thresholds.ts'

export interface Execution {
  /** A start is among its parts. */
  readonly started: boolean
  /** Nanoseconds since 1970: of its start, or else of the first that was heard of it. */
  readonly startTime: bigint
  /** Of what was heard last. */
  readonly lastTime: bigint
  /** `service_name`, which is not always its resource's `service.name`. */
  readonly service: string
  readonly operation: string
  /** The word that was last said for how it goes. */
  readonly status: string
  /** The body of its Resource. */
  readonly resource: Uint8Array
  readonly thresholds: Thresholds
  /** Keys of the thresholds past which it is now. */
  readonly crossed: ReadonlySet<string>
}

/** An execution of which nothing is known. */
export const UNKNOWN: Execution = {
  started: false,
  startTime: 0n,
  lastTime: 0n,
  service: '',
  operation: '',
  status: '',
  resource: new Uint8Array(0),
  thresholds: NO_THRESHOLDS,
  crossed: new Set(),
}

/** From the parts of it that are kept, in the order in which they came. */
export function executionOf(parts: readonly Uint8Array[]): Execution {
  if (parts.length === 0) return UNKNOWN
  const read = inOrder(parts)
  let [service, operation, status] = ['', '', '']
  let start: Part | undefined
  const thresholds: Buffer[] = []
  const crossed = new Set<string>()
  for (const part of read) {
    if (part.service !== '') service = part.service
    if (part.operation !== '') operation = part.operation
    if (part.status !== '') status = part.status
    if (part.kind === 'start') start ??= part
    if (part.thresholds.length > 0) thresholds.push(part.thresholds)
    for (const key of part.back) crossed.delete(key)
    for (const key of part.crossed) crossed.add(key)
  }
  const [startTime, lastTime] = [(start ?? read[0]!).time, read.at(-1)!.time]
  const { bytes: resource } = resourceOf(read)
  return {
    started: start !== undefined,
    startTime,
    lastTime,
    service,
    operation,
    status,
    resource,
    thresholds: readThresholds(thresholds),
    crossed,
  }
}

/**
 * What is known when one more part has come. Undefined where all of them must be read again: it is older than what was heard before, or says
 * something else of the resource or of thresholds.
 */
export function goneOn(before: Execution, bytes: Uint8Array): Execution | undefined {
  const part = readPart(bytes)
  const { kind, time, service, operation, status, resource } = part
  const saysNoOther = kind === 'start' ? !before.started : service === '' || service === before.service
  const limits = part.thresholds.length === 0 ? before.thresholds : readThresholds([part.thresholds])
  if (time < before.lastTime || resource.length > 0 || part.serviceVersion !== '') return undefined
  if (!saysNoOther || limits !== before.thresholds) return undefined
  const isBegun = kind === 'start' && !before.started
  return {
    ...before,
    started: before.started || isBegun,
    startTime: isBegun ? time : before.startTime,
    lastTime: time,
    operation: operation === '' ? before.operation : operation,
    status: status === '' ? before.status : status,
    crossed: crossedBy(part, before.crossed),
  }
}

function crossedBy({ crossed, back }: Part, before: ReadonlySet<string>): ReadonlySet<string> {
  if (crossed.length === 0 && back.length === 0) return before
  const after = new Set(before)
  for (const key of back) after.delete(key)
  for (const key of crossed) after.add(key)
  return after
}

/** Why the message cannot be of this execution: it would end before it began. */
export function reversedIn(message: Message, { started, startTime }: Execution): Fault | undefined {
  if (message.kind !== 'finish' || !started || message.time >= startTime) return undefined
  return { path: message.timePath, message: 'is before the start of the execution' }
}

/** The parts, read, in the order of their times; those of one time in the order in which they came. */
export function inOrder(parts: readonly Uint8Array[]): readonly Part[] {
  const read = parts.map((part) => readPart(part))
  if (read.length === 1) return read
  return read.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}
