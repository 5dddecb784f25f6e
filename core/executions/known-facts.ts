// What is known of the executions that messages come for, kept from one message to the next: read anew for each, the parts of one that goes on
// for long would cost the square of their number. Intake asks.

import { LRUCache } from 'lru-cache'
import { type Execution, executionOf, goneOn, UNKNOWN } from '../mplp/index.ts'
import type { KeptPart, OpenExecution } from './execution.ts'
import type { ExecutionTable } from './table.ts'

/** Executions at work at once; what is known of one more is read anew. */
const MOST = 2000
/** Up to so many parts all are read where the last one does not simply go on. */
const FEW = 64
/** Past them only when their number has grown by this: what a part out of order says is known so much later. */
const GROWTH = 1.25

interface Known {
  readonly execution: Execution
  readonly count: number
  readonly last: KeptPart
  /** How many there were when all of them were read. */
  readonly readAt: number
}

export class KnownFacts {
  readonly #table: ExecutionTable
  readonly #known = new LRUCache<OpenExecution, Known>({ max: MOST })

  constructor(table: ExecutionTable) {
    this.#table = table
  }

  of(open: OpenExecution | undefined): Execution {
    if (open === undefined) return UNKNOWN
    const { parts } = open
    const before = this.#known.get(open)
    const isNew = before?.count !== parts.length || before.last !== parts.at(-1)
    if (!isNew) return before.execution
    // Parts are taken back from anywhere, and added at the end.
    const known = before !== undefined && parts[before.count - 1] === before.last ? this.#goneOn(before, parts) : undefined
    const { execution, readAt } = known ?? { execution: kept(executionOf(this.#table.bytesOf(open))), readAt: parts.length }
    this.#known.set(open, { execution, count: parts.length, last: parts.at(-1)!, readAt })
    return execution
  }

  #goneOn({ execution, count, readAt }: Known, parts: readonly KeptPart[]): Pick<Known, 'execution' | 'readAt'> | undefined {
    const mayWait = parts.length > FEW && parts.length < readAt * GROWTH
    for (const part of parts.slice(count)) {
      const next = goneOn(execution, this.#table.bytesIn(part))
      if (next === undefined && !mayWait) return undefined
      execution = next ?? execution
    }
    return { execution, readAt }
  }
}

/** Without the slab in which its parts lie. */
function kept(execution: Execution): Execution {
  const resource = Buffer.allocUnsafeSlow(execution.resource.length)
  resource.set(execution.resource)
  return { ...execution, resource }
}
