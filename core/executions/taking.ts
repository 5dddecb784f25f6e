// A message on its way downstream: intake.ts has one for each that it has begun and cannot answer yet.

import type { Signal } from '../batch.ts'
import type { Message } from '../mplp/index.ts'
import type { Reference } from './answer.ts'
import type { KeptPart, OpenExecution } from './execution.ts'
import type { BeingTaken } from './known-messages.ts'
import type { Failure, Place } from './round.ts'

/** Where what a message produces goes: into the pipelines of a signal, or first into the window of measurements. */
export type Way = Signal | 'window'

/** One on its way: nothing here holds on to what was sent, for many may be. */
export class Taking implements Sent, BeingTaken {
  readonly reference: Reference
  readonly kind: Message['kind']
  readonly key: string
  readonly content: string
  readonly window: Promise<Failure | undefined> | undefined
  readonly part: KeptPart | undefined
  readonly execution: OpenExecution | undefined
  readonly taken: ReadonlySet<Way>
  readonly places: Place[] = []
  isWindowTaken = false
  /** Its execution's span travels with it. */
  ends = false
  #fate: PromiseWithResolvers<void> | undefined

  constructor({ reference, kind, key, content, window, part, execution, taken }: Sent) {
    this.reference = reference
    this.kind = kind
    this.key = key
    this.content = content
    this.window = window
    this.part = part
    this.execution = execution
    this.taken = taken
  }

  /** Few wait for one: only then there is something to wait for. */
  get settled(): Promise<void> {
    this.#fate ??= Promise.withResolvers<void>()
    return this.#fate.promise
  }

  settle(): void {
    this.#fate?.resolve()
  }
}

export interface Sent {
  readonly reference: Reference
  readonly kind: Message['kind']
  readonly key: string
  readonly content: string
  readonly window: Promise<Failure | undefined> | undefined
  readonly part: KeptPart | undefined
  readonly execution: OpenExecution | undefined
  /** The ways that the same message has gone before, when others were closed: it does not go there again. */
  readonly taken: ReadonlySet<Way>
}
