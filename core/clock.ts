// Time, passed in: windows and deadlines run on the monotonic clock, so a wall clock that jumps changes nothing. Tests bring their own.

export interface Clock {
  /** Milliseconds that only ever go forward; the origin means nothing. */
  monotonicMs(): number
  now(): Date
  after(ms: number, run: () => void): { cancel(): void }
}

/** About 25 days. Node's timers count in 32 bits, and fire at once for anything longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  after(ms, run) {
    let timer: NodeJS.Timeout
    const wait = (leftMs: number): void => {
      if (leftMs <= LONGEST_TIMER_MS) timer = setTimeout(run, leftMs)
      else timer = setTimeout(() => wait(leftMs - LONGEST_TIMER_MS), LONGEST_TIMER_MS)
    }
    // What is due already: Node would warn of a negative time.
    wait(Math.max(0, ms))
    return { cancel: () => clearTimeout(timer) }
  },
}
