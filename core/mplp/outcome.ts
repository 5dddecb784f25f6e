// All that comes of a message at once: receivers call it for each, with what is known of its execution.

import { compared } from './crossings.ts'
import { type Execution, executionOf } from './execution.ts'
import { logsOf, mayBeLogged } from './logs.ts'
import { Measurements } from './measurements.ts'
import type { Message } from './message.ts'
import { type Identity, metricsOf } from './metrics.ts'
import type { MetricsWindow } from './metrics-window.ts'
import { partOf } from './pieces.ts'
import type { Items } from './request.ts'

export interface Outcome {
  /** What to keep of it until its execution ends. Undefined where no span takes it: it came late, names none, or is an anomaly. */
  readonly part: Buffer | undefined
  readonly logs: Items | undefined
  /** Undefined also where they went into the window. */
  readonly metrics: Items | undefined
}

export interface OutcomeOptions {
  readonly identity: Identity
  /** Where measurements go that others may join; without it each message's leave alone. */
  readonly window?: Pick<MetricsWindow, 'add'> | undefined
  /** Its execution has ended, so that there will be no other span of it. */
  readonly late: boolean
  /** Nanoseconds since 1970: when the message was seen. */
  readonly now: bigint
}

export function outcomeOf(message: Message, execution: Execution, { identity, window, late, now }: OutcomeOptions): Outcome {
  const placed = message.execution !== undefined && !late
  const measured = new Measurements(message)
  const { alerts, ...crossings } = compared(message, measured, execution)
  const bytes = message.kind === 'anomaly' ? undefined : partOf(message, crossings)
  const known = withResource(execution, bytes, measured.count > 0 || mayBeLogged(message, { alerts, unplaced: !placed }))
  const part = placed ? bytes : undefined
  const logs = logsOf(message, known, { alerts, unplaced: !placed, now })
  if (window === undefined) return { part, logs, metrics: metricsOf(message, measured, known, identity) }
  window.add(message, measured, known)
  return { part, logs, metrics: undefined }
}

/** Where nobody has said yet whose it is, the message may: `part` is its own. */
function withResource(execution: Execution, part: Buffer | undefined, needed: boolean): Execution {
  if (!needed || part === undefined || execution.resource.length > 0) return execution
  return { ...execution, resource: executionOf([part]).resource }
}
