// A secret that stands in a file, read again when the file changes: authenticators hold one each, and ask it whenever they need the text.

import { type Stats, readFileSync, statSync } from 'node:fs'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import { whyUnreadable } from '../unreadable.ts'

/** How long what was read is believed without a look. */
const LOOK_EVERY_MS = 1000
/** A longer file is no secret but a mistake. */
const MAX_BYTES = 1024 * 1024

export class SecretFile {
  readonly #key: string
  readonly #file: string
  readonly #clock: Clock
  readonly #log: Logger
  #text: string | undefined
  #state = ''
  #lookedMs = 0

  /** `key`: how errors name the setting. */
  constructor(key: string, file: string, clock: Clock, log: Logger) {
    this.#key = key
    this.#file = file
    this.#clock = clock
    this.#log = log
  }

  /**
   * Without line breaks and blanks around it. What cannot be read any more is a warning, once, and what was there stays in use.
   * @throws Error in words where it cannot be read the first time, or is empty.
   */
  text(): string {
    const nowMs = this.#clock.monotonicMs()
    if (this.#text !== undefined && nowMs - this.#lookedMs < LOOK_EVERY_MS) return this.#text
    this.#lookedMs = nowMs
    const state = stateOf(this.#file)
    if (this.#text !== undefined && state === this.#state) return this.#text
    this.#state = state
    try {
      this.#text = this.#read()
    } catch (error) {
      if (this.#text === undefined) throw error
      this.#log.warn({ reason: (error as Error).message }, 'a changed file cannot be used; what it held stays')
    }
    return this.#text
  }

  #read(): string {
    const name = `${this.#key} ${JSON.stringify(this.#file)}`
    let text: string
    try {
      if (statSync(this.#file).size > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`)
      text = readFileSync(this.#file, 'utf8').trim()
    } catch (error) {
      throw new Error(`${name} cannot be read: ${whyUnreadable(error as NodeJS.ErrnoException)}`, { cause: error })
    }
    if (text === '') throw new Error(`${name} is empty`)
    return text
  }
}

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs }: Stats = statSync(file)
    return [ino, size, mtimeMs, ctimeMs].join(':')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
