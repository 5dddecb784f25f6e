// Bodies of JSON to the messages in them: one, a list, or one a line. Receivers call it before anything else sees a byte, so that nothing
// behind it meets a depth, a number or a character that it cannot hold.

import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'

/** A fault of what was sent: `path` is a JSON pointer (RFC 6901), empty for the whole. */
export interface Fault {
  readonly path: string
  readonly message: string
}

/** One message's JSON, or why it is none. */
export type Json = ParsedJson | { readonly fault: Fault }
export interface ParsedJson {
  /** As JSON.parse reads it, which is also what RFC 8785 signs. */
  readonly value: unknown
  /** The same with integers past 2^53 as bigints. The very same object where there are none. */
  readonly exact: unknown
  /** Of its text as it was sent, without the blanks around it: the same whether it came alone, in a list or as a line. */
  readonly digest: string
}

type LookedOver = Omit<ParsedJson, 'digest'> | { readonly fault: Fault }

/** Lists and objects in one another: at most 28 of them, for each may be three messages of protobuf, and those may be 100 deep. */
export const MAX_JSON_DEPTH = 28
/** In one message: each of them may become a measurement, which takes a hundred times what it takes in JSON. */
export const MAX_JSON_VALUES = 20_000
/** In characters, the paths of all values of one message: some become names with every key above them. */
const MAX_NAMED = 2_000_000
/** Below this a body is parsed before its depth is known: it cannot be deep enough to cost anything. */
const SMALL = 65_536

/** The messages of a body: `json` is one or a list of them, `lines` one a line. Lazy, so that answers can begin before the end. */
export function* readJson(body: Uint8Array, form: 'json' | 'lines'): Generator<Json, void, undefined> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const whole = isUtf8(bytes)
  if (form === 'lines') yield* readLines(bytes, whole)
  else if (!whole) yield faultOf('the body is not UTF-8')
  else yield* readOne(bytes)
}

function* readOne(bytes: Buffer): Generator<Json, void, undefined> {
  const parsed = parse(bytes, 0, bytes.length)
  if ('fault' in parsed) return yield parsed
  const { value: list, text } = parsed
  if (!Array.isArray(list))
    return yield withDigest(
      lookedOver(list, () => JSON.parse(text, exactly)),
      bytes,
    )
  // Each for itself: what is wrong in one leaves its neighbours.
  let exact: unknown[] | undefined
  const texts = elementsIn(bytes)
  for (let i = 0; i < list.length; i++) {
    const ofElement = texts.next().value!
    yield withDigest(
      lookedOver(list[i], () => (exact ??= JSON.parse(text, exactly) as unknown[])[i]),
      ofElement,
    )
  }
}

function* readLines(bytes: Buffer, whole: boolean): Generator<Json, void, undefined> {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(0x0a, start)
    const end = found < 0 ? bytes.length : found
    const begin = start
    start = end + 1
    if (isBlank(bytes, begin, end)) continue
    yield whole || isUtf8(bytes.subarray(begin, end)) ? readLine(bytes, begin, end) : faultOf('the line is not UTF-8')
  }
}

function readLine(bytes: Buffer, start: number, end: number): Json {
  const parsed = parse(bytes, start, end)
  if ('fault' in parsed) return parsed
  return withDigest(
    lookedOver(parsed.value, () => JSON.parse(parsed.text, exactly)),
    bytes.subarray(start, end),
  )
}

function withDigest(looked: LookedOver, text: Buffer): Json {
  return 'fault' in looked ? looked : { value: looked.value, exact: looked.exact, digest: hash('sha256', trimmed(text), 'base64') }
}

function trimmed(text: Buffer): Buffer {
  let [start, end] = [0, text.length]
  while (start < end && text[start]! <= 0x20) start++
  while (end > start && text[end - 1]! <= 0x20) end--
  return text.subarray(start, end)
}

