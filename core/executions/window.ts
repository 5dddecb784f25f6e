// Measurements of messages that may write one series: they wait a few milliseconds for each other and leave as one request, and their senders
// are answered when it was taken. Intake uses it where an execution's id is no attribute of its measurements.

import type { Origin } from '../batch.ts'
import type { Clock } from '../clock.ts'
import { type Identity, MetricsWindow } from '../mplp/index.ts'
import { failureOf, type Failure, type Round } from './round.ts'

/** A message, what it measured, and its execution. */
export type Measured = Parameters<MetricsWindow['add']>

interface Open {
  readonly window: MetricsWindow
  readonly fate: PromiseWithResolvers<Failure | undefined>
  deadlineMs: number
}

export class MeasurementWindows {
  readonly #identity: Identity
  readonly #windowMs: number
  readonly #clock: Clock
  readonly #newRound: () => Round
  readonly #open = new Map<Origin, Open>()

  constructor(identity: Identity, windowMs: number, clock: Clock, newRound: () => Round) {
    this.#identity = identity
    this.#windowMs = windowMs
    this.#clock = clock
    this.#newRound = newRound
  }

  /** Settles with why what the message measured was not taken; undefined where it measured nothing. */
  add(origin: Origin, deadlineMs: number, ...measured: Measured): Promise<Failure | undefined> | undefined {
    if (measured[1].count === 0) return undefined
    let open = this.#open.get(origin)
    if (open === undefined) {
      const opened: Open = { window: new MetricsWindow(this.#identity), fate: Promise.withResolvers(), deadlineMs }
      this.#open.set(origin, (open = opened))
      this.#clock.after(this.#windowMs, () => void this.#send(origin, opened).then(opened.fate.resolve))
    }
    open.window.add(...measured)
    open.deadlineMs = Math.min(open.deadlineMs, deadlineMs)
    return open.fate.promise
  }

  async #send(origin: Origin, { window, deadlineMs }: Open): Promise<Failure | undefined> {
    this.#open.delete(origin)
    const measured = window.take()
    if (measured === undefined) return undefined
    const round = this.#newRound()
    const place = round.add('metrics', origin, measured)
    await round.send(deadlineMs)
    return place && failureOf([place])
  }
}
