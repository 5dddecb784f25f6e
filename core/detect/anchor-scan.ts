// The pass over the bytes of a chunk that finds where something might lie, for all active detectors at once. `Detection` holds one.
//
// It takes two bytes at a time, and looks closer where a table says that these two can be part of a match: bytes that are rare in telemetry,
// digits in a row, a piece of what secrets begin with. Whatever is looked for shows at either alignment. Nothing here may reject for what
// stands around a match: the neighbour may be a tag.

import { endianness } from 'node:os'
import { BIT } from './anchor-bits.ts'
import {
  BEGINNING,
  COLON,
  DASH,
  DASHED,
  DIGIT_LETTER,
  DOT,
  FIRST,
  HEX,
  IN_RUN,
  INTEGER,
  IS_DIGIT,
  LETTER,
  pairsFor,
  RUN,
  SECOND,
  SEPARATOR,
} from './byte-classes.ts'
import { Places } from './places.ts'
import { isSecretName, pairBeginsSecret } from './secret-anchors.ts'

/** Separators in a row within one run: `) `, ` (`, or a space of three bytes. */
const SEPARATORS_IN_A_ROW = 3
/** What an IBAN has at least behind its first four characters. */
const SHORTEST_BBAN = 11

/** In words of two pairs. Scratch that no call leaves anything in: one for all. A word's place in the stretch times 65,536, and the classes of its halves. */
const STRETCH = 4096
const MET = new Uint32Array(STRETCH + 1)
const IS_BIG = endianness() === 'BE'
/** Where the classes stand of the pair that comes first in memory, and of the other. */
const FIRST_HALF = IS_BIG ? 8 : 0
const SECOND_HALF = 8 - FIRST_HALF

export class AnchorScan extends Places {
  readonly #wanted: number
  readonly #wantsIban: boolean
  readonly #pairs: Uint8Array
  readonly #literals: readonly (readonly [bytes: Buffer, bits: number])[]
  /** Before these offsets everything was looked at, by a look that reached further than two bytes. */
  #runsSeenTo = 0
  #colonsSeenTo = 0

  constructor(wanted: number, literals: ReadonlyMap<string, number>) {
    super()
    this.#wanted = wanted
    this.#wantsIban = (wanted & BIT.iban) !== 0
    this.#pairs = pairsFor(wanted)
    this.#literals = [...literals].map(([text, bits]) => [Buffer.from(text), bits])
  }