/** The texts of the elements of a list, which is JSON. */
function* elementsIn(list: Buffer): Generator<Buffer, void, undefined> {
  let depth = 0
  let start = list.indexOf(0x5b) + 1
  for (let p = start; p < list.length; p++) {
    const byte = list[p]!
    if (byte === 0x22) for (p++; list[p] !== 0x22; p++) p += list[p] === 0x5c ? 1 : 0
    else if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) depth--
    if (depth >= 0 && (byte !== 0x2c || depth > 0)) continue
    yield list.subarray(start, p)
    start = p + 1
    if (depth < 0) return
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  let p = start
  while (p < end && (bytes[p] === 0x20 || bytes[p] === 0x09 || bytes[p] === 0x0d)) p++
  return p === end
}

interface Parsed {
  readonly value: unknown
  readonly text: string
}

function parse(bytes: Buffer, start: number, end: number): Parsed | { readonly fault: Fault } {
  // A list of messages is one level more than a message.
  if (end - start > SMALL && isDeep(bytes, start, end)) return tooDeep()
  const text = bytes.toString('utf8', start, end)
  try {
    return { value: JSON.parse(text), text }
  } catch (error) {
    return faultOf(`not JSON: ${(error as Error).message.slice(0, 200)}`)
  }
}

/** `exact` is asked for where a double is not enough. */
function lookedOver(value: unknown, exact: () => unknown): LookedOver {
  values = 0
  named = 0
  switch (lookOver(value, MAX_JSON_DEPTH, 0)) {
    case PLAIN:
      return { value, exact: value }
    case WIDE:
      return { value, exact: exact() }
    case UNHELD:
      return faultOf('a number is larger than a double holds')
    case MANY:
      return faultOf(`there are too many values, or their names are too long; accepted: ${MAX_JSON_VALUES} values`)
    default:
      return tooDeep()
  }
}

function faultOf(message: string): { readonly fault: Fault } {
  return { fault: { path: '', message } }
}

function tooDeep(): { readonly fault: Fault } {
  return faultOf(`lists and objects are nested too deep; accepted: ${MAX_JSON_DEPTH} levels`)
}

/** By the brackets outside of strings: it costs a byte of time a byte, and no memory. */
function isDeep(bytes: Buffer, start: number, end: number): boolean {
  let depth = 0
  for (let p = start; p < end; p++) {
    const byte = bytes[p]!
    if (byte === 0x22) {
      for (p++; p < end && bytes[p] !== 0x22; p++) if (bytes[p] === 0x5c) p++
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_JSON_DEPTH + 1) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return false
}

const PLAIN = 0
/** There are integers that a double does not hold exactly. */
const WIDE = 1
const UNHELD = 2
const MANY = 3
const OVER = 4

/** So far in this message: values, and the characters of all their paths. Module variables, because there are many of both. */
let values = 0
let named = 0

function lookOver(value: unknown, levels: number, path: number): number {
  named += path
  if (++values > MAX_JSON_VALUES || named > MAX_NAMED) return MANY
  if (typeof value !== 'object' || value === null) return typeof value === 'number' ? lookAt(value) : PLAIN
  if (levels === 0) return OVER
  let worst = PLAIN
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && worst < MANY; i++) worst = Math.max(worst, lookOver(value[i], levels - 1, path + 6))
    return worst
  }
  // Nothing is enumerable that it inherits: JSON.parse makes plain objects.
  for (const key in value) {
    worst = Math.max(worst, lookOver((value as Record<string, unknown>)[key], levels - 1, path + key.length + 1))
    if (worst >= MANY) break
  }
  return worst
}

function lookAt(value: number): number {
  if (Number.isSafeInteger(value)) return PLAIN
  if (!Number.isFinite(value)) return UNHELD
  return Number.isInteger(value) ? WIDE : PLAIN
}

const DIGITS = /^-?\d+$/

/** A reviver: an integer that a double rounds comes as a bigint, with every digit that was sent. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  // A bound, because BigInt() of very many digits takes long.
  return source.length <= 400 && DIGITS.test(source) ? BigInt(source) : value
}
