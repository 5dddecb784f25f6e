// Messages that some pipelines have taken and others could not take now: their senders are told to send them again, and then what was taken shall not be
// taken twice. Intake asks. It is in memory: after a crash it may be.

import type { Clock } from '../clock.ts'
import { FairShare } from './fair-share.ts'
import { senderIn } from './message-key.ts'
import { failureOf } from './round.ts'
import type { Taking, Way } from './taking.ts'

/** As many messages, for so long: a sender that is told to come again does so within seconds. */
const MOST = 10_000
const FOR_MS = 600_000

const NONE: ReadonlySet<Way> = new Set()

export class HalfTaken {
  readonly #kept: FairShare<string, { readonly content: string; readonly ways: ReadonlySet<Way> }>

  constructor(clock: Clock) {
    this.#kept = new FairShare({ most: MOST, forMs: FOR_MS, clock, forgotten: () => {} })
  }

  of(key: string, content: string): ReadonlySet<Way> {
    const kept = this.#kept.get(senderIn(key), key)
    return kept?.content === content ? kept.ways : NONE
  }

  add({ key, content, places, isWindowTaken, taken }: Taking): void {
    const ways = new Set(taken)
    for (const place of places) if (failureOf([place]) === undefined) ways.add(place.load.signal)
    if (isWindowTaken) ways.add('window')
    if (ways.size > 0) this.#kept.set(senderIn(key), key, { content, ways })
  }
}
