// The header `Retry-After` of an answer: exporters honour it before their own back-off. RFC 9110, 10.2.3: seconds, or a date.

/** Longer wishes are not believed: a wrong clock somewhere must not park data for a year. */
const MAX_MS = 3_600_000
const SECONDS = /^\d{1,12}$/

/** Milliseconds from `now`; undefined where the header is missing or neither. */
export function retryAfterMs(header: string | readonly string[] | undefined, now: Date): number | undefined {
  const text = (typeof header === 'string' ? header : header?.[0])?.trim()
  if (text === undefined || text === '') return undefined
  const ms = SECONDS.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_MS)
}
