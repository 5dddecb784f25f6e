// The ledger: what came into each pipeline, and for each destination where it went or why it did not. It adds up exactly:
//
//   received + restored + created = delivered + dropped + refused + dead-lettered + queued + in flight      for every pipeline and every destination of it
//
// Receivers keep an account of their own for what never reached a pipeline. Everything counts items: spans, data points, log records.

import { type ConsumeError, PartialError, PermanentError, RetryableError } from './errors.ts'

/** One line of the ledger. */
export interface LedgerRow {
  readonly pipeline: string
  readonly destination: string
  readonly received: number
  /** What an earlier run had taken, and left in the queue's storage: counted when it is read from there. */
  readonly restored: number
  /**
   * What began at a component of the pipeline, by component and reason: what it answered for, and offered again when it was refused. It is in
   * `refused` once for every refusal.
   */
  readonly created: Readonly<Record<string, number>>
  readonly delivered: number
  /** By component and reason, e.g. `filter: health check`. */
  readonly dropped: Readonly<Record<string, number>>
  /** The sender was told so, or the destination alone said no while others took it. */
  readonly refused: number
  /** The destination refused them for good, and the dead letters have them. */
  readonly deadLettered: number
  /** The sender has its answer; the destination's queue has the items, in its line or on their way. */
  readonly queued: number
  /** Whether what is queued outlives the process. */
  readonly durable: boolean
  readonly inFlight: number
}

export class Ledger {
  readonly #pipelines: PipelineAccount[] = []
  readonly #refusedAtDoor = new Map<string, Map<string, number>>()

  pipeline(id: string, destinations: readonly string[]): PipelineAccount {
    const account = new PipelineAccount(id, destinations)
    this.#pipelines.push(account)
    return account
  }

  /** Where what an earlier run left is written down: the configuration may have changed meanwhile. */
  restored(pipeline: string, destination: string): DestinationAccount {
    const account = this.#pipelines.find(({ id }) => id === pipeline) ?? this.pipeline(pipeline, [])
    return account.destination(destination)
  }

  /** Items that a component outside of the pipelines, such as a receiver, did not hand on. */
  dropAtDoor(component: string, count: number, reason: string): void {
    let reasons = this.#refusedAtDoor.get(component)
    if (reasons === undefined) this.#refusedAtDoor.set(component, (reasons = new Map()))
    reasons.set(reason, (reasons.get(reason) ?? 0) + count)
  }

  /** For each component, by reason, what it did not hand on into any pipeline. */
  atDoor(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    const all: Record<string, Record<string, number>> = Object.create(null)
    for (const [component, reasons] of this.#refusedAtDoor) all[component] = plain(reasons)
    return all
  }

  rows(): LedgerRow[] {
    return this.#pipelines.flatMap((account) => account.rows())
  }

  pipelines(): readonly PipelineAccount[] {
    return this.#pipelines
  }
}

export class PipelineAccount {
  readonly id: string
  readonly #destinations = new Map<string, DestinationAccount>()
  readonly #dropped = new Map<string, number>()
  readonly #created = new Map<string, number>()
  #received = 0
  /** Refused by the pipeline itself, before any destination was asked. */
  #refused = 0

  constructor(id: string, destinations: readonly string[]) {
    this.id = id
    for (const destination of destinations) this.destination(destination)
  }

  destination(id: string): DestinationAccount {
    let account = this.#destinations.get(id)
    if (account === undefined) this.#destinations.set(id, (account = new DestinationAccount(this.id)))
    return account
  }

  destinations(): Iterable<readonly [id: string, account: DestinationAccount]> {
    return this.#destinations
  }

  receive(count: number): void {
    this.#received += count
  }

  drop(component: string, count: number, reason: string): void {
    add(this.#dropped, component, count, reason)
  }

  create(component: string, count: number, reason: string): void {
    add(this.#created, component, count, reason)
  }

  /**
   * `count` items go back to their sender with `error`, unless it is of what is in an account already. Returns what to throw: a new error,
   * for a component may throw the same one again for other items.
   */
  refuse(count: number, error: ConsumeError): ConsumeError {
    if (isAccounted(error)) return error
    this.#refused += error instanceof PartialError ? Math.min(error.refused, count) : count
    return markAccounted(copyOf(error))
  }

  rows(): LedgerRow[] {
    const droppedCount = sumOf(this.#dropped)
    const createdCount = sumOf(this.#created)
    return [...this.#destinations].map(([destination, account]) => {
      const { restored, delivered, deadLettered, queued, durable } = account
      const fates = delivered + droppedCount + account.refused + this.#refused + deadLettered + queued
      return {
        pipeline: this.id,
        destination,
        received: this.#received,
        restored,
        created: plain(this.#created),
        delivered,
        dropped: plain(this.#dropped),
        refused: account.refused + this.#refused,
        deadLettered,
        queued,
        durable,
        inFlight: this.#received + restored + createdCount - fates,
      }
    })
  }
}

export class DestinationAccount {
  readonly pipeline: string
  restored = 0
  delivered = 0
  refused = 0
  /** Of the refused ones, those for which the queue had no room. */
  overflowed = 0
  deadLettered = 0
  queued = 0
  /** Whether what is queued outlives the process. */
  durable = false

  constructor(pipeline: string) {
    this.pipeline = pipeline
  }
}

const accounted = new WeakSet<Error>()

/** Marks an error whose items are in a destination's account, so that nobody on the way back counts them again. */
export function markAccounted<E extends Error>(error: E): E {
  accounted.add(error)
  return error
}

function copyOf(cause: ConsumeError): ConsumeError {
  if (cause instanceof PermanentError) return new PermanentError(cause.message, { cause })
  const chunks = cause.chunks === undefined ? {} : { chunks: cause.chunks }
  if (cause instanceof PartialError) return new PartialError(cause.refused, cause.message, { cause, ...chunks })
  const { retryAfterMs } = cause
  return new RetryableError(cause.message, { cause, ...chunks, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

/** An error made on the way back, for one of several merged senders, carries the one it was made from as its cause. */
function isAccounted(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (accounted.has(e)) return true
  return false
}

function add(counts: Map<string, number>, component: string, count: number, reason: string): void {
  const key = `${component}: ${reason}`
  counts.set(key, (counts.get(key) ?? 0) + count)
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}

/** Reasons come from plugins, and one may be `__proto__`. */
function plain(counts: ReadonlyMap<string, number>): Record<string, number> {
  const all: Record<string, number> = Object.create(null)
  for (const [key, count] of counts) all[key] = count
  return all
}
