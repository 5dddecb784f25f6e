// The pass over the bytes of a chunk that finds where something might lie, for all active detectors at once. `Detection` holds one.
//
// Most bytes are in no class and cost one look into a table. A byte that is rare in telemetry and part of every match starts a closer look;
// digits start a look at the whole run of them. Nothing here may reject for what stands around a match: the neighbour may be a tag.

import { BIT } from './anchor-bits.ts'
import { classesFor, DIGIT, HEX, LETTER, SEPARATOR } from './byte-classes.ts'
import { isSecretName, startsSecret } from './secret-anchors.ts'

const DASH = 0x2d
const DOT = 0x2e
const COLON = 0x3a
/** Separators in a row within one run: `) `, ` (`, or a space of three bytes. */
const SEPARATORS_IN_A_ROW = 3
/** What an IBAN has at least behind its first four characters, and the bytes in which that has to come. */
const SHORTEST_BBAN = 11

/** A list of places. The columns are replaced as they grow: read them after `scan`. */
export class AnchorScan {
  /** `[starts, ends)`, offsets into the bytes, in the order of their starts; and what was seen there. */
  starts: Uint32Array = new Uint32Array(64)
  ends: Uint32Array = new Uint32Array(64)
  bits: Uint32Array = new Uint32Array(64)
  #count = 0
  readonly #wanted: number
  readonly #classes: Uint8Array
  readonly #literals: readonly (readonly [bytes: Buffer, bits: number])[]

  constructor(wanted: number, literals: ReadonlyMap<string, number>) {
    this.#wanted = wanted
    this.#classes = classesFor(wanted)
    this.#literals = [...literals].map(([text, bits]) => [Buffer.from(text), bits])
  }

  /** How many places there are in `[from, to)`: the columns hold them until the next call. */
  scan(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
    this.#count = 0
    const classes = this.#classes
    let colonsSeenTo = from
    for (let at = from; at < to; at++) {
      switch (classes[bytes[at]!]) {
        case 0:
          break
        case DIGIT:
          at = this.#number(bytes, at, to) - 1
          break
        case 2: // @
          this.#add(at, at + 1, BIT.at | BIT.assignment)
          break
        case 3: // :
          if (at >= colonsSeenTo) colonsSeenTo = this.#colons(bytes, at, to)
          break
        case 4: // =
          if (isSecretName(bytes, at)) this.#add(at, at + 1, BIT.assignment)
          break
        case 5: // %
          this.#escape(bytes, at)
          break
        case 6: // -
          if (dashesOfMac(bytes, at)) this.#add(at, at + 1, BIT.colons)
          else if (startsSecret(bytes, at)) this.#add(at, at + 1, BIT.secret)
          break
        case 7: // one of a secret's
          if (startsSecret(bytes, at)) this.#add(at, at + 1, BIT.secret)
          break
        default: // a tag of AnyValue
          this.#integer(bytes, at, to)
      }
    }
    if (this.#literals.length > 0) this.#findLiterals(bytes, from, to)
    return this.#count
  }

  /** A run of digits, also in groups: says where it ends. */
  #number(bytes: Uint8Array, start: number, to: number): number {
    let bits = startsIban(bytes, start, to) ? BIT.iban : 0
    if (startsSecret(bytes, start)) bits |= BIT.secret
    let digits = 0
    let dots = 0
    let [first, second, third] = [0, 0, 0]
    let at = start
    for (;;) {
      const groupAt = at
      while (at < to && CLASS_OF[bytes[at]!] === DIGIT) at++
      digits += at - groupAt
      ;[first, second, third] = [second, third, at - groupAt]
      if (first >= 3 && second === 2 && third >= 4) bits |= BIT.triple
      let next = at
      while (next < to && next - at < SEPARATORS_IN_A_ROW && CLASS_OF[bytes[next]!] === SEPARATOR) next++
      if (next === at || next >= to || CLASS_OF[bytes[next]!] !== DIGIT) break
      if (bytes[at] === DOT) dots++
      else if (bytes[at] === DASH && dashesOfMac(bytes, at)) bits |= BIT.colons
      at = next
    }
    if (digits >= 12) bits |= BIT.long_number
    if (digits >= 7) bits |= BIT.number
    if (dots >= 3) bits |= BIT.dotted
    if ((bits & this.#wanted) !== 0) this.#add(start, at, bits)
    return at
  }

  /** Colons with hexadecimal digits between them, from the first on: says how far they reach. */
  #colons(bytes: Uint8Array, start: number, to: number): number {
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
    if (isDouble || count >= 5) this.#add(start, at, BIT.colons)
    return at
  }

  /** `%40`, `%2540`, `%3D`, and `%20` behind the name of a scheme. */
  #escape(bytes: Uint8Array, at: number): void {
    const code = hexValue(bytes, at + 1)
    if (code === 0x40) this.#add(at, at + 3, BIT.at | BIT.assignment)
    else if (code === 0x25 && hexValue(bytes, at + 3) === 0x40) this.#add(at, at + 5, BIT.at)
    else if (code === 0x3d && isSecretName(bytes, at)) this.#add(at, at + 3, BIT.assignment)
    else if (code === 0x20 && startsSecret(bytes, at)) this.#add(at, at + 3, BIT.secret)
  }

