// RFC 8785 (JSON Canonicalization Scheme): the one text that stands for a JSON value, over which digests, seals and signatures of protocol
// messages are made. `MessageTrust` calls it for what comes in, `signMessage` for what goes out. It needs nothing but the language.

/** A value that RFC 8785 gives no text for. `path` is a JSON pointer. */
export class NotCanonicalError extends Error {
  override readonly name = 'NotCanonicalError'
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

/** Deeper than any message that the protocol describes, and far from the end of the stack. */
export const MAX_CANONICAL_DEPTH = 100

/**
 * Members sorted by UTF-16 code units, no blanks, numbers and texts as ECMAScript writes them. Members that are `undefined` are left out, as
 * JSON.stringify does.
 * @throws NotCanonicalError for NaN and infinities, lone surrogates, integers that a double cannot hold, and nesting beyond the limit.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0)
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value)
    case 'number':
      return numberText(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      return bigintText(value)
    case 'object':
      if (value === null) return 'null'
      if (depth >= MAX_CANONICAL_DEPTH) throw new NotCanonicalError('', `nested deeper than ${MAX_CANONICAL_DEPTH} levels`)
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value as Record<string, unknown>, depth + 1)
    default:
      throw new NotCanonicalError('', `${typeof value} is no JSON value`)
  }
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ','
    try {
      text += write(items[i], depth)
    } catch (error) {
      throw below(error, String(i))
    }
  }
  return `${text}]`
}

function writeObject(object: Readonly<Record<string, unknown>>, depth: number): string {
  const keys = Object.keys(object).sort()
  let text = ''
  for (const key of keys) {
    const value = object[key]
    if (value === undefined) continue
    try {
      text += text === '' ? `${quote(key)}:${write(value, depth)}` : `,${quote(key)}:${write(value, depth)}`
    } catch (error) {
      throw below(error, key)
    }
  }
  return `{${text}}`
}

/** What is written with an escape, or must be looked at: controls, the quote, the backslash, surrogates. */
const SPECIAL = /[\u0000-\u001f"\\\ud800-\udfff]/ // oxlint-disable-line no-control-regex -- they are what is looked for

function quote(text: string): string {
  if (!SPECIAL.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw new NotCanonicalError('', 'a text with a lone surrogate')
  return JSON.stringify(text)
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) throw new NotCanonicalError('', `${value} is no JSON number`)
  return value === 0 ? '0' : String(value)
}

/** A reader that keeps whole numbers exactly must not have one accepted of which only the nearest double was sealed. */
function bigintText(value: bigint): string {
  const double = Number(value)
  if (!Number.isFinite(double) || BigInt(double) !== value) throw new NotCanonicalError('', 'a whole number that a double cannot hold')
  return String(double)
}

function below(error: unknown, key: string): unknown {
  if (!(error instanceof NotCanonicalError)) return error
  return new NotCanonicalError(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${error.path}`, error.message)
}
