// Hands on the executions that end without a message that waits for it: overdue ones, and at the end of the process all that are left. What
// downstream cannot take now is offered again.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import { type Ending, spanOf } from '../mplp/index.ts'
import type { OpenExecution } from './execution.ts'
import { failureOf, type Place, type Round } from './round.ts'
import type { ExecutionTable } from './table.ts'

export interface DepartureTools {
  readonly table: ExecutionTable
  readonly clock: Clock
  readonly log: Logger
  readonly newRound: () => Round
  /** Its span was taken, or can never be. Settles when that survives a crash, where something does. */
  readonly left: (execution: OpenExecution, how: Ending['how']) => Promise<void>
}

/** Spans that travel together. */
const MOST_AT_ONCE = 500
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 30_000

export class Departures {
  readonly #tools: DepartureTools
  readonly #waiting = new Map<OpenExecution, Ending['how']>()
  #going: Promise<void> | undefined
  #delayMs = 0
  #timer: { cancel(): void } | undefined
  #stopped = false

  constructor(tools: DepartureTools) {
    this.#tools = tools
  }

  add(executions: readonly OpenExecution[], how: Ending['how']): void {
    for (const execution of executions) if (this.#waiting.get(execution) !== 'timeout') this.#waiting.set(execution, how)
    if (this.#timer === undefined) this.#go()
  }

  /** A message has ended it, or it is gone. */
  remove(execution: OpenExecution): void {
    this.#waiting.delete(execution)
  }

  /** Offers everything in `executions` once more, and then nothing. Settles with how many could not be handed on. */
  async handOnAll(executions: Iterable<OpenExecution>, deadlineMs: number): Promise<number> {
    await this.stop()
    const all = [...executions]
    for (const execution of all) if (this.#waiting.get(execution) !== 'timeout') this.#waiting.set(execution, 'interrupted')
    for (let from = 0; from < all.length; from += MOST_AT_ONCE) {
      const isTaken = await this.#offer(this.#first(), deadlineMs)
      if (!isTaken) break
    }
    return this.#waiting.size
  }

  /** Waits for what is on its way. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#going
  }

  #go(): void {
    this.#going ??= this.#offerAll().finally(() => (this.#going = undefined))
  }

  async #offerAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#stopped) {
      const some = this.#first()
      if (some.length > 0 && (await this.#offer(some, Infinity))) {
        this.#delayMs = 0
        continue
      }
      this.#delayMs = Math.min(LONGEST_DELAY_MS, Math.max(FIRST_DELAY_MS, this.#delayMs * 2))
      this.#timer = this.#tools.clock.after(this.#delayMs, () => {
        this.#timer = undefined
        this.#go()
      })
      return
    }
  }

  /** Without those whose span is on its way already, with the message that ends them: should that fail, their turn comes again. */
  #first(): (readonly [OpenExecution, Ending['how']])[] {
    const some: (readonly [OpenExecution, Ending['how']])[] = []
    for (const [execution, why] of this.#waiting) {
      if (execution.leaving !== undefined) continue
      const how = execution.hasFinish ? 'finished' : why
      // Its finish was taken back.
      if (how === 'finished' && !execution.hasFinish) this.#waiting.delete(execution)
      else if (some.push([execution, how]) === MOST_AT_ONCE) break
    }
    return some
  }

  /** False where some must be offered again. */
  async #offer(some: readonly (readonly [OpenExecution, Ending['how']])[], deadlineMs: number): Promise<boolean> {
    const { table, clock, log, newRound, left } = this.#tools
    const round = newRound()
    const time = BigInt(clock.now().getTime()) * 1_000_000n
    const { promise: left_, resolve } = Promise.withResolvers<void>()
    const going: [OpenExecution, Ending['how'], Place | undefined][] = []
    for (const [execution, how] of some) {
      const bytes = spanOf(execution.id, table.bytesOf(execution), how === 'finished' ? { how } : { how, time })
      execution.leaving = left_
      going.push([execution, how, round.add('traces', execution.origin, { bytes, count: 1 })])
    }
    await round.send(deadlineMs)
    let again = 0
    for (const [execution, how, place] of going) {
      const failure = place && failureOf([place])
      if (failure?.name === 'RetryableError') {
        execution.leaving = undefined
        again++
        continue
      }
      if (failure !== undefined)
        log.error({ reason: failure.message, execution: execution.id }, 'the span of an execution is refused for good')
      this.#waiting.delete(execution)
      // Until it is gone, whatever comes for it waits: an end would make a second span.
      await left(execution, how)
    }
    resolve()
    return again === 0
  }
}
