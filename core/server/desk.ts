// What a door's exchanges have in common: limits, the budget, who is asked for the origin, and the count of those that are open.

import type { ServerAuthenticator } from '../component.ts'
import type { Clock } from '../clock.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Audit, Guard } from './guard.ts'
import { type BodyRate, SlowBodies } from './slow-bodies.ts'

export interface DeskOptions extends Guard {
  /** After decompression. */
  readonly maxBodyBytes: number
  /** Of all requests together, by the capacity of what holds them. Doors may share one. */
  readonly budget: ByteBudget
  readonly clock: Clock
  readonly bodyRate: BodyRate
}

export class Desk {
  readonly maxBodyBytes: number
  readonly budget: ByteBudget
  readonly authenticator: ServerAuthenticator | undefined
  readonly audit: Audit | undefined
  readonly slowBodies: SlowBodies
  readonly clock: Clock
  /** The door is stopping: connections end with the answer they wait for. */
  closing = false
  /** Answers without an end of their own. */
  readonly streams: Set<{ finish(): void }> = new Set()
  #open = 0
  #onIdle: (() => void) | undefined

  constructor({ maxBodyBytes, budget, clock, authenticator, audit, bodyRate }: DeskOptions) {
    this.maxBodyBytes = maxBodyBytes
    this.budget = budget
    this.clock = clock
    this.authenticator = authenticator
    this.audit = audit
    this.slowBodies = new SlowBodies(bodyRate, clock)
  }

  opened(): void {
    this.#open++
  }

  closed(): void {
    if (--this.#open === 0) this.#onIdle?.()
  }

  /** Resolves when no answer is owed any more: a sender may have gone while its data is still on its way downstream. */
  idle(abort: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#open === 0 || abort.aborted) resolve()
    this.#onIdle = resolve
    abort.addEventListener('abort', () => resolve(), { once: true })
    return promise
  }
}
