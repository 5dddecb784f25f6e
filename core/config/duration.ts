// Durations as users write them (`200ms`, `1m30s`): the grammar of Go's time.ParseDuration, without a sign. Schemas say `format: 'duration'`.

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3], // U+00B5, micro sign
  ['μs', 1e-3], // U+03BC, Greek mu
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/** What an error says would have been accepted. */
export const DURATION_ACCEPTED = 'a duration such as 200ms, 5s, 1m30s or 2h'

/** Milliseconds, with fractions. Throws a RangeError for anything that is not a duration. */
export function parseDuration(text: string): number {
  const ms = durationOf(text)
  if (ms === undefined) throw new RangeError(`found ${JSON.stringify(text)}; accepted: ${DURATION_ACCEPTED}`)
  return ms
}

/** Milliseconds, or undefined for anything that is not a duration. */
export function durationOf(text: string): number | undefined {
  if (text === '0') return 0
  if (text === '' || text.length > 64) return undefined
  let total = 0
  PART.lastIndex = 0
  while (PART.lastIndex < text.length) {
    const part = PART.exec(text)
    if (part === null) return undefined
    total += Number(part[1]) * UNIT_MS.get(part[2]!)!
  }
  return Number.isFinite(total) ? total : undefined
}
