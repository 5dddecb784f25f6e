// The tokens of JSON, straight from the bytes of a body: json-read.ts drives it. JSON.parse would lose the precision of 64-bit numbers,
// let duplicate members hide one another, and make objects of what comes from outside.
// Source: RFC 8259

import { MalformedError } from './wire.ts'

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const MINUS = 0x2d
export const OPEN_LIST = 0x5b
export const CLOSE_LIST = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
const BACKSLASH = 0x5c
const SPACE = 0x20
const ZERO = 0x30
const DOT = 0x2e
const LITERALS: ReadonlyMap<number, Buffer> = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]))
/** What stands for itself after a backslash, and what it means. */
const ESCAPES: ReadonlyMap<number, number> = new Map(
  ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'].map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)]),
)

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39
}

export class JsonScanner {
  readonly bytes: Buffer
  readonly end: number
  p = 0
  /** What the last string or number says, without its quotes, in bytes: a part of the body, or of a scratch where it held escapes. */
  text: Buffer
  start = 0
  stop = 0
  /** The last string held half of a surrogate pair, which no UTF-8 can say. */
  lone = false
  #scratch: Buffer = Buffer.alloc(0)
  /** What would close the objects and lists around `p`, while skipping. */
  #closers: Uint8Array = new Uint8Array(64)

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.end = bytes.length
    this.text = bytes
  }

  /** The body is not JSON: nothing of it can be used. */
  fail(reason: string, offset: number = this.p): never {
    throw new MalformedError(offset, `not JSON: ${reason}`)
  }

  /** The next byte that is not white space, which is not yet taken; -1 at the end. */
  peek(): number {
    const { bytes, end } = this
    let { p } = this
    while (p < end) {
      const byte = bytes[p]!
      if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
        this.p = p
        return byte
      }
      p++
    }
    this.p = p
    return -1
  }

  /** Takes `byte`, the only one that may stand here. */
  take(byte: number): void {
    if (this.peek() !== byte) this.fail(`expected ${String.fromCharCode(byte)}`)
    this.p++
  }

  /** Takes the name of a member and its colon: `text` is the name. */
  name(): void {
    if (this.peek() !== QUOTE) this.fail('expected the name of a member')
    this.string()
    this.take(COLON)
  }

  /** After a value in a list or an object: true where another follows, false where `closer` was taken. */
  more(closer: number): boolean {
    const byte = this.peek()
    if (byte !== COMMA && byte !== closer) this.fail(`expected , or ${String.fromCharCode(closer)}`)
    this.p++
    return byte === COMMA
  }

  /** After what opens a list or an object: true where it was closed at once. */
  empty(closer: number): boolean {
    if (this.peek() !== closer) return false
    this.p++
    return true
  }

  /** Takes the string whose quote stands at `p`. */
  string(): void {
    const { bytes, end } = this
    const start = this.p + 1
    this.lone = false
    for (let p = start; p < end; p++) {
      const byte = bytes[p]!
      if (byte === QUOTE) {
        this.text = bytes
        this.start = start
        this.stop = p
        this.p = p + 1
        return
      }
      if (byte === BACKSLASH) return this.#unescape(start, p)
      if (byte < SPACE) this.fail('a control character in a string', p)
    }
    this.fail('a string does not end', start - 1)
  }

  /** Takes the number that begins at `p`. */
  number(): void {
    this.text = this.bytes
    this.start = this.p
    if (this.bytes[this.p] === MINUS) this.p++
    if (this.bytes[this.p] === ZERO) this.p++
    else this.#digits()
    if (this.bytes[this.p] === DOT) {
      this.p++
      this.#digits()
    }
    if ((this.bytes[this.p]! | 0x20) === 0x65) {
      this.p++
      const sign = this.bytes[this.p]
      if (sign === MINUS || sign === 0x2b) this.p++
      this.#digits()
    }
    this.stop = this.p
  }

  /** Takes `true`, `false` or `null`, which begins with `first`. */
  literal(first: number): void {
    const word = LITERALS.get(first)
    if (word === undefined) this.fail('expected a value')
    if (this.bytes.compare(word, 0, word.length, this.p, Math.min(this.end, this.p + word.length)) !== 0) this.fail('expected a value')
    this.p += word.length
  }

  /** Takes any value, checking its syntax and nothing else. It does not recurse, so nesting costs a byte a level. */
  skip(): void {
    let depth = 0
    for (;;) {
      const byte = this.peek()
      const closer = byte === OPEN_OBJECT ? CLOSE_OBJECT : byte === OPEN_LIST ? CLOSE_LIST : 0
      if (closer === 0) this.#scalar(byte)
      else {
        this.p++
        if (!this.empty(closer)) {
          if (depth === this.#closers.length) this.#growClosers()
          this.#closers[depth++] = closer
          if (closer === CLOSE_OBJECT) this.name()
          continue
        }
      }
      while (depth > 0 && !this.more(this.#closers[depth - 1]!)) depth--
      if (depth === 0) return
      if (this.#closers[depth - 1] === CLOSE_OBJECT) this.name()
    }
  }

  #scalar(byte: number): void {
    if (byte === QUOTE) this.string()
    else if (byte === MINUS || isDigit(byte)) this.number()
    else this.literal(byte)
  }

  #digits(): void {
    const from = this.p
    while (this.p < this.end && isDigit(this.bytes[this.p]!)) this.p++
    if (this.p === from) this.fail('expected a digit')
  }

  #growClosers(): void {
    const larger = new Uint8Array(this.#closers.length * 2)
    larger.set(this.#closers)
    this.#closers = larger
  }

  /** The string that began at `start` has a backslash at `first`. Unescaped it is never longer. */
  #unescape(start: number, first: number): void {
    const { bytes } = this
    const end = this.#closingQuote(start, first)
    if (this.#scratch.length < end - start) this.#scratch = Buffer.allocUnsafeSlow(2 * (end - start))
    const out = this.#scratch
    let at = bytes.copy(out, 0, start, first)
    let p = first
    while (p < end) {
      const byte = bytes[p]!
      if (byte !== BACKSLASH) {
        out[at++] = byte
        p++
      } else if (bytes[p + 1] === 0x75) {
        const high = this.#unit(p, end)
        const pair = (high & 0xfc00) === 0xd800 && bytes[p + 6] === BACKSLASH && bytes[p + 7] === 0x75 ? this.#unit(p + 6, end) : 0
        const paired = (pair & 0xfc00) === 0xdc00
        at = this.#writeCodePoint(out, at, paired ? 0x10000 + ((high & 0x3ff) << 10) + (pair & 0x3ff) : high)
        p += paired ? 12 : 6
      } else {
        const meant = ESCAPES.get(bytes[p + 1]!)
        if (meant === undefined) this.fail('an unknown escape in a string', p)
        out[at++] = meant
        p += 2
      }
    }
    this.text = out
    this.start = 0
    this.stop = at
    this.p = end + 1
  }

  #closingQuote(start: number, from: number): number {
    for (let p = from; p < this.end; p++) {
      const byte = this.bytes[p]!
      if (byte === QUOTE) return p
      if (byte === BACKSLASH) p++
      else if (byte < SPACE) this.fail('a control character in a string', p)
    }
    return this.fail('a string does not end', start - 1)
  }

  /** The four hex digits of the escape at `p`. */
  #unit(p: number, end: number): number {
    let unit = 0
    for (let i = p + 2; i < p + 6; i++) {
      const digit = i < end ? hexDigit(this.bytes[i]!) : -1
      if (digit < 0) this.fail('expected four hex digits after \\u', p)
      unit = unit * 16 + digit
    }
    return unit
  }

  #writeCodePoint(out: Buffer, at: number, point: number): number {
    if (point < 0x80) {
      out[at] = point
      return at + 1
    }
    const lone = point >= 0xd800 && point <= 0xdfff
    if (lone) this.lone = true
    // Something stands for it, so that a name or a number does not pass for what it would be without.
    return at + out.write(lone ? '\ufffd' : String.fromCodePoint(point), at)
  }
}

/** -1 for what is none. */
export function hexDigit(byte: number): number {
  if (isDigit(byte)) return byte - ZERO
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
