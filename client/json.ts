// JSON of whatever an application hands over: what JSON has no word for becomes text instead of an error.

/** @throws what a getter or a `toJSON` of the application's throws. */
export function jsonOf(value: object): string {
  const text = textOf(value)
  // What is none would spoil the messages that travel with it.
  if (text === undefined) throw new TypeError('it has a toJSON that makes nothing of it')
  return text
}

function textOf(value: object): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return JSON.stringify(plain(value, []))
  }
}

/** In words what was thrown, or handed over, whatever it is. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'something that cannot be written as text'
  }
}

/** A copy that JSON.stringify takes: big integers as digits, what contains itself cut off. */
function plain(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[circular]'
  if (above.length >= 50) return '[too deep]'
  const within = [...above, value]
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON(), within)
  if (Array.isArray(value)) return value.map((item) => plain(item, within))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, within)]))
}

/** How many bytes a text has in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    // Of a surrogate pair each half counts two.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1
  }
  return bytes
}
