// Times as messages have them: RFC 3339 with microseconds. An execution takes its times from one anchor, so that its end never lies before its start,
// nor a child's start before its parent's, when the computer's clock is set.

export interface Anchor {
  /** Milliseconds since 1970, and what `performance.now()` was then. */
  readonly wallMs: number
  readonly monotonicMs: number
  /** What it said last: a clock that is set far ahead may be set back again. */
  lastMicros: number
}

export function anchorNow(): Anchor {
  return { wallMs: Date.now(), monotonicMs: performance.now(), lastMicros: 0 }
}

/** A computer that slept, or whose clock was set, is this far ahead. */
const MAX_BEHIND_MS = 1000

/** Microseconds since 1970: by the anchor, unless the monotonic clock stood still while the computer slept. Never back. */
export function microsSince(anchor: Anchor): number {
  const { wallMs, monotonicMs } = anchor
  const byAnchorMs = wallMs + performance.now() - monotonicMs
  const nowMs = Date.now()
  const micros = Math.round((nowMs > byAnchorMs + MAX_BEHIND_MS ? nowMs : byAnchorMs) * 1000)
  return (anchor.lastMicros = Math.max(anchor.lastMicros, micros))
}

/** A time that the application gives: a `Date`, or milliseconds since 1970. */
export function microsOf(time: Date | number): number {
  return Math.round(Number(time) * 1000)
}

/** The second that was written last, for most times lie in the same as the one before. */
let lastSecond = Number.NaN
let lastText = ''

/** @throws RangeError for what is no time. */
export function rfc3339(micros: number): string {
  const second = Math.floor(micros / 1_000_000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, 19)
    lastSecond = second
  }
  return `${lastText}.${String(micros - second * 1_000_000).padStart(6, '0')}Z`
}
