// RFC 3339 times to nanoseconds since 1970, without losing a digit: Date.parse stops at milliseconds. Whoever reads a message calls it.
//
//   2025-09-03T10:02:30.000000001+02:00
//
// Source: RFC 3339, section 5.6

import { isDigit } from '../otlp/json-scanner.ts'

/** What 64 bits of nanoseconds hold: 2554-07-21T23:34:33.709551615Z. */
const LAST_SECOND = 18_446_744_073
const LAST_NANO = 709_551_615
const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
export const ACCEPTED_TIME = 'an RFC 3339 time from 1970 to 2554, with at most nine digits behind the second'

/** What `read` found last: module variables, because a result object for each would cost more than the digits. */
let seconds = 0
let nanos = 0
/** The day that was read last, as written, and in seconds since 1970: one comes thousands of times. */
let lastDay = ''
let lastDaySeconds = 0

/** Nanoseconds since 1970, or undefined for what is no such time. A leap second is the second after it, as everywhere in Unix time. */
export function parseTime(text: string): bigint | undefined {
  return read(text) ? BigInt(seconds) * 1_000_000_000n + BigInt(nanos) : undefined
}

export function isTime(text: string): boolean {
  return read(text)
}

function read(text: string): boolean {
  if (text.length < 20 || text.length > 35) return false
  const separator = text.charCodeAt(10) | 0x20
  if ((separator !== 0x74 && separator !== 0x20) || text[13] !== ':' || text[16] !== ':') return false
  const day = daySeconds(text)
  const [hour, minute, second] = [digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)]
  if (Number.isNaN(day) || !(hour <= 23) || !(minute <= 59) || !(second <= 60)) return false
  const zone = fraction(text)
  const offset = zone < 0 ? Number.NaN : offsetAt(text, zone)
  seconds = day + hour * 3600 + minute * 60 + second - offset
  return seconds >= 0 && (seconds < LAST_SECOND || (seconds === LAST_SECOND && nanos <= LAST_NANO))
}

/** NaN for what is no day. */
function daySeconds(text: string): number {
  const written = text.slice(0, 10)
  if (written === lastDay) return lastDaySeconds
  const [year, month, day] = [digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)]
  if (text[4] !== '-' || text[7] !== '-' || !(year >= 1969 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)))
    return Number.NaN
  lastDay = written
  lastDaySeconds = Date.UTC(year, month - 1, day) / 1000
  return lastDaySeconds
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return DAYS_IN_MONTH[month - 1]!
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
}

/** Sets `nanos`; returns where the zone begins, or -1. */
function fraction(text: string): number {
  nanos = 0
  if (text[19] !== '.') return 19
  let p = 20
  let unit = 1e8
  for (; p < text.length && isDigit(text.charCodeAt(p)); p++) {
    nanos += (text.charCodeAt(p) - 0x30) * unit
    unit /= 10
  }
  return p > 20 && p <= 29 ? p : -1
}

/** In seconds; NaN for what is no zone. */
function offsetAt(text: string, p: number): number {
  const first = text.charCodeAt(p)
  if ((first | 0x20) === 0x7a) return text.length === p + 1 ? 0 : Number.NaN
  if ((first !== 0x2b && first !== 0x2d) || text.length !== p + 6 || text[p + 3] !== ':') return Number.NaN
  const [hours, minutes] = [digits(text, p + 1, 2), digits(text, p + 4, 2)]
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN
  return (first === 0x2d ? -1 : 1) * (hours * 3600 + minutes * 60)
}

/** NaN where there are others than digits. */
function digits(text: string, start: number, count: number): number {
  let value = 0
  for (let p = start; p < start + count; p++) {
    const code = text.charCodeAt(p)
    if (!isDigit(code)) return Number.NaN
    value = value * 10 + code - 0x30
  }
  return value
}