  /** `int64 int_value = 3; double double_value = 4;` of AnyValue, where the number is of 12 digits or more. */
  #integer(bytes: Uint8Array, at: number, to: number): void {
    if (bytes[at] === 0x18) {
      for (let next = at + 1; next <= at + 5; next++) if (next >= to || bytes[next]! < 0x80) return
      this.#add(at, at + 7, BIT.integer)
    } else if (at + 8 < to && (bytes[at + 8] === 0x42 || bytes[at + 8] === 0x43)) this.#add(at, at + 9, BIT.integer)
  }

  #findLiterals(bytes: Uint8Array, from: number, to: number): void {
    const before = this.#count
    const within = Buffer.from(bytes.buffer, bytes.byteOffset, to)
    for (const [literal, bits] of this.#literals)
      for (let at = within.indexOf(literal, from); at >= 0; at = within.indexOf(literal, at + 1)) this.#add(at, at + literal.length, bits)
    if (this.#count > before && this.#literals.length + before > 1) this.#sort()
  }

  #sort(): void {
    const order = Array.from({ length: this.#count }, (_, i) => i).sort((a, b) => this.starts[a]! - this.starts[b]!)
    for (const name of ['ends', 'bits', 'starts'] as const) {
      const sorted = new Uint32Array(this.starts.length)
      for (const [at, from] of order.entries()) sorted[at] = this[name][from]!
      this[name] = sorted
    }
  }

  #add(start: number, end: number, bits: number): void {
    const at = this.#count++
    if (at === this.starts.length) this.#grow()
    this.starts[at] = start
    this.ends[at] = end
    this.bits[at] = bits
  }

  #grow(): void {
    for (const name of ['starts', 'ends', 'bits'] as const) {
      const larger = new Uint32Array(2 * this[name].length)
      larger.set(this[name])
      this[name] = larger
    }
  }
}

const CLASS_OF: Uint8Array = classesFor(0, true)

/** Two letters in front of the digits, two digits, and enough behind them. */
function startsIban(bytes: Uint8Array, at: number, to: number): boolean {
  if (LETTER[bytes[at - 1]!] !== 1 || LETTER[bytes[at - 2]!] !== 1 || CLASS_OF[bytes[at + 1]!] !== DIGIT) return false
  let characters = 0
  let separators = 0
  for (let next = at + 2; next < to && separators <= SEPARATORS_IN_A_ROW; next++) {
    const byte = bytes[next]!
    if (LETTER[byte] === 1 || CLASS_OF[byte] === DIGIT) {
      if (++characters === SHORTEST_BBAN) return true
      separators = 0
    } else if (CLASS_OF[byte] === SEPARATOR) separators++
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
