// A message on its way downstream: intake.ts has one for each that it has begun and cannot answer yet.

import type { Message } from '../mplp/index.ts'
import type { Reference } from './answer.ts'
import type { KeptPart, OpenExecution } from './execution.ts'
import type { BeingTaken } from './known-messages.ts'
import type { Failure, Place } from './round.ts'

/** One on its way: nothing here holds on to what was sent, for many may be. */
export class Taking implements Sent, BeingTaken {
  readonly reference: Reference
  readonly kind: Message['kind']
  readonly key: string
  readonly content: string
  readonly window: Promise<Failure | undefined> | undefined
  readonly part: KeptPart | undefined
  readonly execution: OpenExecution | undefined
  readonly places: Place[] = []
  /** Its execution's span travels with it. */
  ends = false
  #fate: PromiseWithResolvers<void> | undefined

  constructor({ reference, kind, key, content, window, part, execution }: Sent) {
    this.reference = reference
    this.kind = kind
    this.key = key
    this.content = content
    this.window = window
    this.part = part
    this.execution = execution
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
}
