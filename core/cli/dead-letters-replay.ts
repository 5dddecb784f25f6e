// `millrace deadletter replay`: offers letters once more, through the exporters of the configuration, in this process. What is taken is
// released; what is refused again stays.

import { systemClock } from '../clock.ts'
import type { ServiceConfig } from '../config/service.ts'
import { type ConsumeError, asConsumeError, PartialError, RetryableError } from '../errors.ts'
import { printable } from '../printable.ts'
import { createLog, type Log } from '../telemetry/log.ts'
import type { Asked } from './arguments.ts'
import type { LetterBox, WholeLetter } from './dead-letters-box.ts'
import { counted, tellMissing } from './dead-letters-shown.ts'
import { type Outlet, startOutlet } from './dead-letters-outlet.ts'
import { CommandError } from './queue-folders.ts'
import { FAILED, OK, type Terminal } from './terminal.ts'

/** How long one letter is tried, in milliseconds. */
const ONE_LETTER_MS = 30_000
/** Releases are synced together: so many, or as long as it takes, in milliseconds. A replay that is killed sends no more than these twice. */
const MOST_UNRELEASED = 100
const LONGEST_UNRELEASED_MS = 1000

export async function replayLetters(letters: LetterBox, asked: Asked, config: ServiceConfig, terminal: Terminal): Promise<number> {
  const err = (text: string): void => terminal.err(text)
  const known = [...config.exporters.keys()]
  if (asked.to !== undefined && !known.includes(asked.to))
    throw new CommandError(
      `no pipeline of this configuration ends in an exporter ${printable(asked.to, 100)}; accepted: ${known.join(', ')}`,
    )
  const { found, missing } = await letters.chosen()
  const log = createLog({ level: 'error', clock: systemClock, write: err })
  const replay = new Replay(letters, config, asked.to, log, err)
  try {
    for (const { position } of found) if (!(await replay.offer(position))) break
  } finally {
    await replay.end()
  }
  const stayed = found.length - replay.letters
  const rest = stayed === 0 ? '' : `; ${counted(stayed, 'letter')} ${stayed === 1 ? 'stays' : 'stay'}`
  terminal.out(`replayed ${counted(replay.letters, 'letter')} with ${counted(replay.items, 'item')}${rest}\n`)
  return tellMissing(missing, terminal) === OK && stayed === 0 ? OK : FAILED
}

class Replay {
  readonly #letters: LetterBox
  readonly #config: ServiceConfig
  readonly #to: string | undefined
  readonly #log: Log
  readonly #err: (text: string) => void
  readonly #outlets = new Map<string, Outlet>()
  #unreleased: number[] = []
  #releasedMs = 0
  /** That were taken, or that somebody else had released meanwhile. */
  letters = 0
  items = 0

  constructor(letters: LetterBox, config: ServiceConfig, to: string | undefined, log: Log, err: (text: string) => void) {
    this.#letters = letters
    this.#config = config
    this.#to = to
    this.#log = log
    this.#err = err
  }

  /** False where there is no sense in offering the next. */
  async offer(position: number): Promise<boolean> {
    const letter = await this.#letters.whole(position)
    if (letter === undefined)
      return this.#stays(position, 'it cannot be read: it is damaged, another version wrote it, or somebody else released it')
    const exporter = this.#to ?? letter.head.exporter
    if (!this.#config.exporters.has(exporter))
      return this.#stays(position, `no pipeline of this configuration ends in its exporter ${exporter}; choose another with --to ID`)
    const error = await this.#send(exporter, letter)
    const isTaken = error === undefined || (error instanceof PartialError && error.refused === 0)
    if (isTaken) {
      this.letters++
      this.items += letter.head.count
      await this.#release(position)
      return true
    }
    if (error instanceof PartialError)
      return this.#stays(
        position,
        `${error.refused} of ${letter.head.count} items were refused again, the others are there now: ${error.message}`,
      )
    this.#stays(
      position,
      error instanceof RetryableError
        ? `not taken now, the letters after it were not tried: ${error.message}`
        : `refused again: ${error.message}`,
    )
    return !(error instanceof RetryableError)
  }

  /** What was taken is released also where the rest failed. */
  async end(): Promise<void> {
    await this.#letters.release(this.#unreleased.splice(0))
    for (const outlet of this.#outlets.values()) await outlet.stop()
  }

  async #send(exporter: string, { batch, head }: WholeLetter): Promise<ConsumeError | undefined> {
    let outlet = this.#outlets.get(exporter)
    if (outlet === undefined) this.#outlets.set(exporter, (outlet = await startOutlet(this.#config, exporter, this.#log)))
    try {
      await outlet.consume({ ...batch, count: head.count }, systemClock.monotonicMs() + ONE_LETTER_MS)
      return undefined
    } catch (thrown) {
      return asConsumeError(thrown)
    }
  }

  async #release(position: number): Promise<void> {
    this.#unreleased.push(position)
    const now = systemClock.monotonicMs()
    if (this.#unreleased.length < MOST_UNRELEASED && now - this.#releasedMs < LONGEST_UNRELEASED_MS) return
    this.#releasedMs = now
    await this.#letters.release(this.#unreleased.splice(0))
  }

  #stays(position: number, why: string): true {
    this.#err(`${position}: ${printable(why, 2000)}\n`)
    return true
  }
}