  /** How many places there are in `[from, to)`: the columns hold them until the next call. */
  scan(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
    this.clear()
    this.#runsSeenTo = from
    this.#colonsSeenTo = from
    // Aligned in memory, so that up to three bytes outside of [from, to) may be in the first word, and in the last.
    const first = from - ((bytes.byteOffset + from) & 3)
    const inMemory = Math.min(to - first + 3, bytes.buffer.byteLength - bytes.byteOffset - first) >> 2
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + first, inMemory)
    const table = this.#pairs
    for (let at = 0; at < inMemory; at += STRETCH) {
      const met = meet(words, at, Math.min(at + STRETCH, inMemory), table)
      for (let i = 0; i < met; i++) {
        const word = first + 4 * (at + (MET[i]! >>> 16))
        const one = (MET[i]! >>> FIRST_HALF) & 0xff
        const other = (MET[i]! >>> SECOND_HALF) & 0xff
        if (one !== 0 && word + 1 >= from && (one !== RUN || this.#isWorthALook(bytes, word))) this.#look(bytes, word, one, from, to)
        if (other !== 0 && word + 2 < to && (other !== RUN || this.#isWorthALook(bytes, word + 2)))
          this.#look(bytes, word + 2, other, from, to)
      }
    }
    // What is left where the memory ends.
    for (let at = first + 4 * inMemory; at < to; at += 2)
      if (at + 1 >= from) this.#look(bytes, at, table[pairOf(bytes[at] ?? 0, bytes[at + 1] ?? 0)]!, from, to)
    if (this.#literals.length > 0) this.#findLiterals(bytes, from, to)
    return this.count
  }

  /** Digits alone: most are a short number, or were looked at with those before them. */
  #isWorthALook(bytes: Uint8Array, at: number): boolean {
    return at + 1 >= this.#runsSeenTo && (this.#wantsIban || isLongRun(bytes, at))
  }

  #look(bytes: Uint8Array, at: number, classes: number, from: number, to: number): void {
    if ((classes & RUN) !== 0 && at + 1 >= this.#runsSeenTo) {
      if (isLongRun(bytes, at)) this.#number(bytes, at, from, to)
      else if (this.#wantsIban) this.#iban(bytes, at, from, to)
    }
    if (classes === RUN) return
    if ((classes & INTEGER) !== 0) {
      if (at >= from && isLarge(bytes, at, to)) this.add(at, at + 9, BIT.integer)
      else if (isLarge(bytes, at + 1, to)) this.add(at + 1, at + 10, BIT.integer)
      if (classes === INTEGER) return
    }
    if ((classes & FIRST) !== 0 && at >= from) this.#single(bytes, at, to)
    if ((classes & SECOND) !== 0 && at + 1 < to) this.#single(bytes, at + 1, to)
    if ((classes & DIGIT_LETTER) !== 0 && at > from && IS_DIGIT[bytes[at - 1]!] === 1 && startsIban(bytes, at - 1, to))
      this.add(at - 1, at + 1, BIT.iban)
    if ((classes & BEGINNING) !== 0 && pairBeginsSecret(bytes, at)) this.add(Math.max(from, at), at + 1, BIT.secret)
    if ((classes & DASHED) !== 0 && at >= this.#runsSeenTo && dashesOfMac(bytes, at)) this.add(at, at + 1, BIT.colons)
  }

  /** Digits that go on with letters, or soon end. */
  #iban(bytes: Uint8Array, at: number, from: number, to: number): void {
    const start = at > from && IS_DIGIT[bytes[at - 1]!] === 1 ? at - 1 : at
    if (LETTER[bytes[start - 1]!] === 1 && startsIban(bytes, start, to)) this.add(start, start + 2, BIT.iban)
  }

  /** A byte that says something alone. */
  #single(bytes: Uint8Array, at: number, to: number): void {
    const byte = bytes[at]!
    if (byte === 0x40) this.add(at, at + 1, BIT.at | BIT.assignment)
    else if (byte === COLON) this.#colon(bytes, at, to)
    else if (byte === 0x3d) {
      if (isSecretName(bytes, bytes[at - 1] === 0x20 ? at - 1 : at)) this.add(at, at + 1, BIT.assignment)
    } else this.#escape(bytes, at)
  }

  /** A run of digits, also in groups, of which some are in the pair that stands here. */
  #number(bytes: Uint8Array, pair: number, from: number, to: number): void {
    let start = pair
    if (start > from && IS_DIGIT[bytes[start - 1]!] === 1) start--
    while (start < this.#runsSeenTo || IS_DIGIT[bytes[start]!] !== 1) if (++start >= to || start > pair + 1) return
    let bits = this.#wantsIban && startsIban(bytes, start, to) ? BIT.iban : 0
    let digits = 0
    let dots = 0
    let beforeLast = 0
    let last = 0
    let at = start
    for (;;) {
      const groupAt = at
      while (at < to && IS_DIGIT[bytes[at]!] === 1) at++
      const length = at - groupAt
      digits += length
      if (length >= 4 && last === 2 && beforeLast >= 3) bits |= BIT.triple
      beforeLast = last
      last = length
      const next = at < to && IN_RUN[bytes[at]!] === SEPARATOR ? nextGroup(bytes, at, to) : -1
      if (next < 0) break
      if (bytes[at] === DOT) dots++
      else if (bytes[at] === DASH && dashesOfMac(bytes, at)) bits |= BIT.colons
      at = next
    }
    this.#runsSeenTo = at
    if (digits >= 7) bits |= digits >= 12 ? BIT.long_number | BIT.number : BIT.number
    if (dots >= 3) bits |= BIT.dotted
    if ((bits & this.#wanted) !== 0) this.add(start, at, bits)
  }

  #colon(bytes: Uint8Array, at: number, to: number): void {
    if (isQuote(bytes[at - 1]!) && isSecretName(bytes, bytes[at - 2] === 0x5c ? at - 2 : at - 1)) this.add(at, at + 1, BIT.assignment)
    // https://hooks.slack.com
    if (bytes[at + 3] === 0x68 && bytes[at + 4] === 0x6f && bytes[at + 8] === DOT && bytes[at + 9] === 0x73)
      this.add(at, at + 10, BIT.secret)
    if (at >= this.#colonsSeenTo) this.#colons(bytes, at, to)
  }

  /** Colons with hexadecimal digits between them, from the first on. */
  #colons(bytes: Uint8Array, start: number, to: number): void {
    let count = 1
    let digits = 0
    let isDouble = false
    let at = start + 1
    for (; at < to && digits <= 4; at++) {
      const byte = bytes[at]!
      if (byte === COLON) {
        isDouble ||= digits === 0
        count++
        digits = 0
      } else if (HEX[byte] === 1) digits++
      else break
    }
    this.#colonsSeenTo = at
    if (isDouble || count >= 5) this.add(start, at, BIT.colons)
  }

  /** `%40`, `%2540`, `%3D`. */
  #escape(bytes: Uint8Array, at: number): void {
    const code = hexValue(bytes, at + 1)
    if (code === 0x40) this.add(at, at + 3, BIT.at | BIT.assignment)
    else if (code === 0x25 && hexValue(bytes, at + 3) === 0x40) this.add(at, at + 5, BIT.at)
    else if (code === 0x3d && isSecretName(bytes, at)) this.add(at, at + 3, BIT.assignment)
  }

  #findLiterals(bytes: Uint8Array, from: number, to: number): void {
    const within = Buffer.from(bytes.buffer, bytes.byteOffset, to)
    for (const [literal, bits] of this.#literals)
      for (let at = within.indexOf(literal, from); at >= 0; at = within.indexOf(literal, at + 1)) this.add(at, at + literal.length, bits)
  }
}

/**
 * Collects where the table has something to say. A loop of its own, without calls and almost without branches: with the closer looks in it,
 * it takes three times as long.
 */
function meet(words: Uint32Array, from: number, to: number, table: Uint8Array): number {
  let count = 0
  for (let i = from; i < to; i++) {
    const word = words[i]!
    const classes = table[word & 0xffff]! | (table[word >>> 16]! << 8)
    MET[count] = ((i - from) << 16) | classes
    count += (classes + 0xffff) >>> 16
  }
  return count
}

/** The tag of an `int64` or a `double`, and a number of 12 digits or more. */
function isLarge(bytes: Uint8Array, at: number, to: number): boolean {
  const tag = bytes[at]!
  if (tag === 0x18)
    return bytes[at + 1]! >= 0x80 && bytes[at + 2]! >= 0x80 && bytes[at + 3]! >= 0x80 && bytes[at + 4]! >= 0x80 && bytes[at + 5]! >= 0x80
  // Longer than it need be: what the number is, nobody looks here.
  if (tag === 0x98 || tag === 0xa1) return (bytes[at + 1]! & 0x7f) === 0
  return tag === 0x21 && at + 8 < to && (bytes[at + 8]! & 0xfe) === 0x42
}

/** What is looked for has seven characters or more, and begins here or one before. */
function isLongRun(bytes: Uint8Array, at: number): boolean {
  return IN_RUN[bytes[at + 2]!]! !== 0 && IN_RUN[bytes[at + 3]!]! !== 0 && IN_RUN[bytes[at + 4]!]! !== 0 && IN_RUN[bytes[at + 5]!]! !== 0
}

/** Where the digits go on behind these separators; -1 if they do not. */
function nextGroup(bytes: Uint8Array, at: number, to: number): number {
  let next = at + 1
  while (next < to && next - at < SEPARATORS_IN_A_ROW && IN_RUN[bytes[next]!] === SEPARATOR) next++
  return next < to && IS_DIGIT[bytes[next]!] === 1 ? next : -1
}

/** Two letters in front of the digits, two digits, and enough behind them. */
function startsIban(bytes: Uint8Array, at: number, to: number): boolean {
  if (LETTER[bytes[at - 1]!] !== 1 || LETTER[bytes[at - 2]!] !== 1 || IS_DIGIT[bytes[at + 1]!] !== 1) return false
  let characters = 0
  let separators = 0
  for (let next = at + 2; next < to && separators <= SEPARATORS_IN_A_ROW; next++) {
    const byte = bytes[next]!
    if (LETTER[byte] === 1 || IS_DIGIT[byte] === 1) {
      if (++characters === SHORTEST_BBAN) return true
      separators = 0
    } else if (IN_RUN[byte] === SEPARATOR) separators++
    else return false
  }
  return false
}

/** A dash, two digits, a dash, two digits, a dash: three dashes of a MAC address, whichever they are. */
function dashesOfMac(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 3] === DASH && bytes[at + 6] === DASH && HEX[bytes[at + 1]!] === 1 && HEX[bytes[at + 5]!] === 1
}

function hexValue(bytes: Uint8Array, at: number): number {
  const [high, low] = [bytes[at]!, bytes[at + 1]!]
  return HEX[high] === 1 && HEX[low] === 1 ? Number.parseInt(String.fromCharCode(high, low), 16) : -1
}

function isQuote(byte: number): boolean {
  return byte === 0x22 || byte === 0x27
}

function pairOf(first: number, second: number): number {
  return IS_BIG ? first * 256 + second : second * 256 + first
}
