// An execution that has begun and not ended, as the table keeps it: its parts in bytes, and what a list of executions shows of it.

import type { Origin } from '../batch.ts'
import type { Position } from '../storage.ts'
import type { Lodger } from './slabs.ts'

/** What one message added. */
export interface KeptPart extends Lodger {
  /** By which message it came, and a digest of what that said: for whoever remembers messages across a restart. */
  readonly key: string
  readonly content: string
  /** In the log, where there is one. */
  position: Position | undefined
  /** Downstream has taken what the message produced beside it. */
  accepted: boolean
}

export interface OpenExecution {
  /** Grows with every execution that is opened. */
  readonly number: number
  /** Trace id and span id, in hex. */
  readonly id: string
  /** The tenant that connections and tokens named: nobody else's messages reach it. */
  readonly realm: string
  /** Its span's. The tenant is the realm's, or where that names none what the execution's messages say. */
  origin: Origin
  /** On the monotonic clock, and by the wall's. */
  readonly openedMs: number
  readonly openedAtMs: number
  /** In the order in which they came. */
  parts: KeptPart[]
  /** What it takes in memory, roughly. */
  bytes: number
  hasStart: boolean
  hasFinish: boolean
  /** As its messages said last; empty where none did. */
  service: string
  operation: string
  status: string
  /** Set while its span is on its way: whatever comes for it waits. Never rejects. */
  leaving: Promise<void> | undefined
  /** Its span was taken, and its end is being written, with all that was accepted before: what is accepted from now on adds nothing to it. */
  hasLeft: boolean
}

/** What an execution and each of its parts take beside their bytes: objects, ids, texts. */
export const EXECUTION_BYTES = 600
export const PART_BYTES = 250

export const traceIdOf = ({ id }: OpenExecution): string => id.slice(0, 32)
export const spanIdOf = ({ id }: OpenExecution): string => id.slice(32)

export function newPart(key: string, content: string, position?: Position): KeptPart {
  return { slab: undefined, start: 0, length: 0, key, content, position, accepted: position !== undefined }
}
