// Sizes as users write them (`64MiB`, `512KiB`, plain bytes). Schemas say `format: 'bytes'`.

const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
])
const SIZE = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{0,3})$/

/** What an error says would have been accepted. */
export const BYTES_ACCEPTED = 'a size such as 1048576, 512KiB or 64MiB'

/** Whole bytes. Throws a RangeError for anything that is not a size. */
export function parseBytes(text: string): number {
  const bytes = bytesOf(text)
  if (bytes === undefined) throw new RangeError(`found ${JSON.stringify(text)}; accepted: ${BYTES_ACCEPTED}`)
  return bytes
}

/** Whole bytes, or undefined for anything that is not a size. */
export function bytesOf(text: string): number | undefined {
  const match = SIZE.exec(text)
  const unit = UNIT_BYTES.get(match?.[2] ?? '')
  if (match === null || unit === undefined) return undefined
  const bytes = Number(match[1]) * unit
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
