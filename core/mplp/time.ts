// RFC 3339 times to nanoseconds since 1970, without losing a digit: Date.parse stops at milliseconds. Whoever reads a message calls it.
//
//   2025-09-03T10:02:30.000000001+02:00
//
// Source: RFC 3339, section 5.6

const LAST = 18_446_744_073_709_551_615n
const TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/
const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
export const ACCEPTED_TIME = 'an RFC 3339 time from 1970 on, with at most nine digits behind the second'

/** Nanoseconds since 1970, or undefined for what is no such time. A leap second is the second after it, as everywhere in Unix time. */
export function parseTime(text: string): bigint | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])]
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60) return undefined
  const [offsetHours, offsetMinutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)]
  if (offsetHours > 23 || offsetMinutes > 59) return undefined
  const offset = (match[8] === '-' ? -1 : 1) * (offsetHours * 3600 + offsetMinutes * 60)
  // setUTCFullYear, because Date.UTC takes the years 0 to 99 for 1900 to 1999.
  const seconds = (year < 100 ? -1 : Date.UTC(year, month - 1, day, hour, minute, 0) / 1000) + second - offset
  if (seconds < 0) return undefined
  const nanos = BigInt(seconds) * 1_000_000_000n + BigInt((match[7] ?? '').padEnd(9, '0'))
  return nanos <= LAST ? nanos : undefined
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return DAYS_IN_MONTH[month - 1]!
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
}
