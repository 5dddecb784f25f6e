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
 * Members sorted by UTF-16 code units, no blanks, numbers and texts as ECMAScript writes them. Members that are `undefined` are left out and `toJSON` is
 * followed, as by JSON.stringify, so that a client's message and what is sent of it have one text.
 * `without` names a member of the outermost object that is not part of the text.
 * @throws NotCanonicalError for NaN and infinities, lone surrogates, integers that a double cannot hold, and nesting beyond the limit.
 */
export function canonicalJson(value: unknown, without?: string): string {
  isOdd = false
  leftOut = without
  // Engines write JSON several times faster than we do: what is in order is left to them, and what they would write otherwise is not.
  const ordered = inOrder(value, 0)
  const text = isOdd ? undefined : JSON.stringify(ordered)
  if (text !== undefined && !text.includes('\\ud')) return text
  if (without === undefined) return write(value, 0)
  return write({ ...(value as object), [without]: undefined }, 0)
}

/** What `without` named. */
let leftOut: string | undefined

/** What `inOrder` found is not for JSON.stringify. */
let isOdd = false

/** Past this, the engine's own sort is faster. */
const MAX_INSERTION_SORT = 32

/** The value with the members of every object in order; what is so already is not copied. */
function inOrder(value: unknown, depth: number): unknown {
  if (typeof value === 'object' && value !== null) {
    if (depth >= MAX_CANONICAL_DEPTH) isOdd = true
    if (isOdd) return null
    return Array.isArray(value) ? itemsInOrder(value, depth + 1) : membersInOrder(value as Record<string, unknown>, depth + 1)
  }
  if (typeof value === 'number' ? !Number.isFinite(value) : typeof value !== 'string' && typeof value !== 'boolean' && value !== null)
    isOdd = true
  return value
}

function itemsInOrder(items: readonly unknown[], depth: number): readonly unknown[] {
  let changed: unknown[] | undefined
  for (let i = 0; i < items.length; i++) {
    const item = inOrder(items[i], depth)
    if (item !== items[i]) (changed ??= items.slice())[i] = item
  }
  return changed ?? items
}

function membersInOrder(object: Readonly<Record<string, unknown>>, depth: number): object {
  const keys = Object.keys(object)
  if (typeof object['toJSON'] === 'function') isOdd = true
  let ordered: Record<string, unknown> | undefined = sortKeys(keys) ? {} : undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (depth === 1 && key === leftOut) {
      ordered ??= copyOf(object, keys, i)
      continue
    }
    // Engines put indices first whatever the order in which they were set, and this one name is none to assign to.
    if (isIndex(key) || key === '__proto__') isOdd = true
    const value = object[key]
    const own = inOrder(value, depth)
    if (own !== value) ordered ??= copyOf(object, keys, i)
    if (ordered !== undefined) ordered[key] = own
  }
  return ordered ?? object
}

/** Of the first `count` members. */
function copyOf(object: Readonly<Record<string, unknown>>, keys: readonly string[], count: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) copy[keys[i]!] = object[keys[i]!]
  return copy
}

/** False where they were in order. */
function sortKeys(keys: string[]): boolean {
  let isChanged = false
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!
    let j = i - 1
    if (keys[j]! <= key) continue
    isChanged = true
    if (keys.length > MAX_INSERTION_SORT) {
      keys.sort()
      break
    }
    for (; j >= 0 && keys[j]! > key; j--) keys[j + 1] = keys[j]!
    keys[j + 1] = key
  }
  return isChanged
}

/** Digits alone: more than the engines' indices, and nothing else. */
function isIndex(key: string): boolean {
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return key.length > 0
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
      if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), depth + 1)
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

/** A reader that keeps whole numbers exactly must not have one accepted of which only the nearest double was sealed: then others fit too. */
function bigintText(value: bigint): string {
  const text = String(Number(value))
  if (text !== String(value)) throw new NotCanonicalError('', 'a whole number that a double cannot hold')
  return text
}

function below(error: unknown, key: string): unknown {
  if (!(error instanceof NotCanonicalError)) return error
  return new NotCanonicalError(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${error.path}`, error.message)
}
