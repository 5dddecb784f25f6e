// A fault that comes again and again is one line and a count: a backend that is down must not fill the disk with its name. The log uses it
// for warnings and errors.

import type { Clock } from '../clock.ts'

/** How long a line stands for all others like it, in milliseconds. */
export const REPEAT_MS = 10_000
/** Different lines that are remembered at once; with more, some are written again. */
const MAX_REMEMBERED = 1000

interface Remembered {
  suppressed: number
  last: (repeated: number) => void
  readonly timer: { cancel(): void }
}

export class Repeats {
  readonly #clock: Pick<Clock, 'after'>
  readonly #remembered = new Map<string, Remembered>()

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** Writes the first line of a key at once; of those that follow within REPEAT_MS the last, with how many it stands for. */
  line(key: string, write: (repeated: number) => void): void {
    const known = this.#remembered.get(key)
    if (known !== undefined) {
      known.suppressed++
      known.last = write
      return
    }
    if (this.#remembered.size >= MAX_REMEMBERED) this.flush()
    write(0)
    this.#remember(key, write)
  }

  /** Writes what was held back. */
  flush(): void {
    for (const { timer, suppressed, last } of this.#remembered.values()) {
      timer.cancel()
      if (suppressed > 0) last(suppressed)
    }
    this.#remembered.clear()
  }

  #remember(key: string, write: (repeated: number) => void): void {
    const timer = this.#clock.after(REPEAT_MS, () => {
      const { suppressed, last } = this.#remembered.get(key)!
      this.#remembered.delete(key)
      if (suppressed === 0) return
      last(suppressed)
      this.#remember(key, last) // it still goes on
    })
    this.#remembered.set(key, { suppressed: 0, last: write, timer })
  }
}
