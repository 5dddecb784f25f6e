// Time, passed in: windows and deadlines run on the monotonic clock, so a wall clock that jumps changes nothing. Tests bring their own.

export interface Clock {
  /** Milliseconds that only ever go forward; the origin means nothing. */
  monotonicMs(): number
  now(): Date
  after(ms: number, run: () => void): { cancel(): void }
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}
